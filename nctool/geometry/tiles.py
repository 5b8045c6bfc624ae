"""The pairs of K points, tile by tile of the upper triangle: one product serves all that is asked
of them, and nothing of size K x K is ever whole.

Directions u = a/|a| are taken about their mean, v = u - mean u, so that those about a common one
lose no digits to it. From their products

    |u_a - u_b|^2 = |v_a|^2 + |v_b|^2 - 2 v_a.v_b,
    cos = (1 - |v_a|^2)/2 + (1 - |v_b|^2)/2 + v_a.v_b,
    |a - b|^2 = (|a| - |b|)^2 + |a| |b| |u_a - u_b|^2.

The first cancels where points are close: such pairs are taken again in float64 from differences.
Few points are multiplied in float64, many in float32 where that keeps six digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

TILE = 512
"""Points per side of a tile on a CPU: its buffers stay in cache."""
DEVICE_TILE = 4096
"""Elsewhere launching costs more than memory."""
DOUBLE_COUNT = 4096
"""Up to so many points every product is float64."""
RESOLUTION = 8 * torch.finfo(torch.float64).eps
"""Unit vectors this close are one: their coordinates are not known any better."""
NEAR = 1e-5
"""Below this share of |v_a|^2 + |v_b|^2 a difference has lost five of float64's sixteen digits."""
SINGLE_NEAR = 0.25
"""Below this one a float32 product, good to a few 1e-7, no longer gives six digits."""
CROWD = 256
"""One near pair in so many: taking them one by one costs more than the tile in float64."""
RECHECKED, DEVICE_RECHECKED = 1 << 18, 1 << 24
"""Coordinates of differences held at a time."""
ALIKE = 2.0
"""Lengths are, up to this ratio."""
SHORT = 1e-10
"""Points this much shorter than most leave products in float32 no room: squares of their distances
vanish."""
FARTHER = 5.0
"""Than any squared distance of directions: what stands where no pair does."""


def pairs_of(count: int) -> int:
    return count * (count - 1) // 2


@dataclass(slots=True)
class Close:
    """Some pairs of a tile that were taken again one by one."""

    row: Tensor  # (n,) within the tile
    column: Tensor  # (n,)
    square: Tensor  # (n,) float64 |u_a - u_b|^2, 0 where the two are one


@dataclass(slots=True)
class Tile:
    """Some points against some. One on the diagonal holds each of its pairs twice."""

    rows: slice
    columns: slice
    product: Tensor  # (r, c) v_a.v_b
    square: Tensor  # (r, c) |u_a - u_b|^2, FARTHER where no pair is
    across: Tensor  # (r,) the least of each row
    down: Tensor  # (c,)
    close: list[Close]
    spare: tuple[Tensor, Tensor]  # (r, c) each, to write to
    crowded: bool = False  # so many close pairs that ``square`` was taken in float64 throughout

    @property
    def diagonal(self) -> bool:
        return self.rows == self.columns

    @property
    def pairs(self) -> int:
        rows, columns = self.square.shape
        return pairs_of(rows) if self.diagonal else rows * columns

    def sum(self, values: Tensor) -> tuple[Tensor, Tensor | None]:
        """Of values of pairs for each row, and for each column if that is not the same."""
        if self.diagonal:
            return values.fill_diagonal_(0.0).sum(1), None
        return values.sum(1), values.sum(0)

    def add(self, sums: Tensor, across: Tensor, down: Tensor | None) -> None:
        """To sums of all points, (K,) float64."""
        sums[self.rows] += across
        if down is not None:
            sums[self.columns] += down

    def lower(self, least: Tensor, across: Tensor, down: Tensor) -> None:
        """The least of all points, (K,) float64."""
        torch.minimum(least[self.rows], across, out=least[self.rows])
        torch.minimum(least[self.columns], down, out=least[self.columns])


