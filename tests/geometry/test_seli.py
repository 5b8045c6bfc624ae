"""SELI by groups of sizes, against the singular value decomposition of the labels themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nctool.facts.point_costs import seli_bytes
from nctool.geometry import seli
from nctool.geometry.simplex import etf_deviation
from tests.support.populations import Array, simplex

ROUNDING = 1e-13
"""Gram matrices of norm one, from singular values over a range of at most a hundred."""

sizes = st.lists(st.integers(1, 40), min_size=2, max_size=12)


def whole(target: seli.Target) -> Array:
    """The K x K matrix that a target stands for."""
    own, core = target.own[target.group], target.core[target.group][:, target.group]
    return np.asarray((torch.diag(own) + core).numpy())


def labels_decomposed(counts: list[int]) -> tuple[Array, Array]:
    """V L V' and U L U', a row per class, from Z with a column per sample; of norm one."""
    of = np.repeat(np.arange(len(counts)), counts)  # (N,)
    encoded = (np.eye(len(counts)) - 1 / len(counts))[:, of]  # (K, N)
    left, values, right = np.linalg.svd(encoded, full_matrices=False)
    left, values, right = left[:, :-1], values[:-1], right[:-1]
    right = right[:, np.searchsorted(of, np.arange(len(counts)))]  # (K-1, K)
    weights, means = (left * values) @ left.T, (right.T * values) @ right
    return weights / np.linalg.norm(weights), means / np.linalg.norm(means)


def cosines(gram: Array) -> Array:
    lengths = np.sqrt(np.diag(gram))
    return np.asarray(gram / np.outer(lengths, lengths))


def realized(gram: Array, dim: int) -> torch.Tensor:
    """Points in so many dimensions with this Gram matrix, or the best one of that rank."""
    values, vectors = np.linalg.eigh(gram)
    order = np.argsort(-values)[:dim]
    rows = vectors[:, order] * np.sqrt(values[order].clip(min=0))
    return torch.from_numpy(np.pad(rows, ((0, 0), (0, dim - rows.shape[1]))))


# The targets are V L V' and U L U' of the labels, whatever the sizes.
@settings(deadline=None)
@given(sizes)
def test_against_labels(counts: list[int]) -> None:
    for target, expected in zip(
        seli.targets(torch.tensor(counts)), labels_decomposed(counts), strict=True
    ):
        assert whole(target) == pytest.approx(expected, abs=ROUNDING)
        assert float(target.eigenvalues.norm()) == pytest.approx(1, abs=ROUNDING)
        eigenvalues = np.linalg.eigvalsh(expected)[::-1][:-1]
        assert target.eigenvalues.numpy() == pytest.approx(eigenvalues, abs=ROUNDING)
        assert target.squares[target.group].numpy() == pytest.approx(
            np.diag(expected), abs=ROUNDING
        )


# Classes of equal size have the simplex, for classifier and means alike.
@pytest.mark.parametrize("size", [2, 3, 10, 600])
def test_balanced(size: int) -> None:
    expected = (np.eye(size) - 1 / size) / math.sqrt(size - 1)
    for target in seli.targets(torch.full((size,), 7)):
        assert np.abs(whole(target) - expected).max() < 1e-15


# Half the classes R times larger: the closed forms for the ratios of squared lengths.
@pytest.mark.parametrize(("size", "ratio"), [(4, 10), (4, 100), (10, 10), (100, 1000)])
def test_step(size: int, ratio: int) -> None:
    large, small = seli.targets(torch.tensor([ratio, 1] * (size // 2)))
    rest, a = 1 - 2 / size, math.sqrt((ratio + 1) / 2)
    weights = (rest * math.sqrt(ratio) + a / size) / (rest + a / size)
    means = (rest / math.sqrt(ratio) + 1 / (size * a)) / (rest + 1 / (size * a))
    assert float(large.squares[1] / large.squares[0]) == pytest.approx(weights, rel=1e-12)
    assert float(small.squares[1] / small.squares[0]) == pytest.approx(means, rel=1e-12)


# Four classes, counts 10, 10, 1, 1 and 100, 100, 1, 1: the known numbers to their six digits.
def test_four_classes() -> None:
    weights, means = map(whole, seli.targets(torch.tensor([10, 10, 1, 1])))
    assert weights[0, 0] / weights[2, 2] == pytest.approx(1.995247, abs=5e-7)
    assert means[0, 0] / means[2, 2] == pytest.approx(0.436390, abs=5e-7)
    of_weights, of_means = cosines(weights), cosines(means)
    assert of_weights[0, 1] == pytest.approx(-0.458991, abs=5e-7)
    assert of_weights[2, 3] == pytest.approx(0.079446, abs=5e-7)
    assert of_weights[0, 2] == pytest.approx(-0.382096, abs=5e-7)
    assert of_means[0, 1] == pytest.approx(-0.194601, abs=5e-7)
    assert of_means[2, 3] == pytest.approx(-0.648532, abs=5e-7)
    steep, _ = seli.targets(torch.tensor([100, 100, 1, 1]))
    assert cosines(whole(steep))[2, 3] == pytest.approx(0.560745, abs=5e-7)


# Classifier and means meet in Z itself: (V L V')(U L U') is A, up to the scales.
@given(sizes)
@settings(deadline=None)
def test_product_is_the_labels(counts: list[int]) -> None:
    weights, means = map(whole, seli.targets(torch.tensor(counts)))
    product = weights @ means
    size = len(counts)
    expected = (np.eye(size) - 1 / size) / math.sqrt(size - 1)
    assert product / np.linalg.norm(product) == pytest.approx(expected, abs=1e-12)


# The order of classes is the order of rows.
def test_order() -> None:
    counts = torch.tensor([3, 50, 3, 7, 50, 1])
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    for straight, moved in zip(seli.targets(counts), seli.targets(counts[order]), strict=True):
        given = whole(straight)[order][:, order]
        assert whole(moved) == pytest.approx(given, abs=1e-15)


def plain_deviation(points: torch.Tensor, expected: Array) -> float:
    gram = points.numpy() @ points.numpy().T
    return float(np.linalg.norm(gram / np.linalg.norm(gram) - expected))


# The deviation is that of the two K x K matrices, in few dimensions and in many.
@pytest.mark.parametrize("dim", [1, 3, 40])
@pytest.mark.parametrize("counts", [[9, 2, 2, 5, 40], [1, 2] * 8, list(range(1, 30))])
def test_deviation(counts: list[int], dim: int) -> None:
    random = np.random.default_rng(3)
    points = torch.from_numpy(random.standard_normal((len(counts), dim)))
    for target in seli.targets(torch.tensor(counts)):
        expected = plain_deviation(points, whole(target))
        assert seli.deviation(points, target) == pytest.approx(expected, rel=1e-12)
        scaled = seli.deviation(1e-200 * points, target)
        assert scaled == pytest.approx(expected, rel=1e-12)


# Near the target the blocks take over and keep the digits that the closed form loses.
@pytest.mark.parametrize("tile", [2, 512])
@pytest.mark.parametrize("width", [1e-9, 1e-7, 1e-6, 1e-5, 3e-3])
def test_small_deviation(width: float, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seli, "TILE", tile)
    random = np.random.default_rng(4)
    for target in seli.targets(torch.tensor([50, 20, 20, 3, 3, 3, 1])):
        near = realized(whole(target), 9) + width * torch.from_numpy(random.standard_normal((7, 9)))
        expected = plain_deviation(near, whole(target))
        assert seli.deviation(near, target) == pytest.approx(expected, rel=1e-8, abs=1e-15)
        assert expected < 0.1


# Either way gives the same number where both are good.
def test_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    points = torch.from_numpy(random.standard_normal((60, 5)))
    target, _ = seli.targets(torch.from_numpy(random.integers(1, 9, 60)))
    closed = seli.deviation(points, target)
    monkeypatch.setattr(seli, "TRUSTED_SQUARE", 10.0)
    monkeypatch.setattr(seli, "TILE", 7)
    assert seli.deviation(points, target) == pytest.approx(closed, rel=1e-12)


# Structureless points come out near the null value, whatever their variances and their mean.
@pytest.mark.parametrize("weighing", ["none", "equal", "by size"])
def test_null(weighing: str) -> None:
    random = np.random.default_rng(10)
    counts = np.array([60, 60, 60, 30, 30, 30, 15, 15, 15, 8, 8, 8])
    share = {"none": 0.0, "equal": 1 / 12, "by size": counts / counts.sum()}[weighing]
    noise, weights = 1 / counts, np.broadcast_to(share, 12).copy()
    for target in seli.targets(torch.from_numpy(counts)):
        deviations = []
        for _ in range(40):
            points = np.sqrt(noise)[:, None] * random.standard_normal((12, 100))
            deviations.append(seli.deviation(torch.from_numpy(points - weights @ points), target))
        null = seli.null_deviation(target, 100, torch.from_numpy(noise), torch.from_numpy(weights))
        assert null == pytest.approx(np.mean(np.array(deviations, float)), rel=0.03)


def plain_logits(rows: torch.Tensor, means: torch.Tensor, counts: list[int]) -> float:
    """With a column for every sample."""
    wide = rows.numpy() @ np.repeat(means.numpy(), counts, axis=0).T  # (K, N)
    expected = np.repeat(np.eye(len(counts)) - 1 / len(counts), counts, axis=1)
    return float(np.linalg.norm(wide / np.linalg.norm(wide) - expected / np.linalg.norm(expected)))


# The logits' deviation is that of the K x N matrices, far from the labels and near to them.
@pytest.mark.parametrize("tile", [2, 512])
@pytest.mark.parametrize("width", [1e-9, 1e-7, 1e-5, 1e-2, 10.0])
def test_logits(width: float, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seli, "TILE", tile)
    random = np.random.default_rng(8)
    counts = [50, 20, 20, 3, 3, 3, 1]
    for dim in (7, 9, 3):
        frame = np.eye(7, dim) @ np.linalg.qr(random.standard_normal((dim, dim)))[0]
        noise = width * torch.from_numpy(random.standard_normal((2, 7, dim)))
        # W M' is A where it fits, whatever the counts.
        rows = torch.from_numpy(frame) + noise[0]
        means = torch.from_numpy(frame - frame.mean(0)) + noise[1]
        expected = plain_logits(rows, means, counts)
        assert expected < 100 * width or width > 1e-3 or dim == 3
        for scale in (1, 1e150):
            deviation = seli.logit_deviation(scale * rows, scale * means, torch.tensor(counts))
            assert deviation == pytest.approx(expected, rel=1e-8, abs=1e-14)


# Rows that hardly see the means: the short way would lose the product's digits.
def test_crossing_logits() -> None:
    random = np.random.default_rng(9)
    rows, means = torch.zeros(2, 9, 4, dtype=torch.float64)
    rows[:, :2] = torch.from_numpy(random.standard_normal((9, 2)))
    means[:, 2:] = torch.from_numpy(random.standard_normal((9, 2)))
    counts = [7, 1, 1, 2, 3, 9, 4, 4, 1]
    assert seli.logit_deviation(rows, means, torch.tensor(counts)) is None
    means[:, :2] += 1e-6 * torch.from_numpy(random.standard_normal((9, 2)))
    turn = torch.from_numpy(np.linalg.qr(random.standard_normal((4, 4)))[0])
    rows, means = rows @ turn, means @ turn
    deviation = seli.logit_deviation(rows, means, torch.tensor(counts))
    assert deviation == pytest.approx(plain_logits(rows, means, counts), rel=1e-8)


# Points that realise the target deviate by nothing but rounding; no points have no Gram matrix.
def test_realized() -> None:
    for target in seli.targets(torch.tensor([50, 20, 20, 3, 3, 3, 1])):
        assert seli.deviation(realized(whole(target), 6), target) == pytest.approx(0, abs=1e-14)
        assert target.floor(6) == target.floor(20) == 0.0
        assert seli.deviation(torch.zeros(7, 4, dtype=torch.float64), target) is None


# With too few dimensions the best points are at the floor, and no others below it.
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_floor(dim: int) -> None:
    random = np.random.default_rng(6)
    for target in seli.targets(torch.tensor([50, 20, 20, 3, 3, 3, 1])):
        best = realized(whole(target), dim)
        assert seli.deviation(best, target) == pytest.approx(target.floor(dim), rel=1e-12)
        for width in (0.001, 0.01, 0.1, 1.0):
            other = best + width * torch.from_numpy(random.standard_normal((7, dim)))
            assert (seli.deviation(other, target) or 0) > target.floor(dim)


# For equal sizes it is the deviation from a simplex, floor and all.
def test_like_the_simplex() -> None:
    random = np.random.default_rng(7)
    target, _ = seli.targets(torch.full((8,), 5))
    points = torch.from_numpy(simplex(random, 8, 9) + 0.1 * random.standard_normal((8, 9)))
    assert seli.deviation(points, target) == pytest.approx(etf_deviation(points, points), rel=1e-9)
    assert target.floor(3) == pytest.approx(math.sqrt(2 - 2 * math.sqrt(3 / 7)), rel=1e-12)


# The cosines and lengths of some classes are those of the whole matrix.
@given(sizes, st.integers(0, 2**12))
@settings(deadline=None)
def test_summaries(counts: list[int], bits: int) -> None:
    chosen = np.array([bool(bits >> place & 1) for place in range(len(counts))])  # (K,)
    for target in seli.targets(torch.tensor(counts)):
        gram = whole(target)
        mask = torch.from_numpy(chosen)
        if chosen.sum() > 1:
            part = cosines(gram)[chosen][:, chosen]
            expected = part[np.triu_indices(len(part), 1)].mean()
            assert target.mean_cosine(mask) == pytest.approx(expected, abs=1e-11)
        if 0 < chosen.sum() < len(counts):
            lengths = np.sqrt(np.diag(gram))
            expected = lengths[chosen].mean() / lengths[~chosen].mean()
            assert target.norm_ratio(mask) == pytest.approx(expected, rel=1e-11)


# Thirty thousand classes of a few sizes cost what a few classes cost.
def test_many_classes() -> None:
    counts = torch.arange(30_000) % 17 + 1
    for target in seli.targets(counts):
        assert target.core.shape == (17, 17) and target.eigenvalues.shape == (29_999,)
    assert seli_bytes(17) < 1 << 20
