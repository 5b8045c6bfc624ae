"""Pair energies tile by tile, against closed forms and against every difference written out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nctool.geometry import energy, tiles
from nctool.geometry.energy import Energies, energies
from nctool.geometry.tiles import pairs_of
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

DOUBLE, SINGLE = 1e-9, 1e-6
"""Relative: float64 products, and float32 ones where they are allowed."""


def visited(rows: Array) -> Energies:
    return energies(torch.from_numpy(rows))


def numbers(rows: Array) -> list[float]:
    """Means of log(1/rho), 1/rho and 1/rho^2, the Newtonian logarithm, and the separation."""
    measured = visited(rows)
    assert measured.riesz is not None
    newton = [] if measured.newton is None else [measured.newton.mean]
    return [*(part.mean for part in measured.riesz), *newton, measured.separation]


def by_hand(rows: Array) -> tuple[list[float], list[Array]]:
    """The same from all differences, and each by point (the separation: the nearest)."""
    size, dim = rows.shape
    square = np.array([((row - rows) ** 2).sum(1) for row in rows])
    others = square[~np.eye(size, dtype=bool)].reshape(size, size - 1)
    parts = [-np.log(others) / 2, others**-0.5, 1 / others]
    means, points = [float(part.mean()) for part in parts], [part.mean(1) for part in parts]
    if dim > 2:
        powers = -(dim - 2) / 2 * np.log(others)
        top = powers.max()
        sums = np.exp(powers - top)
        means.append(top + math.log(sums.mean()))
        own = powers.max(1)
        points.append(own + np.log(np.exp(powers - own[:, None]).mean(1)))
    nearest = np.sqrt(others.min(1))
    return [*means, float(nearest.min())], [*points, nearest]


def by_point(measured: Energies) -> list[Array]:
    assert measured.riesz is not None
    parts = [*measured.riesz, *([] if measured.newton is None else [measured.newton])]
    return [part.by_point.numpy() for part in parts] + [measured.nearest.numpy()]


def unit(rows: Array) -> Array:
    lengths: Array = np.linalg.norm(rows, axis=1)[:, None]
    return rows / lengths


def crowded(seed: int, classes: int, dim: int, common: float) -> Array:
    """Directions about a common one, the closer the larger that is."""
    return unit(cloud(seed, classes, dim) + common * cloud(seed + 1, 1, dim))


# A simplex has one distance; nothing depends on the size or on spare dimensions.
@pytest.mark.parametrize(("classes", "dim"), [(2, 1), (2, 3), (3, 2), (4, 3), (10, 40), (100, 99)])
def test_simplex(classes: int, dim: int) -> None:
    square = 2 * classes / (classes - 1)
    expected = [-math.log(square) / 2, square**-0.5, 1 / square]
    if dim > 2:
        expected.append(-(dim - 2) / 2 * math.log(square))
    rows = etf(classes, dim)
    assert numbers(rows) == pytest.approx([*expected, math.sqrt(square)], rel=1e-13)


# A cross-polytope has two.
@pytest.mark.parametrize("dim", [2, 3, 8, 64])
def test_orthoplex(dim: int) -> None:
    others = 2 * dim - 1

    def mean(power: float) -> float:
        return float((2**-power + (2 * dim - 2) * 2 ** (-power / 2)) / others)

    expected = [-dim * math.log(2) / others, mean(1), mean(2)]
    if dim > 2:
        expected.append(math.log(mean(dim - 2)))
    assert numbers(orthoplex(dim)) == pytest.approx([*expected, math.sqrt(2)], rel=1e-13)


# A polygon's are sums over sines.
@pytest.mark.parametrize("classes", [5, 7, 30])
def test_polygon(classes: int) -> None:
    expected = [-math.log(classes) / (classes - 1), (classes + 1) / 12]
    zero, _, two, separation = numbers(polygon(classes))
    assert [zero, two] == pytest.approx(expected, rel=1e-12)
    assert separation == pytest.approx(2 * math.sin(math.pi / classes), rel=1e-13)


# Famous codes have their tabulated energies (s = 2, 1, 0).
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (icosahedron(), (0.5909090909, 0.7449280766, -0.3273658368)),
        (cell24(), (0.6050724638, 0.7548453409, -0.3116103425)),
        (cell600(), (0.7556022409, 0.8118454420, -0.2666647500)),
        (sharp(16), (0.5208333333, 0.7133852748, -0.3505263447)),
        (sharp(27), (0.5384615385, 0.7245172303, -0.3360300888)),
        (sharp(56), (0.5568181818, 0.7348498485, -0.3239645468)),
        (sharp(240), (0.5770571827, 0.7444647260, -0.3143203500)),
        (union(3, 3), (0.4333333333, 0.6552041764, -0.4276666119)),
        (union(2, 4), (0.4333333333, 0.6554059242, -0.4272149109)),
    ],
    ids=["icosahedron", "24-cell", "600-cell", "5-16", "6-27", "7-56", "E8", "3+3", "2+4"],
)
def test_codes(rows: Array, expected: tuple[float, ...]) -> None:
    assert numbers(rows)[2::-1] == pytest.approx(expected, abs=1e-9)


# Whatever the tile, every number is that of all differences, for all points and for each.
@pytest.mark.parametrize("tile", [1, 3, 7, 512])
@pytest.mark.parametrize(("classes", "dim"), [(2, 5), (9, 2), (30, 4), (70, 200)])
def test_every_tile(tile: int, classes: int, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", tile)
    rows = cloud(classes, classes, dim)
    means, points = by_hand(rows)
    assert numbers(rows) == pytest.approx(means, rel=1e-12)
    for mine, expected in zip(by_point(visited(rows)), points, strict=True):
        assert mine == pytest.approx(expected, rel=1e-12)


# The closest pair is named, in order.
def test_closest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 4)
    rows = cloud(3, 30, 6)
    rows[23] = unit(rows[4:5] + 0.01 * rows[:1])[0]
    assert visited(rows).closest == (4, 23)


# However close points are, distances keep their digits: a few close pairs among others, one tight
# crowd, and two crowds far apart.
@pytest.mark.parametrize("width", [1e-1, 1e-2, 1e-3, 1e-4, 1e-6])
@pytest.mark.parametrize("crowds", [0, 1, 2])
def test_close(width: float, crowds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 16)
    rows = cloud(7, 60, 12)
    if crowds:
        centres = cloud(8, crowds, 12)[np.arange(60) % crowds]
        rows = unit(centres + width * rows)
    else:
        rows[40:43] = unit(rows[:3] + width * rows[3:6])
    means, points = by_hand(rows)
    assert numbers(rows) == pytest.approx(means, rel=DOUBLE)
    for mine, expected in zip(by_point(visited(rows)), points, strict=True):
        assert mine == pytest.approx(expected, rel=DOUBLE)


# Many points are multiplied in float32, and the answers still have six digits: spread out, about
# a common direction, in three dimensions, in crowds, and with a few close pairs.
@pytest.mark.parametrize(
    "rows",
    [
        cloud(1, 300, 40),
        etf(300, 310),
        cloud(2, 300, 3),
        cloud(3, 200, 1000),
        crowded(4, 300, 64, 2.0),
        crowded(5, 300, 64, 100.0),
        crowded(6, 300, 64, 1e5),
        np.concatenate([cloud(7, 200, 30), unit(cloud(7, 200, 30)[:4] + 1e-5 * cloud(8, 4, 30))]),
    ],
    ids=["spread", "simplex", "flat", "wide", "common", "narrow", "tight", "pairs"],
)
def test_single(rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", 0)
    monkeypatch.setattr(tiles, "TILE", 64)
    means, points = by_hand(rows)
    assert numbers(rows) == pytest.approx(means, rel=SINGLE)
    measured = visited(rows)
    assert measured.nearest.numpy() == pytest.approx(points[-1], rel=SINGLE)
    a, b = measured.closest
    assert measured.separation == pytest.approx(np.linalg.norm(rows[a] - rows[b]), rel=1e-14)
    assert measured.separation == float(measured.nearest.min()) == float(measured.nearest[a])


# Close pairs one by one, or their tile about its own centre: the same numbers.
@pytest.mark.parametrize("crowd", [0, 1 << 40])
@pytest.mark.parametrize("double", [0, 4096])
def test_crowd(crowd: int, double: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CROWD", crowd)
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", double)
    monkeypatch.setattr(tiles, "TILE", 32)
    rows = crowded(9, 100, 16, 1e4)
    assert numbers(rows) == pytest.approx(by_hand(rows)[0], rel=DOUBLE if double else SINGLE)


# In thousands of dimensions the terms of the Newtonian energy are far below the least float.
@pytest.mark.parametrize("double", [0, 4096])
def test_newton_underflow(double: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", double)
    rows = cloud(10, 40, 4096)
    rows[1] = unit(rows[:1] + 0.3 * rows[1:2])[0]  # a pair that outweighs all others
    measured = visited(rows).newton
    means, points = by_hand(rows)
    assert measured is not None and 4094 * math.log(2) / 2 > 745
    limit = DOUBLE if double else SINGLE
    assert measured.mean == pytest.approx(means[3], rel=limit)
    assert measured.by_point.numpy() == pytest.approx(points[3], rel=limit)


# Coincident directions are counted and named; no energy is given; the others have their nearest.
@pytest.mark.parametrize("double", [0, 4096])
@pytest.mark.parametrize("tile", [2, 512])
def test_coincident(double: int, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", double)
    monkeypatch.setattr(tiles, "TILE", tile)
    rows = cloud(11, 12, 5)
    rows[7] = rows[9] = rows[2]
    rows[10] = unit(3 * rows[4:5])[0]  # the same but for rounding
    measured = visited(rows)
    assert measured.riesz is None and measured.newton is None
    assert measured.coincident_count == 4
    assert set(measured.coincident) == {(2, 7), (2, 9), (7, 9), (4, 10)}
    assert measured.separation == 0.0 and measured.closest == measured.coincident[0]
    touching = measured.nearest.numpy() == 0
    assert set(np.flatnonzero(touching)) == {2, 4, 7, 9, 10}
    assert measured.nearest.numpy() == pytest.approx(by_hand_nearest(rows), rel=SINGLE, abs=1e-15)


def by_hand_nearest(rows: Array) -> Array:
    square = np.array([((row - rows) ** 2).sum(1) for row in rows])
    np.fill_diagonal(square, np.inf)
    nearest: Array = np.sqrt(square.min(1))
    return nearest


# Of many coincident pairs all are counted and a few named; even where all differences are nought.
@pytest.mark.parametrize("row", [cloud(12, 1, 4), np.eye(4)[:1]])
def test_many_coincident(row: Array) -> None:
    measured = visited(np.tile(row, (40, 1)))
    assert (
        measured.coincident_count == pairs_of(40) and len(measured.coincident) == energy.NAMED_PAIRS
    )


# Just apart is apart: the energy is large and right.
def test_just_apart() -> None:
    rows = np.array([[1.0, 0.0, 0.0], [1.0, 1e-12, 0.0], [0.0, 0.0, 1.0]])
    measured = visited(rows)
    assert measured.coincident_count == 0 and measured.separation == pytest.approx(1e-12)
    assert measured.riesz is not None
    assert measured.riesz[2].mean == pytest.approx((1e24 + 0.5 + 0.5) / 3)


# Progress hears of every pair once.
def test_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 8)
    heard: list[int] = []
    energies(
        torch.from_numpy(cloud(13, 37, 5)), advance=lambda amount, note="": heard.append(amount)
    )
    assert sum(heard) == pairs_of(37) and len(heard) == 15


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most elements that any tensor has had."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        measured = func(*args, **(kwargs or {}))
        self.elements = max([self.elements, *_sizes(measured)])
        return measured


def _sizes(measured: Any) -> Iterator[int]:
    yield from (leaf.numel() for leaf in tree_leaves(measured) if isinstance(leaf, torch.Tensor))


# No matrix of all pairs is ever whole, not even where all are close.
@pytest.mark.parametrize("common", [0.0, 1e5])
def test_no_whole_matrix(common: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 16)
    monkeypatch.setattr(tiles, "RECHECKED", 512)
    rows = torch.from_numpy(crowded(14, 300, 6, common))
    with Largest() as seen:
        energies(rows)
    assert 0 < seen.elements <= rows.numel() < 300 * 300 / 4