class Tiles:
    """All pairs of the rows of ``points`` (K, D) float64; a row of zeros has the direction 0."""

    def __init__(self, points: Tensor, *, double: bool = False) -> None:
        """``double``: multiply in float64 however many there are."""
        self.points, self.count = points, len(points)
        self.norms = torch.linalg.vector_norm(points, dim=1)  # (K,)
        # Lengths in units of their root mean square stay within the range of float32.
        self.scale = float(self.norms.square().mean().sqrt()) or 1.0
        short = bool(((self.norms > 0) & (self.norms < SHORT * self.scale)).any())
        double = double or short or self.count <= DOUBLE_COUNT
        self.work = torch.float64 if double else torch.float32
        self.near = NEAR if self.work == torch.float64 else SINGLE_NEAR
        on_cpu = points.device.type == "cpu"
        self.side = min(TILE if on_cpu else DEVICE_TILE, self.count)
        self.rechecked = RECHECKED if on_cpu else DEVICE_RECHECKED
        self.divisor = torch.where(self.norms > 0, self.norms, 1.0)
        # Differences of like lengths keep more digits about their mean, of unlike ones about zero.
        alike = bool(self.norms.max() < ALIKE * self.norms.min())
        centre = self.norms.mean() if alike else 0.0
        self.exact_steps = (self.norms - centre) / self.scale  # (K,)
        self.steps = self.exact_steps.to(self.work)
        self.lengths = (self.norms / self.scale).to(self.work)
        directions = points / self.divisor[:, None]
        directions -= directions.mean(0)
        squares = torch.linalg.vector_norm(directions, dim=1).square()
        self.squares, self.rest = squares.to(self.work), ((1 - squares) / 2).to(self.work)  # (K,)
        self.directions = directions.to(self.work)
        self.buffers = torch.empty((4, self.side**2), dtype=self.work, device=points.device)

    def __iter__(self) -> Iterator[Tile]:
        for top in range(0, self.count, self.side):
            rows = slice(top, min(top + self.side, self.count))
            for left in range(top, self.count, self.side):
                yield self._tile(rows, slice(left, min(left + self.side, self.count)))

    def _tile(self, rows: slice, columns: slice) -> Tile:
        left, right = self.directions[rows], self.directions[columns]
        size = len(left) * len(right)
        product, square, *spare = (
            buffer[:size].view(len(left), len(right)) for buffer in self.buffers
        )
        torch.mm(left, right.T, out=product)
        terms = self.squares[rows, None], self.squares[columns]
        torch.add(*terms, out=square).sub_(product, alpha=2)
        if rows == columns:
            square.fill_diagonal_(FARTHER)
        across, down = square.amin(1), square.amin(0)
        tile = Tile(rows, columns, product, square, across, down, [], (spare[0], spare[1]))
        # The least of each row tell whether any pair is close at all.
        if bool((across <= self.near * (terms[0][:, 0] + terms[1].max())).any()):
            self._recheck(tile)
            tile.across, tile.down = square.amin(1), square.amin(0)
        return tile

    def _recheck(self, tile: Tile) -> None:
        """The distances of close points once more, in float64 from their differences."""
        square, rows, columns = tile.square, tile.rows, tile.columns
        near = square <= self.near * (self.squares[rows, None] + self.squares[columns])
        if int(near.sum()) * CROWD > square.numel():
            near = self._recentred(tile)
            tile.crowded = True
        if tile.diagonal:
            near.triu_(1)
        step = max(1, self.rechecked // self.points.shape[1])
        for part in torch.split(torch.nonzero(near), step):
            row, column = part.unbind(1)
            apart = self.direction(rows.start + row).sub_(self.direction(columns.start + column))
            exact = apart.square_().sum(1)
            exact[exact <= RESOLUTION**2] = 0.0
            tile.close.append(Close(row, column, exact))
            square[row, column] = exact.to(self.work)
            if tile.diagonal:
                square[column, row] = exact.to(self.work)

    def _recentred(self, tile: Tile) -> Tensor:
        """The whole tile in float64, about a point amid its own; which pairs are closer still."""
        left, right = self.direction(tile.rows), self.direction(tile.columns)
        centre = left.mean(0)
        left, right = left - centre, right - centre
        scale = left.square().sum(1)[:, None] + right.square().sum(1)
        double = torch.addmm(scale, left, right.T, alpha=-2)
        # Centred, |a|^2 + |b|^2 is small too: the expansion loses digits relative to that only.
        near = double <= scale.mul_(NEAR)
        tile.square.copy_(double)
        if tile.diagonal:
            tile.square.fill_diagonal_(FARTHER)
        return near

    def direction(self, which: slice | Tensor) -> Tensor:  # (n, D) float64
        return self.points[which] / self.divisor[which, None]

    def apart(self, tile: Tile) -> Tensor:
        """|a - b|^2 over the square of ``scale``, in the first spare; inf where no pair is."""
        rows, columns = tile.rows, tile.columns
        apart, product = tile.spare
        torch.mul(tile.square, self.lengths[rows, None], out=product)
        if tile.crowded:  # lengths of close points may differ by less than float32 tells
            apart.copy_(self.exact_steps[rows, None] - self.exact_steps[columns])
        else:
            torch.sub(self.steps[rows, None], self.steps[columns], out=apart)
        apart.square_()
        apart.addcmul_(product, self.lengths[columns])
        if tile.diagonal:
            apart.fill_diagonal_(float("inf"))
        for close in tile.close:
            step = self.points[rows.start + close.row] - self.points[columns.start + close.column]
            exact = step.div_(self.scale).square_().sum(1).to(self.work)
            apart[close.row, close.column] = exact
            if tile.diagonal:
                apart[close.column, close.row] = exact
        return apart


class Neighbours:
    """The nearest direction of each, the closest two, and those that coincide."""

    def __init__(self, tiles: Tiles, named: int) -> None:
        self.tiles, self.named = tiles, named
        self.nearest = tiles.points.new_full((tiles.count,), FARTHER)  # (K,) squared
        self.coincident: list[tuple[int, int]] = []
        self.coincident_count = 0

    def add(self, tile: Tile) -> None:
        tile.lower(self.nearest, tile.across, tile.down)
        for close in tile.close:
            same = close.square == 0
            row, column = close.row[same] + tile.rows.start, close.column[same] + tile.columns.start
            self.coincident_count += len(row)
            missing = self.named - len(self.coincident)
            for a, b in torch.stack([row, column], 1)[:missing].tolist():
                self.coincident.append((a, b))

    def finish(self) -> tuple[int, int]:
        """The closest two; their distance is that of the points, whatever the products said."""
        if self.coincident:
            return self.coincident[0]
        least = torch.nonzero(self.nearest == self.nearest.min()).flatten()
        first, others = least[:1], least[1:]
        squares = (self.tiles.direction(first) - self.tiles.direction(others)).square().sum(1)
        second = others[squares.argmin()]
        exact = squares.min()
        self.nearest[first], self.nearest[second] = exact, exact
        self.nearest.clamp_(min=exact)
        return int(first), int(second)
