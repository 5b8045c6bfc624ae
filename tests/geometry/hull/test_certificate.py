"""Certificates of hand-made weights: every term of the lower bound is there for a reason.

Each geometry is one where the bound without that term would exceed the distance, which is known
as a fraction.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from nctool.geometry.hull.certificate import Certificate, PrimalPoint, certify
from nctool.geometry.hull.cloud import Cloud, Precision
from tests.geometry.hull.hull_cases import normal, unit
from tests.geometry.hull.test_exact import dot, exactly, to_segment
from tests.support.populations import Array


def certified(
    rows: Array, weights: dict[int, float], count: int, precision: Precision
) -> Certificate:
    """Of the first row, from weights on some others."""
    points = torch.from_numpy(rows)
    cloud = Cloud.of(points)
    candidates = torch.tensor([list(weights)])
    share = torch.tensor([list(weights.values())], dtype=torch.float64)
    residual = points[:1] - share @ points[candidates[0]]
    error = cloud.residual_error(len(weights), exact=True)
    primal = PrimalPoint(torch.tensor([0]), candidates, share, residual, error)
    return certify(cloud, primal, count, precision)


# Three points on a line and the middle one no candidate: float32 rounds its score up or down, and
# the lower bound must not follow it above the distance of the two neighbours.
def test_rounding_of_scores() -> None:
    for seed in range(40):
        step = np.random.default_rng(seed).integers(-99, 100, 7).astype(np.float64)
        rows = np.stack([0 * step, step, 5 * step])
        lower = Fraction(float(certified(rows, {2: 1.0}, 1, Precision.SINGLE).lower[0]))
        square = dot(*(exactly(step[None]) * 2))
        assert lower > 0
        assert lower * lower <= square, float(lower) / float(square) ** 0.5 - 1


# Nor above that of a neighbour who has weight already, but too little.
def test_rounding_of_scores_of_the_support() -> None:
    for seed in range(40):
        step = np.random.default_rng(seed).integers(-99, 100, 7).astype(np.float64)
        rows = np.stack([0 * step, step, 5 * step, 2 * step])
        weights = {1: 0.001, 2: 0.999}
        lower = Fraction(float(certified(rows, weights, 1, Precision.SINGLE).lower[0]))
        assert 0 < lower * lower <= dot(*(exactly(step[None]) * 2))


# A point behind the sixteen that are scored again: its float32 score, far from the centre, may be
# wrong by more than what it takes off the distance, listed or not.
@pytest.mark.parametrize("listed", [16, 60])
def test_rounding_of_unchecked_scores(listed: int) -> None:
    missed = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        way = unit(random.uniform(0.2, 1, (1, 3)))[0]  # (3,) from the point to its nearest
        across = np.linalg.svd(way[None])[2][1]
        decoys = np.outer(random.uniform(1.0, 1.1, 40), way)
        decoys += 0.5 * np.outer(random.uniform(-1, 1, 40), across)
        violator = 0.8 * way + 0.2 * across
        near = np.concatenate([np.zeros((1, 3)), way[None], violator[None], decoys])
        # One point far off moves the centre to about 2^23, where float32 counts whole numbers.
        rows = np.concatenate([near, np.full((1, 3), 2.0**23 * len(near))])
        certificate = certified(rows, {1: 1.0}, listed, Precision.SINGLE)
        square = to_segment(*exactly(near[:3]))
        lower = Fraction(float(certificate.lower[0]))
        assert lower * lower <= square, seed
        missed += 2 not in certificate.others[0, :16].tolist()
    assert missed > 5


# Refined weights point elsewhere than those that everybody was scored along: whoever was not
# scored again may come nearer by as much as the direction has turned.
def test_turned_direction() -> None:
    decoys = np.stack([np.full(20, 1.05), np.zeros(20), np.linspace(-1, 1, 20)], 1)  # (20, 3)
    far = [0.5, 5.0, 0.0]
    rows = np.concatenate([[[0, 0, 0], [1, 1, 0], [1, -1, 0], far], decoys])
    certificate = certified(rows, {1: 0.6, 2: 0.4}, 20, Precision.DOUBLE)
    assert 3 not in certificate.others[0, :16].tolist()
    assert certificate.weights[0].tolist() == pytest.approx([0.5, 0.5])
    points = exactly(rows)
    lower = Fraction(float(certificate.lower[0]))
    assert lower * lower <= to_segment(points[0], points[2], points[3]) < 1


# A support far to both sides: its own scores are rounded by what its distance is, not the margin's.
def test_rounding_of_supports() -> None:
    for seed in range(100):
        random = np.random.default_rng(seed)
        side, other = random.integers(-99, 100, (2, 3)).astype(np.float64)
        way = np.cross(side, other)  # (3,) whole numbers, orthogonal to ``side``
        rows = np.stack([0 * way, way + 1e6 * side, way - 7e5 * side, 3 * way])
        certificate = certified(rows, {1: 7 / 17, 2: 10 / 17}, 1, Precision.DOUBLE)
        lower, upper = Fraction(float(certificate.lower[0])), Fraction(float(certificate.upper[0]))
        assert lower * lower <= dot(*(exactly(way[None]) * 2)) <= upper * upper, seed


# Nor is the bound idle: along the best direction, with all points scored in float64, it is tight.
def test_tight() -> None:
    rows = np.concatenate([np.zeros((1, 30)), 1 + 0.1 * normal(3, 1, 30)])
    certificate = certified(rows, {1: 1.0}, 1, Precision.DOUBLE)
    length = float(np.linalg.norm(rows[1]))
    assert length * (1 - 1e-13) <= float(certificate.lower[0]) <= length
