"""Distances to hulls against closed forms, enumeration, another solver, and their own proof."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import nnls

from tests.support.oracle import measure
from tests.support.oracle.hull import distance_to_hull, margins
from tests.support.point_sets import (
    cell24,
    cell600,
    cloud,
    etf,
    icosahedron,
    orthoplex,
    polygon,
    sharp,
    union,
)
from tests.support.populations import Array

ROUNDING = 2e-15
"""Unit rows are off by 1e-16 in each coordinate, and so are their distances, a few times."""


def proven(point: Array, others: Array) -> float:
    """The distance, once its two sides are checked and found to meet."""
    upper, lower, weights = distance_to_hull(point, others)
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1, abs=1e-14)
    scale = float(np.linalg.norm(others - point, axis=1).max())
    there = float(np.linalg.norm(weights @ (others - point)))
    assert there == pytest.approx(upper, rel=1e-12, abs=ROUNDING * scale)
    assert upper - lower <= 1e-14 * scale
    assert lower <= upper + ROUNDING * scale
    return upper


def all_proven(rows: Array) -> Array:
    everyone = np.arange(len(rows))  # (K,)
    return np.array([proven(rows[c], rows[everyone != c]) for c in everyone])  # (K,)


CODES: dict[str, tuple[Array, float]] = {
    "two points": (etf(2, 3), 2.0),
    "triangle": (etf(3), 3 / 2),
    "simplex": (etf(30, 40), 30 / 29),
    "square": (orthoplex(2), 1.0),
    "orthoplex": (orthoplex(20), 1.0),
    "polygon of 5": (polygon(5), 1 - math.cos(2 * math.pi / 5)),
    "polygon of 200": (polygon(200), 2 * math.sin(math.pi / 200) ** 2),
    "two triangles": (union(3, 3), 1.0),
    "a pair and a tetrahedron": (union(2, 4), 1.0),
    "icosahedron": (icosahedron(), 1 - 1 / math.sqrt(5)),
    "24-cell": (cell24(), 1 / 2),
    "600-cell": (cell600(), 1 - math.cos(math.pi / 5)),
    "16 in 5": (sharp(16), 4 / 5),
    "27 in 6": (sharp(27), 3 / 4),
    "56 in 7": (sharp(56), 2 / 3),
    "E8": (sharp(240), 1 / 2),
}


# Every point of a known code has the known margin, proven from both sides.
@pytest.mark.parametrize("name", CODES)
def test_codes(name: str) -> None:
    rows, margin = CODES[name]
    assert all_proven(rows) == pytest.approx(np.full(len(rows), margin), abs=ROUNDING)
    assert margins(7 * rows) == pytest.approx(np.full(len(rows), margin), abs=ROUNDING)


# Points, segments, triangles and tetrahedra at rational distances from the origin.
@pytest.mark.parametrize(
    ("others", "distance"),
    [
        ([[3, 4]], 5),
        ([[3, 0], [0, 4]], 12 / 5),
        ([[3, 4], [6, 8]], 5),
        ([[1, 5], [2, 5], [3, 5]], math.sqrt(26)),
        ([[-1, 5], [2, 5], [3, 9]], 5),
        ([[2, 0, 0], [0, 2, 0], [0, 0, 1]], 2 / math.sqrt(6)),
        ([[7, 1, 1], [7, -1, 1], [7, 0, -1], [9, 0, 0]], 7),
        ([[-1, -1], [3, -1], [0, 2]], 0),
        ([[-2, -3], [4, 6], [9, 9]], 0),
    ],
)
def test_by_hand(others: list[list[float]], distance: float) -> None:
    rows = np.array(others, dtype=np.float64)
    assert proven(np.zeros(rows.shape[1]), rows) == pytest.approx(distance, abs=1e-14)
    shift = np.arange(1, rows.shape[1] + 1)  # (D,)
    assert proven(shift.astype(np.float64), rows + shift) == pytest.approx(distance, abs=1e-14)


# A point e from its neighbour on the circle, a from the next on the other side, is the altitude
# 2 sin(e/2) sin(a/2) of their triangle away, down to e = 1e-9.
@pytest.mark.parametrize("near", [1e-2, 1e-4, 1e-6, 1e-8, 1e-9])
def test_near_neighbour(near: float) -> None:
    angles = np.array([0.0, near, -1.3, 2.0, 3.0])  # (5,)
    rows = np.column_stack([np.cos(angles), np.sin(angles)])  # (5, 2)
    exact = 2 * math.sin(near / 2) * math.sin(0.65)
    assert proven(rows[0], rows[1:]) == pytest.approx(exact, rel=1e-12, abs=2e-16)


def enumerated(point: Array, others: Array) -> float:
    """The least over all sets of at most D+1 vertices whose affine minimum is a convex one."""
    rows, dim = others - point, len(point)
    best = float(np.linalg.norm(rows, axis=1).min())
    for size in range(2, min(dim + 1, len(rows)) + 1):
        for corner in combinations(range(len(rows)), size):
            chosen = rows[list(corner)]  # (size, D)
            ones = np.ones(size)
            border = np.block([[chosen @ chosen.T, ones[:, None]], [ones[None], np.zeros((1, 1))]])
            solved = np.linalg.pinv(border, rcond=1e-12, hermitian=True)[:-1, -1]  # (size,)
            if solved.min() > -1e-9 and abs(solved.sum() - 1) < 1e-9:
                best = min(best, float(np.linalg.norm(solved @ chosen)))
    return best


# In up to three dimensions the answer is that of trying every face.
@pytest.mark.parametrize(("classes", "dim"), [(2, 1), (5, 1), (7, 2), (8, 3), (9, 3)])
@pytest.mark.parametrize("on_sphere", [True, False])
def test_enumeration(classes: int, dim: int, on_sphere: bool) -> None:
    inside = 0
    for seed in range(6):
        rows = np.random.default_rng(seed).standard_normal((classes, dim))  # (K, D)
        rows = rows / np.linalg.norm(rows, axis=1)[:, None] if on_sphere else rows
        for c in range(classes):
            others = np.delete(rows, c, axis=0)
            distance = proven(rows[c], others)
            assert distance == pytest.approx(enumerated(rows[c], others), abs=1e-8)
            inside += distance < 1e-13
    assert inside > 0 or on_sphere or classes == 2


# Non-negative least squares, where it has an answer at all, has the same.
@pytest.mark.parametrize(("classes", "dim"), [(40, 6), (60, 20), (30, 50)])
def test_another_solver(classes: int, dim: int) -> None:
    rows = cloud(5, classes, dim)
    for c in range(classes):
        others = np.delete(rows, c, axis=0)
        system = np.vstack([(others - rows[c]).T, np.ones(classes - 1)])  # (D+1, K-1)
        solved = nnls(system, np.append(np.zeros(dim), 1.0))[0]  # (K-1,)
        other = float(np.linalg.norm(solved @ (others - rows[c]))) / solved.sum()
        assert proven(rows[c], others) == pytest.approx(other, rel=1e-9)


def doubled(spread: float) -> Array:
    rows = cloud(1, 40, 10)
    return np.vstack([rows, rows + spread * cloud(2, 40, 10)])


NASTY: dict[str, Array] = {
    "random": cloud(0, 100, 10),
    "random, wide": cloud(0, 60, 64),
    **{f"doubled at {near}": doubled(near) for near in (1e-4, 1e-6, 1e-9, 1e-12)},
    "inside": np.random.default_rng(0).standard_normal((150, 8)),
    "inside, flat": np.random.default_rng(0).standard_normal((200, 3)),
    "of rank 4": np.random.default_rng(1).standard_normal((60, 4)) @ cloud(3, 4, 128),
    "an outlier": np.vstack([1e6 * cloud(2, 1, 6), cloud(8, 60, 6)]),
    "many lengths": cloud(4, 60, 6) * np.geomspace(1e-5, 1e5, 60)[:, None],
    "few directions": np.repeat(cloud(5, 5, 6), 300, axis=0),
    "two": cloud(6, 2, 5),
}  # fmt: skip


# Whatever the rows are like, the two sides of the proof meet.
@pytest.mark.parametrize("name", NASTY)
def test_proof(name: str) -> None:
    rows = NASTY[name]
    for c in range(0, len(rows), 1 + len(rows) // 100):
        proven(rows[c], np.delete(rows, c, axis=0))


# A point of the hull is at distance 0, wherever in it and however many others there are.
def test_inside() -> None:
    random = np.random.default_rng(7)
    for classes, dim in ((5, 2), (30, 8), (400, 8), (12, 20)):
        rows = random.standard_normal((classes, dim))  # (K, D)
        for weights in (random.dirichlet(np.ones(classes), 5), np.eye(classes)[:5]):
            for point in weights @ rows:
                upper, lower, _ = distance_to_hull(point, rows)
                assert upper <= 1e-14 and lower == 0.0


# A row that occurs twice has margin exactly 0; one among thousands of copies of a few does not.
def test_duplicates() -> None:
    rows = np.vstack([cloud(8, 1, 6), np.repeat(cloud(9, 5, 6), 1000, axis=0)])
    single = proven(rows[0], rows[1::1000])
    assert proven(rows[0], rows[1:]) == pytest.approx(single, rel=1e-13) and single > 0.1
    assert distance_to_hull(rows[1], rows[2:])[:2] == (0.0, 0.0)
    assert margins(np.array([[1.0, 2], [3, 1], [1, 2]])).tolist()[::2] == [0.0, 0.0]


# 1 - max cos <= margin <= nearest neighbour, neither of them equal to it in general.
def test_simple_bounds() -> None:
    rows = cloud(10, 100, 10)
    cosines = rows @ rows.T - 2 * np.eye(100)  # (K, K)
    by_class, nearest = margins(rows), cosines.max(axis=1)
    assert (1 - nearest < by_class).all() and (by_class < np.sqrt(2 - 2 * nearest)).all()


# The metric is the least margin, of the centred means and of the head's rows, absent classes' too.
def test_metric() -> None:
    labels = np.repeat(np.arange(4), 2)  # (8,)
    means = 5 + 3 * etf(4, 6)  # (4, 6)
    weight = np.vstack([cloud(11, 4, 6), cloud(12, 1, 6)])  # (5, 6)
    outcomes = measure(means[labels], labels, weight)
    for name, rows in (("means", means - means.mean(axis=0)), ("weights", weight)):
        outcome = outcomes[f"gnc2.margin.{name}"]
        assert outcome.per_class is not None and outcome.value == outcome.per_class.min()
        assert outcome.per_class == pytest.approx(margins(rows))
    assert outcomes["gnc2.margin.means"].value == pytest.approx(4 / 3)
