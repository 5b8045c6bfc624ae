"""Samples on the sphere and the gaps between and within classes: by hand and in long arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from tests.support.oracle import Outcome, measure
from tests.support.oracle.hug_within import JITTER
from tests.support.oracle.view import Center
from tests.support.point_sets import cloud, etf
from tests.support.populations import DEGENERATE, POPULATIONS, Array, Population, stored

SIDES = ("means", "weights")


def _value(outcome: Outcome) -> float:
    assert outcome.value is not None, outcome.reason
    return outcome.value


def _measure(whole: Population) -> dict[str, Outcome]:
    return measure(whole.features, whole.labels, whole.weight, whole.bias)


# Samples and anchors


def _collapsed(means: Array, counts: int = 4) -> dict[str, Outcome]:
    labels = np.repeat(np.arange(len(means)), counts)  # (N,)
    return measure(means[labels], labels, 3 * means)


# At collapse to a simplex that is its own head, every gap is at its best, on both sides.
@pytest.mark.parametrize("classes", [2, 4, 10])
def test_gaps_at_collapse(classes: int) -> None:
    outcomes = _collapsed(etf(classes, classes + 2), 6)
    within = 6 * math.log(JITTER) + math.log(JITTER + 7)
    for side in SIDES:
        assert _value(outcomes[f"hug.reverse_energy.{side}"]) == pytest.approx(0, abs=1e-15)
        mhe = -(classes - 1) / (2 * classes)
        assert _value(outcomes[f"hug.mhe.{side}"]) == pytest.approx(mhe, rel=1e-13)
        mhs = math.sqrt(2 * classes / (classes - 1))
        assert _value(outcomes[f"hug.mhs.{side}"]) == pytest.approx(mhs, rel=1e-13)
        mgd = _value(outcomes[f"hug.logdet.{side}"]) - within
        assert _value(outcomes[f"hug.mgd.{side}"]) == pytest.approx(mgd, rel=1e-9)
        uniformity = outcomes[f"hug.uniformity.{side}"].value
        # Of two class means the opposite is all there is.
        assert uniformity == (None if (classes, side) == (2, "means") else pytest.approx(1))
    for name in ("hug.alignment", "hug.pair_distance"):
        assert _value(outcomes[name]) == 0.0


def _chord(degrees: float) -> float:
    return 2 * math.sin(math.radians(degrees) / 2)


def _at(degrees: list[float], radius: float = 1.0) -> Array:
    angles = np.radians(degrees)  # (n,)
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])  # (n, 2)


# By hand, on a circle: samples at 0, 30 | 90, 100, 170 degrees, head at 10, 100 (and 250 unused).
def test_by_hand() -> None:
    features = np.vstack([_at([0, 30], 2.0), _at([90, 100, 170], 5.0)])  # (5, 2)
    labels, weight = np.array([0, 0, 1, 1, 1]), _at([10, 100, 250], 7.0)
    outcomes = measure(features, labels, weight, np.zeros(3), alpha=3.0, beta=0.5)
    by_class = [(_chord(10) + _chord(20)) / 2, (_chord(10) + _chord(70)) / 3]
    assert outcomes["hug.reverse_energy.weights"].per_class == pytest.approx(np.array(by_class))
    within = sum(by_class) / 2
    assert _value(outcomes["hug.reverse_energy.weights"]) == pytest.approx(within)
    two = (_chord(90) ** -2 + _chord(120) ** -2 + _chord(150) ** -2) / 3
    assert _value(outcomes["hug.mhe.weights"]) == pytest.approx(-3 * two - 0.5 * within)
    largest = (_chord(20) + _chord(70)) / 2
    assert _value(outcomes["hug.mhs.weights"]) == pytest.approx(3 * _chord(90) - 0.5 * largest)
    grams = [np.exp(-(np.array([[_chord(a - b) for a in degrees] for b in degrees]) ** 2))
             for degrees in ([0, 30, 10], [90, 100, 170, 100])]  # fmt: skip
    dets = [float(np.linalg.slogdet(gram + JITTER * np.eye(len(gram)))[1]) for gram in grams]
    gap = 3 * _value(outcomes["hug.logdet.weights"]) - 0.5 * sum(dets) / 2
    assert _value(outcomes["hug.mgd.weights"]) == pytest.approx(gap, rel=1e-8)
    pairs = [[_chord(30)], [_chord(10), _chord(70), _chord(80)]]
    means = [sum(chords) / len(chords) for chords in pairs]
    squares = [sum(chord**2 for chord in chords) / len(chords) for chords in pairs]
    for name, values in (("hug.pair_distance", means), ("hug.alignment", squares)):
        assert outcomes[name].per_class == pytest.approx(np.array(values))
        assert _value(outcomes[name]) == pytest.approx(sum(values) / 2)


# Of the means, everything is seen from the global mean: moving and scaling all features together
# leaves it alone, for either centre.
@pytest.mark.parametrize("center", ["balanced", "samples"])
def test_seen_from_the_global_mean(center: Center) -> None:
    whole = POPULATIONS["one_sample_class"]()
    labels = whole.labels.astype(np.int64)
    by: Callable[..., dict[str, Outcome]] = partial(measure, labels=labels, center=center)
    plain, moved = by(whole.features), by(4 * whole.features + 64)
    means = np.stack([whole.features[labels == c].mean(axis=0) for c in range(5)])  # (5, D)
    middle = means.mean(axis=0) if center == "balanced" else whole.features.mean(axis=0)
    shifted = measure(whole.features - middle, labels, means - middle)
    for name in ("reverse_energy", "mhe", "mhs", "mgd"):
        gap = _value(plain[f"hug.{name}.means"])
        assert gap == pytest.approx(_value(moved[f"hug.{name}.means"]), rel=1e-11)
        assert gap == pytest.approx(_value(shifted[f"hug.{name}.weights"]), rel=1e-9)


# Mean squares of pair distances are 2n/(n-1) (1 - |mean|^2) of the directions.
def test_alignment_identity() -> None:
    whole = POPULATIONS["one_sample_class"]()
    alignment = measure(whole.features, whole.labels)["hug.alignment"]
    unit = whole.features / np.linalg.norm(whole.features, axis=1)[:, None]  # (N, D)
    groups = [unit[whole.labels == c] for c in (0, 1, 3, 4)]
    exact = [2 * len(own) / (len(own) - 1) * (1 - (own.mean(axis=0) ** 2).sum()) for own in groups]
    assert alignment.per_class == pytest.approx(np.array(exact), rel=1e-11)
    assert _value(alignment) == pytest.approx(sum(exact) / 4)


# Classes of more than 256 samples are marked where the tool will not compare all pairs.
def test_sampled() -> None:
    for counts, marked in ((256, False), (257, True)):
        labels = np.repeat([0, 1], [counts, 3])  # (N,)
        features = 2 * np.eye(3)[:1] + cloud(6, counts + 3, 3)  # (N, 3)
        outcomes = measure(features, labels, np.eye(3)[:2])
        names = {name for name, outcome in outcomes.items() if outcome.sampled}
        large = {"hug.pair_distance", "hug.mgd.means", "hug.mgd.weights"}
        assert names == (large if marked else set())


# Digits


def _long(row: Array) -> list[Decimal]:
    return [Decimal(value) for value in row.tolist()]


def _middle(rows: list[list[Decimal]]) -> list[Decimal]:
    return [sum(column, Decimal(0)) / len(rows) for column in zip(*rows, strict=True)]


def _less(row: list[Decimal], other: list[Decimal]) -> list[Decimal]:
    return [a - b for a, b in zip(row, other, strict=True)]


def _exact_chord(first: list[Decimal], second: list[Decimal]) -> Decimal:
    """|a/|a| - b/|b|| in sixty digits."""
    lengths = [sum((x * x for x in row), Decimal(0)).sqrt() for row in (first, second)]
    parts = zip(first, second, strict=True)
    squares = ((x / lengths[0] - y / lengths[1]) ** 2 for x, y in parts)
    return sum(squares, Decimal(0)).sqrt()


# Distances within classes keep their digits, however small the class or large the offset: what is
# lost is 1e-16 of the difference of two samples.
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("name", ["near_collapse_1", "near_collapse_1e-8", "huge_offset"])
def test_long_arithmetic(name: str, dtype: str) -> None:
    whole = POPULATIONS[name]()
    features = stored(whole, dtype)
    outcomes = measure(features, whole.labels)
    distances, squares = [], []
    with localcontext() as context:
        context.prec = 60
        for c in range(10):
            own = [_long(row) for row in features[whole.labels == c]]
            pairs = [(a, b) for a in range(len(own)) for b in range(a)]
            chords = [_exact_chord(own[a], own[b]) for a, b in pairs]
            distances.append(float(sum(chords) / len(chords)))
            squares.append(float(sum(chord * chord for chord in chords) / len(chords)))
    for key, exact in (("hug.pair_distance", distances), ("hug.alignment", squares)):
        assert outcomes[key].per_class == pytest.approx(np.array(exact), rel=1e-13, abs=0)


# So do distances to the class mean, from a global mean that is known no worse.
@pytest.mark.parametrize("name", ["near_collapse_1", "near_collapse_1e-8", "huge_offset"])
def test_long_arithmetic_about_means(name: str) -> None:
    whole = POPULATIONS[name]()
    outcomes = measure(whole.features, whole.labels, whole.weight)
    with localcontext() as context:
        context.prec = 60
        groups = [[_long(row) for row in whole.features[whole.labels == c]] for c in range(10)]
        means = [_middle(group) for group in groups]
        middle = _middle(means)
        anchors = [_less(mean, middle) for mean in means]
        chords = [
            [_exact_chord(_less(row, middle), anchor) for row in group]
            for group, anchor in zip(groups, anchors, strict=True)
        ]
        by_class = [float(sum(own) / len(own)) for own in chords]
        largest = float(sum(max(own) for own in chords) / 10)
    exact = pytest.approx(np.array(by_class), rel=1e-12, abs=0)
    assert outcomes["hug.reverse_energy.means"].per_class == exact
    gap = _value(outcomes["hug.separation.means"]) - _value(outcomes["hug.mhs.means"])
    assert gap == pytest.approx(largest, rel=1e-11, abs=1e-15)


# As classes narrow tenfold, distances fall tenfold and their squares a hundredfold, down to 1e-8.
def test_collapse_scales() -> None:
    by = [_measure(POPULATIONS[f"near_collapse_1e-{exponent}"]()) for exponent in range(4, 9)]
    for name, factor in (
        ("hug.reverse_energy.means", 10), ("hug.pair_distance", 10), ("hug.alignment", 100)
    ):  # fmt: skip
        for wide, narrow in pairwise(by):
            assert _value(wide[name]) / _value(narrow[name]) == pytest.approx(factor, rel=1e-3)


# A zero feature has no direction, nor has one at the global mean; a class of one has no pairs.
def test_without_direction() -> None:
    outcomes = _measure(DEGENERATE["zero_row"]())
    plain = {"hug.alignment", "hug.pair_distance"}
    gaps = {f"hug.{name}" for name in ("reverse_energy", "mhe", "mhs", "mgd")}
    lost = {
        name
        for name, outcome in outcomes.items()
        if outcome.value is None and name.startswith("hug")
    }
    assert lost == plain | {f"{name}.weights" for name in gaps}
    features = np.array([[3.0, 3], [-1.0, -3], [5.0, 4], [5.0, 8]])  # the first at their middle
    outcomes = measure(features, [0, 0, 1, 1], np.eye(2))
    lost = {
        name
        for name, outcome in outcomes.items()
        if outcome.value is None and name.startswith("hug")
    }
    too_flat = {"hug.energy_newton", "hug.uniformity"}
    assert lost == {f"{name}.means" for name in gaps} | {
        f"{n}.{s}" for n in too_flat for s in SIDES
    }
    alone = measure([[1.0, 2], [3.0, 4], [4.0, 3]], [0, 1, 1])
    assert alone["hug.alignment"].per_class == pytest.approx([2 - 1.92])
    assert measure([[1.0, 2], [3.0, 4]], [0, 1])["hug.alignment"].value is None
