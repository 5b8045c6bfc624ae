"""The expected geometry of unequal classes against closed forms, and the metrics against it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.oracle import Outcome, measure
from tests.support.oracle.imbalance import label_matrix, minority, seli_means, seli_weights
from tests.support.oracle.view import Index
from tests.support.point_sets import cloud, etf
from tests.support.populations import Array

SELI = ("nc2.seli_deviation.means", "nc2.seli_deviation.weights", "nc3.seli_deviation")
MINORITY = tuple(
    f"imbalance.{name}.{side}"
    for name in ("minority_cosine", "norm_ratio")
    for side in ("means", "weights")
)


def _value(outcome: Outcome) -> float:
    assert outcome.value is not None, outcome.reason
    return outcome.value


def _sizes(*counts: int) -> Index:
    return np.array(counts, dtype=np.intp)


def _cosines(gram: Array) -> Array:
    lengths = np.sqrt(gram.diagonal())  # (K,)
    cosines: Array = gram / np.outer(lengths, lengths)
    return cosines


def _step(classes: int, ratio: int, smallest: int = 1) -> Index:
    return np.repeat(_sizes(ratio * smallest, smallest), classes // 2)


def _interpolating(counts: Index) -> tuple[Array, Index, Array]:
    """Features U sqrt(L), their labels, and a head V sqrt(L): the geometry itself."""
    left, spectrum, right = np.linalg.svd(label_matrix(counts), full_matrices=False)
    root = np.sqrt(spectrum[:-1])  # (K-1,)
    labels = np.repeat(np.arange(len(counts)), counts)  # (N,)
    return right[:-1].T * root, labels, left[:, :-1] * root


# The expected geometry


# The tabulated cosines and squared lengths of four classes of 10, 10, 1 and 1.
def test_tabulated() -> None:
    counts = _sizes(10, 10, 1, 1)
    weights, means = seli_weights(counts), seli_means(counts)
    assert weights[0, 0] / weights[3, 3] == pytest.approx(1.995247, abs=6e-7)
    assert means[0, 0] / means[3, 3] == pytest.approx(0.436390, abs=6e-7)
    between = _cosines(weights)[[0, 2, 0], [1, 3, 2]]  # majority, minority, across
    assert between == pytest.approx(np.array([-0.458991, 0.079446, -0.382096]), abs=6e-7)
    within = _cosines(means)[[0, 2], [1, 3]]
    assert within == pytest.approx(np.array([-0.194601, -0.648532]), abs=6e-7)
    aligned = (1 - 1 / 4) / np.sqrt(weights.diagonal() * means.diagonal())  # cos(w_c, h_c)
    assert aligned.mean() == pytest.approx(0.957033, abs=6e-7)
    steeper = _cosines(seli_weights(_sizes(100, 100, 1, 1)))
    assert steeper[2, 3] == pytest.approx(0.560745, abs=6e-7)


# Where half the classes are R times the other half, the lengths have a formula.
@pytest.mark.parametrize(
    ("classes", "ratio"), [(4, 10), (4, 100), (10, 10), (6, 7), (2, 50), (8, 1)]
)
@pytest.mark.parametrize("smallest", [1, 3])
def test_steps(classes: int, ratio: int, smallest: int) -> None:
    counts = _step(classes, ratio, smallest)
    a, rest, root = math.sqrt((ratio + 1) / 2), 1 - 2 / classes, math.sqrt(ratio)
    weights, means = seli_weights(counts).diagonal(), seli_means(counts).diagonal()
    lengths = (rest * root + a / classes) / (rest + a / classes)
    assert weights[0] / weights[-1] == pytest.approx(lengths, rel=1e-12)
    lengths = (rest / root + 1 / (classes * a)) / (rest + 1 / (classes * a))
    assert means[0] / means[-1] == pytest.approx(lengths, rel=1e-12)


# Without the decomposition: with P = I - 11'/K and D the sizes, VLV' is the root of PDP, and ULU'
# on one sample per class is P (PDP)^(-1/2) P.
@pytest.mark.parametrize("counts", [(5, 5, 5), (1, 2, 3, 4), (50, 7, 7, 1, 1), (9, 2)])
def test_roots(counts: tuple[int, ...]) -> None:
    classes = len(counts)
    centred = np.eye(classes) - 1 / classes  # (K, K)
    spectrum, axes = np.linalg.eigh(centred @ np.diag(counts) @ centred)  # ascending, 0 first
    root, axes = np.sqrt(spectrum[1:]), axes[:, 1:]
    assert seli_weights(_sizes(*counts)) == pytest.approx((axes * root) @ axes.T, abs=1e-12)
    inverse = centred @ (axes / root) @ axes.T @ centred
    assert seli_means(_sizes(*counts)) == pytest.approx(inverse, abs=1e-12)


# Equal classes are expected at a simplex.
def test_balanced() -> None:
    target = (np.eye(5) - 1 / 5) / 2  # (5, 5)
    for gram in (seli_weights(_sizes(*[7] * 5)), seli_means(_sizes(*[7] * 5))):
        assert gram / np.linalg.norm(gram) == pytest.approx(target, abs=1e-14)


# The metrics


# Features and head in the expected geometry deviate from it by nothing, though they are no
# simplex and not dual, and scaling or turning either changes nothing.
@pytest.mark.parametrize("counts", [(10, 10, 1, 1), (100, 100, 1, 1), (20, 9, 5, 3, 3)])
def test_at_the_geometry(counts: tuple[int, ...]) -> None:
    features, labels, weight = _interpolating(_sizes(*counts))
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((len(counts) - 1,) * 2))[0]
    for turned in (
        measure(features, labels, weight),
        measure(3 * features @ turn + 2, labels, 0.1 * weight @ turn),
    ):
        assert [_value(turned[name]) for name in SELI] == pytest.approx([0, 0, 0], abs=1e-13)
        assert _value(turned["nc2.etf_deviation.means"]) > 0.1
        assert _value(turned["nc2.etf_deviation.weights"]) > 0.1
    if counts == (10, 10, 1, 1):
        outcomes = measure(features, labels, weight)
        assert _value(outcomes["nc3.cosine"]) == pytest.approx(0.957033, abs=6e-7)


# A simplex deviates by the distance of the two expected matrices, whatever its labels' order.
def test_simplex_deviates() -> None:
    random, counts = np.random.default_rng(1), _sizes(40, 10, 2)
    labels = random.permutation(np.repeat([7, 3, 5], counts))  # (52,)
    means = np.zeros((8, 4))
    means[[3, 5, 7]] = etf(3, 4)
    outcomes = measure(means[labels], labels, etf(3, 4))
    ordered = _sizes(10, 2, 40)
    target = (np.eye(3) - 1 / 3) / math.sqrt(2)  # (3, 3)
    for side, gram in (("means", seli_means(ordered)), ("weights", seli_weights(ordered))):
        expected = np.linalg.norm(gram / np.linalg.norm(gram) - target)
        assert _value(outcomes[f"nc2.seli_deviation.{side}"]) == pytest.approx(float(expected))
        assert expected > 0.2


# In the SELI geometry itself the logits are the labels; with equal sizes but one they are not T_K.
def test_logits_of_the_best_geometry() -> None:
    counts = _sizes(50, 10, 4, 2)
    labels = np.repeat(np.arange(4), counts)
    left, spectrum, right = np.linalg.svd(label_matrix(counts), full_matrices=False)
    firsts = np.cumsum(counts) - counts
    weight = left * np.sqrt(spectrum)
    means = right.T[firsts] * np.sqrt(spectrum)
    outcomes = measure(means[labels], labels, weight)
    assert _value(outcomes["nc3.seli_deviation"]) == pytest.approx(0, abs=1e-7)
    simplex = measure(etf(4, 4)[labels], labels, etf(4, 4))
    assert _value(simplex["nc3.seli_deviation"]) == pytest.approx(0, abs=1e-7)
    swapped = measure(etf(4, 4)[labels], labels, etf(4, 4)[[1, 0, 2, 3]])
    assert _value(swapped["nc3.seli_deviation"]) > 0.5


RATIOS = [((3, 2, 3), False), ((7, 4), True), ((4, 4), False), ((150, 100), False),
          ((151, 100), True)]  # fmt: skip


# Classes count as unequal beyond a ratio of one and a half.
@pytest.mark.parametrize(("counts", "unequal"), RATIOS)
def test_threshold(counts: tuple[int, ...], unequal: bool) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)  # (N,)
    features = cloud(2, len(labels), 4)
    outcomes = measure(features, labels, cloud(3, len(counts), 4))
    for name in (*SELI, *(name for name in MINORITY if "norm" in name)):
        assert (outcomes[name].value is not None) == unequal
        assert unequal or "1.5" in str(outcomes[name].reason)


# The minority are the classes up to the geometric mean of the extreme sizes.
def test_minority() -> None:
    assert minority(_sizes(100, 10, 1)).tolist() == [False, True, True]
    assert minority(_sizes(100, 11, 1, 9)).tolist() == [False, False, True, True]
    assert minority(_step(6, 50)).tolist() == [False] * 3 + [True] * 3


# By hand: minority rows at right angles, or in one direction, and half or twice as long.
def test_minority_by_hand() -> None:
    labels = np.repeat(np.arange(4), [20, 20, 2, 2])  # (44,)
    means = np.array([[4.0, 0], [-4.0, 0], [0.0, 2], [0.0, -2]])  # (4, 2) about 0
    weight = np.array([[0.0, 1], [0.0, 3], [2.0, 0], [6.0, 0]])  # (4, 2)
    outcomes = measure(means[labels], labels, weight)
    values = [_value(outcomes[name]) for name in MINORITY]
    assert values == pytest.approx([-1.0, 1.0, 0.5, 2.0])
    weight[2:] = [[5.0, 0], [0.0, -5]]
    outcomes = measure(means[labels], labels, weight)
    assert _value(outcomes["imbalance.minority_cosine.weights"]) == pytest.approx(0)


# At the expected geometry, the minority's rows close up and shorten as the ratio grows.
def test_minority_of_the_geometry() -> None:
    cosines = []
    for ratio, cosine, length in ((10, 0.079446, 1.995247), (100, 0.560745, None)):
        features, labels, weight = _interpolating(_sizes(ratio, ratio, 1, 1))
        outcomes = measure(features, labels, weight)
        cosines.append(_value(outcomes["imbalance.minority_cosine.weights"]))
        assert cosines[-1] == pytest.approx(cosine, abs=6e-7)
        if length:
            ratios = [_value(outcomes[f"imbalance.norm_ratio.{s}"]) for s in ("means", "weights")]
            assert ratios == pytest.approx([0.436390**-0.5, length**-0.5], abs=1e-6)
    assert cosines == sorted(cosines)


# Rows of the head without samples take no part; a lone minority has no cosine; zeros no ratio.
def test_undefined() -> None:
    labels = np.repeat([0, 1, 3], [20, 20, 2])  # (42,)
    features, weight = cloud(4, 42, 5), cloud(5, 5, 5)
    outcomes = measure(features, labels, weight)
    short = measure(features, labels, weight[[0, 1, 3]])
    for name in (*SELI, *MINORITY):
        assert outcomes[name] == short[name]
        assert (outcomes[name].value is None) == ("minority_cosine" in name)
    assert outcomes["imbalance.minority_cosine.means"].reason == "there is one minority class"
    weight[:2] = 0
    outcomes = measure(features, labels, weight)
    assert "zero" in str(outcomes["imbalance.norm_ratio.weights"].reason)
    alone = measure(features, labels)
    assert alone["nc3.seli_deviation"].reason == "needs classifier weights"
    assert alone["nc2.seli_deviation.means"].value is not None
