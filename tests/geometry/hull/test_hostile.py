"""Geometry at its worst: copies, flats, huge and tiny numbers, points inside the hull."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nctool.geometry.hull import margins
from nctool.geometry.hull.cloud import Cloud
from tests.geometry.hull.hull_cases import (
    arithmetic,
    closed,
    encloses,
    holds,
    normal,
    proves_itself,
    solved,
    some,
    unit,
)
from tests.support.point_sets import cloud, etf, polygon
from tests.support.populations import Array


# Fifty rows, three thousand times: one of each kind stands for all, and all margins are zero.
def test_thousands_of_copies() -> None:
    kinds = cloud(0, 50, 20)
    which = np.random.default_rng(0).integers(0, 50, 3000)
    result = solved(kinds[which])
    assert {frozenset(group) for group in result.duplicates} == {
        frozenset(np.flatnonzero(which == kind).tolist()) for kind in range(50)
    }
    assert not result.upper.any() and not result.lower.any()
    assert bool(result.settled.all())


# Copies of some rows leave everybody else's margin as it was.
@pytest.mark.parametrize("dim", [3, 30, 70])
def test_copies_of_some(dim: int) -> None:
    rows = cloud(1, 60, dim)
    result = solved(np.concatenate([rows, rows[:5], rows[:2]]))
    assert result.duplicates == ((0, 60, 65), (1, 61, 66), (2, 62), (3, 63), (4, 64))
    assert not result.upper[:5].any() and not result.upper[60:].any()
    alone = solved(rows)
    assert result.upper[5:60].numpy() == pytest.approx(alone.upper[5:].numpy(), rel=2e-6)
    for row in range(5, 60):
        assert {other for other, _ in result.support(row)} <= set(range(60)) - {row}
    assert result.support(60) == [(0, 1.0)]
    assert result.support(0) == [(60, 1.0)]


# A row of duplicates, each a hair from the next, becomes as long as it wants: bounds still hold.
@pytest.mark.parametrize("step", [2.0**-52, 2.0**-51, 3 * 2.0**-52, 2.0**-49])
def test_chains(step: float) -> None:
    rows = np.ones((401, 2))
    rows[:400, 1] += np.arange(400) * step
    rows[400, 1] = 2
    result = solved(rows)
    for row, truth in {0: step, 200: 0.0, 399: 0.0, 400: 1 - 399 * step}.items():
        assert result.lower[row] <= truth <= result.upper[row]


# Everything at one point; two points; one point and copies of another.
@pytest.mark.parametrize("dim", [1, 2, 50])
def test_almost_nothing(dim: int) -> None:
    for rows in (np.zeros((4, dim)), np.full((3, dim), 0.1), np.ones((2, dim))):
        result = solved(rows)
        assert result.duplicates == (tuple(range(len(rows))),)
        assert not result.upper.any() and not result.value.any() and bool(result.settled.all())
    rows = np.concatenate([np.ones((3, dim)), -np.ones((1, dim))])
    result = solved(rows)
    assert result.duplicates == ((0, 1, 2),)
    assert result.value.tolist() == pytest.approx([0, 0, 0, 2 * np.sqrt(dim)])
    assert result.lower[3] <= 2 * np.sqrt(dim) <= result.upper[3]
    lonely = margins(torch.ones(1, dim, dtype=torch.float64))
    assert not lonely.settled.any()


# Scales no square of which is a number.
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e30, 1e150, 1e307])
@pytest.mark.parametrize("rows", [cloud(2, 30, 4), cloud(3, 30, 50), cloud(4, 30, 60)])
def test_scales(rows: Array, scale: float) -> None:
    there, here = solved(rows * scale), solved(rows)
    assert there.duplicates == ()
    assert bool(there.settled.all())
    assert (there.upper / scale).numpy() == pytest.approx(here.upper.numpy(), rel=1e-12)
    assert (there.lower / scale).numpy() == pytest.approx(here.lower.numpy(), rel=1e-12)


# A power of two changes no digit, down to numbers with fewer digits.
@pytest.mark.parametrize("dim", [12, 55])
def test_powers_of_two(dim: int) -> None:
    rows = cloud(5, 70, dim)
    here = solved(rows)
    for power in (-900, -10, -7, 1, 10, 1000):
        there = solved(rows * 2.0**power)
        assert there.lower.equal(here.lower * 2.0**power)
        assert there.upper.equal(here.upper * 2.0**power)
    tiny = solved(rows * 2.0**-1060)
    assert bool(tiny.settled.all())


# Rows in float32 are the numbers they are.
def test_float32() -> None:
    rows = torch.from_numpy(cloud(6, 50, 60)).float()
    half, full = margins(rows), margins(rows.double())
    assert half.lower.equal(full.lower) and half.upper.equal(full.upper)


# Nearly in a plane, on the sphere.
@pytest.mark.parametrize("dim", [3, 8, 60])
@pytest.mark.parametrize("height", [1e-4, 1e-9])
def test_nearly_flat(dim: int, height: float) -> None:
    rows = normal(7, 100, dim)
    rows[:, -1] *= height
    holds(unit(rows), most=6)


# Nearly in a plane, and inside the hull there: what cannot be told is said to be open.
@pytest.mark.parametrize("height", [1e-4, 1e-7, 1e-9, 1e-12])
def test_nearly_flat_inside(height: float) -> None:
    rows = normal(8, 25, 3)
    rows[:, -1] *= height
    result = solved(rows)
    encloses(rows, result, some(rows))
    assert (result.upper[~result.settled] <= 10 * height).all()


# Rows of small rank, spread over many dimensions.
@pytest.mark.parametrize("rank", [2, 4])
def test_small_rank(rank: int) -> None:
    flat = normal(9, 90, rank) @ normal(10, rank, 128)
    holds(flat, most=8)
    holds(unit(flat), most=8)


# Of rows on a line the two at its ends have the distance to their neighbours, the others nothing;
# put on the sphere, only two directions are left, and every row has its like.
def test_on_a_line() -> None:
    place, along = normal(9, 90, 1), normal(10, 1, 128)
    rows, order = place @ along, np.argsort(place[:, 0])
    expected = np.zeros(90)
    steps = np.diff(place[order, 0]) * np.linalg.norm(along)
    expected[order[[0, -1]]] = steps[[0, -1]]
    margins_of = holds(rows, most=90)
    for bound in (margins_of.lower, margins_of.upper):
        assert bound.numpy() == pytest.approx(expected, rel=1e-6, abs=arithmetic(rows))
    assert float(holds(unit(rows), most=90).upper.max()) <= arithmetic(unit(rows))


# One row very far out, and rows of all sizes: on the scale of the largest, all bounds hold.
@pytest.mark.parametrize("dim", [3, 20, 70])
def test_sizes(dim: int) -> None:
    far = normal(11, 60, dim)
    far[0] *= 1e8
    encloses(far, solved(far), some(far))
    sizes = 10.0 ** np.random.default_rng(12).uniform(-4, 4, (60, 1))
    many = normal(13, 60, dim) * sizes
    result = solved(many)
    encloses(many, result, some(many, 9))
    closed(many, result, 1e-6)
    proves_itself(many, result, 1e-6, some(many, 9))


# A row of zeros is a point like any other.
def test_zero_row() -> None:
    for dim in (2, 40):
        rows = normal(14, 30, dim)
        rows[4] = 0
        result = holds(rows, most=30)
        assert (float(result.value[4]) == 0) == (dim == 2)


# Points well inside have margin zero, exactly, and others none.
def test_inside() -> None:
    corners = np.concatenate([np.eye(6), -np.eye(6)])  # (12, 6)
    interior = 0.3 * cloud(15, 40, 6)
    result = holds(np.concatenate([corners, interior]), most=52)
    assert not result.value[12:].any() and not result.lower[12:].any()
    assert (result.lower[:12] > 0.5).all()


# On the boundary of the hull is inside, too.
@pytest.mark.parametrize("rows", [etf(2), etf(5), polygon(6)])
def test_on_the_boundary(rows: Array) -> None:
    halfway = (rows[1:] + rows[:-1]) / 2
    result = solved(np.concatenate([rows, halfway]))
    assert bool(result.settled.all())
    assert not result.value[len(rows) :].any()
    assert (result.lower[: len(rows)] > 0.1).all()


# Differences in the last bit.
@pytest.mark.parametrize("dim", [1, 2, 10])
def test_last_bits(dim: int) -> None:
    steps = np.random.default_rng(dim).integers(0, 40, (50, dim))
    rows = 1 + steps.astype(np.float64) * 2.0**-52
    encloses(rows, solved(rows), some(rows, 20))


# Many rows of ordinary size are not copied in float64, let alone twice.
def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.from_numpy(cloud(16, 60, 4))
    received: list[torch.Tensor] = []

    def watched(points: torch.Tensor) -> Cloud:
        received.append(points)
        return original(points)

    original = Cloud.of
    monkeypatch.setattr(Cloud, "of", watched)
    margins(rows)
    assert received[0].data_ptr() == rows.data_ptr()
