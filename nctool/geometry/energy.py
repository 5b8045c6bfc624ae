"""How K unit vectors repel each other: energies, separation and what coincides, in one pass.

The upper triangle of pairs is visited tile by tile; nothing of size K x K is ever whole. Few
points are multiplied in float64. Many are multiplied in float32 where that keeps six digits, and
again in float64 where points are close.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.core.progress import Advance, ignore
from nctool.geometry.pairs import tiles

TILE = 512
"""Points per side of a tile on a CPU: its two buffers stay in cache."""
DEVICE_TILE = 4096
"""Elsewhere launching costs more than memory."""
DOUBLE_COUNT = 4096
"""Up to so many points every product is float64."""
RESOLUTION = 8 * torch.finfo(torch.float64).eps
"""Unit vectors this close are one: their coordinates are not known any better."""
NEAR = 1e-5
"""Below this squared distance 2 - 2 cos has lost five of float64's sixteen digits."""
SINGLE_NEAR = 0.5
"""Below this one a float32 product, good to a few 1e-7, no longer gives six digits."""
CROWD = 256
"""One near pair in so many: taking them one by one costs more than the tile in float64."""
RECHECKED, DEVICE_RECHECKED = 1 << 18, 1 << 24
"""Coordinates of differences held at a time."""
NAMED_PAIRS = 5
FARTHER = 5.0
"""Than any squared distance: what stands where no pair does."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Over pairs, and for each point over the others."""

    mean: float
    by_point: Tensor  # (K,)


@dataclass(frozen=True, slots=True)
class Energies:
    """What the pairs of K unit vectors say; where two coincide no energy is finite."""

    riesz: tuple[Energy, Energy, Energy] | None  # means of log(1/rho), 1/rho and 1/rho^2
    newton: Energy | None  # logarithm of the mean of rho^-(D-2), D > 2
    separation: float
    closest: tuple[int, int]
    nearest: Tensor  # (K,) distance to the nearest other
    coincident: tuple[tuple[int, int], ...]  # the first few pairs that coincide
    coincident_count: int


def pairs_of(count: int) -> int:
    return count * (count - 1) // 2


def energies(points: Tensor, *, advance: Advance = ignore) -> Energies:
    """Visit every pair of the unit ``points`` (K, D) float64, K > 1.

    ``advance`` hears of every tile how many pairs it had.
    """
    visitor = _Visitor(points)
    for rows, columns in tiles(len(points), visitor.tile):
        visitor.visit(rows, columns)
        size = rows.stop - rows.start
        advance(pairs_of(size) if rows == columns else size * (columns.stop - columns.start))
    return visitor.finish()


class _Visitor:
    def __init__(self, points: Tensor) -> None:
        self.points = points
        self.count, dim = points.shape
        self.work = torch.float64 if self.count <= DOUBLE_COUNT else torch.float32
        self.near = NEAR if self.work == torch.float64 else SINGLE_NEAR
        on_cpu = points.device.type == "cpu"
        self.tile = min(TILE if on_cpu else DEVICE_TILE, self.count)
        self.rechecked = RECHECKED if on_cpu else DEVICE_RECHECKED
        self.power = (dim - 2) / 2  # of the squared distance, in the Newtonian energy
        self.buffers = torch.empty((2, self.tile**2), dtype=self.work, device=points.device)
        self.two = torch.tensor(2.0, dtype=self.work, device=points.device)
        self.sums = points.new_zeros((3, self.count))  # (3, K) of -2 log(1/rho), 1/rho, 1/rho^2
        self.tops = points.new_full((self.count,), -math.inf)  # (K,) largest Newtonian exponent
        self.tails = points.new_zeros(self.count)  # (K,) sum of exp(exponent - top)
        self.nearest = points.new_full((self.count,), math.inf)  # (K,) squared
        self.lowest, self.closest = math.inf, (0, 1)
        self.coincident: list[tuple[int, int]] = []
        self.coincident_count = 0

    def visit(self, rows: slice, columns: slice) -> None:
        square = self._squares(rows, columns)
        # Rechecked before anything is inverted; the minima tell whether it is needed at all.
        across, down = square.amin(1), square.amin(0)
        lowest = float(across.min())
        if lowest < self.near:
            self._recheck(square, rows, columns)
            across, down = square.amin(1), square.amin(0)
            lowest = float(across.min())
        if lowest < self.lowest:
            row, column = divmod(int(square.argmin()), square.shape[1])
            self.lowest, self.closest = lowest, (rows.start + row, columns.start + column)
        torch.minimum(self.nearest[rows], across, out=self.nearest[rows])
        torch.minimum(self.nearest[columns], down, out=self.nearest[columns])
        values = self._buffer(1, square)
        self._accumulate(2, torch.reciprocal(square, out=values), rows, columns)
        self._accumulate(1, torch.rsqrt(square, out=values), rows, columns)
        self._accumulate(0, torch.log(square, out=square), rows, columns)
        if self.power > 0:
            self._newton(square.mul_(-self.power), across, down, rows, columns)

    def _buffer(self, which: int, like: Tensor) -> Tensor:
        return self.buffers[which, : like.numel()].view(like.shape)

    def _squares(self, rows: slice, columns: slice) -> Tensor:
        """2 - 2 cos from one product, and no pair on the diagonal."""
        left, right = self.points[rows].to(self.work), self.points[columns].to(self.work)
        square = self.buffers[0, : len(left) * len(right)].view(len(left), len(right))
        torch.addmm(self.two, left, right.T, alpha=-2, out=square)
        return square.fill_diagonal_(FARTHER) if rows == columns else square

    def _recheck(self, square: Tensor, rows: slice, columns: slice) -> None:
        """The distances of close points once more, in float64 from their differences.

        2 - 2 cos cancels where points are close, and exactly there the energies are largest.
        """
        near = square < self.near
        if int(near.sum()) * CROWD > square.numel():
            near = self._recentred(square, rows, columns)
        if rows == columns:
            near.triu_(1)
        step = max(1, self.rechecked // self.points.shape[1])
        for part in torch.split(torch.nonzero(near), step):
            row, column = part[:, 0], part[:, 1]
            first, second = rows.start + row, columns.start + column
            apart = self.points.index_select(0, first).sub_(self.points.index_select(0, second))
            exact = apart.square_().sum(1)
            self._count_coincident(exact, first, second)
            square[row, column] = exact.to(self.work)
            if rows == columns:
                square[column, row] = exact.to(self.work)

    def _recentred(self, square: Tensor, rows: slice, columns: slice) -> Tensor:
        """The whole tile in float64, about a point amid its own; which pairs are closer still."""
        left, right = self.points[rows], self.points[columns]
        centre = left.mean(0)
        left, right = left - centre, right - centre
        scale = left.square().sum(1)[:, None] + right.square().sum(1)
        double = torch.addmm(scale, left, right.T, alpha=-2)
        # Centred, |a|^2 + |b|^2 is small too: the expansion loses digits relative to that only.
        near = double <= scale.mul_(NEAR)
        square.copy_(double)
        if rows == columns:
            square.fill_diagonal_(FARTHER)
        return near

    def _count_coincident(self, exact: Tensor, first: Tensor, second: Tensor) -> None:
        """Count pairs that coincide; no energy will be given, so sums may overflow."""
        same = exact <= RESOLUTION**2
        exact[same] = 0.0
        pairs = torch.stack([first[same], second[same]], 1)
        self.coincident_count += len(pairs)
        for a, b in pairs[: NAMED_PAIRS - len(self.coincident)].tolist():
            self.coincident.append((a, b))

    def _accumulate(self, which: int, values: Tensor, rows: slice, columns: slice) -> None:
        """A diagonal tile holds each of its pairs twice, so that its rows are enough."""
        if rows == columns:
            values.fill_diagonal_(0.0)
        self.sums[which, rows] += values.sum(1)
        if rows != columns:
            self.sums[which, columns] += values.sum(0)

    def _newton(
        self, exponent: Tensor, across: Tensor, down: Tensor, rows: slice, columns: slice
    ) -> None:
        """Log-sum-exp, each point's against its own largest: rho^-(D-2) alone would overflow."""
        if rows == columns:
            exponent.fill_diagonal_(-math.inf)
        values = self._buffer(1, exponent)
        top = across.log().mul_(-self.power)
        torch.sub(exponent, top[:, None], out=values)
        self._merge_exponentials(rows, top.double(), values.exp_().sum(1).double())
        if rows != columns:
            top = down.log().mul_(-self.power)
            torch.sub(exponent, top, out=values)
            self._merge_exponentials(columns, top.double(), values.exp_().sum(0).double())

    def _merge_exponentials(self, where: slice, top: Tensor, tail: Tensor) -> None:
        old = self.tops[where]
        new = torch.maximum(old, top)
        self.tails[where] = self.tails[where] * (old - new).exp() + tail * (top - new).exp()
        self.tops[where] = new

    def finish(self) -> Energies:
        riesz = newton = None
        if self.coincident_count:
            self.closest = self.coincident[0]
        else:
            # The pair is the float32 products' choice, its distance that of the points.
            a, b = self.closest
            exact = (self.points[a] - self.points[b]).square().sum()
            self.nearest[[a, b]] = exact
            self.nearest.clamp_(min=float(exact))
            self.sums[0] *= -0.5
            means = self.sums / (self.count - 1)
            logarithmic, first, second = (Energy(float(row.mean()), row) for row in means)
            riesz = logarithmic, first, second
            if self.power > 0:
                by_point = self.tops + self.tails.log() - math.log(self.count - 1)
                newton = Energy(float(by_point.logsumexp(0)) - math.log(self.count), by_point)
        nearest = self.nearest.sqrt()
        return Energies(
            riesz, newton, float(nearest.min()), self.closest, nearest,
            tuple(self.coincident), self.coincident_count,
        )  # fmt: skip
