"""All pairs of K points, block by block: cosines, nearest neighbours, and CDNV.

The upper triangle is visited once in float64; no K x K matrix is ever whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

TILE = 512
"""Points per side of a tile: its cosines and distances stay in cache."""
NEAR = 1e-6
"""Below this share of |a|^2 + |b|^2 a squared distance is taken from the difference itself:
the expansion loses as many digits as it cancels."""
RECHECKED = 1 << 14
NAMED_PAIRS = 5


@dataclass(frozen=True, slots=True)
class Pairs:
    """What the pairs of K points say; cosines are None when a point has no direction."""

    norms: Tensor  # (K,)
    zero: tuple[int, ...]
    mean_cosine: float | None
    cosine_std: float | None
    angle_gap: float | None
    max_cosine: float | None
    class_gap: Tensor | None  # (K,) mean |cos + 1/(K-1)| over the others
    class_max_cosine: Tensor | None  # (K,)
    nearest: Tensor  # (K,) squared distance to the nearest other
    cdnv: Tensor | None  # (K,) mean over the others of (v_a + v_b) / (2 |a - b|^2)^p
    inverse_square: float | None  # mean over pairs of 1/|a - b|^2
    coincident: tuple[tuple[int, int], ...]
    coincident_count: int


def survey(
    points: Tensor, *, variances: Tensor | None = None, power: int = 1, resolution: float = 0.0
) -> Pairs:
    """Visit every pair of rows of ``points`` (K, D) float64.

    ``variances`` (K,) asks for CDNV; two points closer than ``resolution`` count as coincident.
    """
    visitor = _Visitor(points, variances, power, resolution)
    for rows, columns in tiles(len(points), TILE):
        visitor.visit(rows, columns)
    return visitor.finish()


def tiles(count: int, side: int) -> Iterator[tuple[slice, slice]]:
    """The tiles of the upper triangle, row by row, diagonal ones included."""
    for top in range(0, count, side):
        for left in range(top, count, side):
            yield slice(top, min(top + side, count)), slice(left, min(left + side, count))


class _Visitor:
    def __init__(
        self, points: Tensor, variances: Tensor | None, power: int, resolution: float
    ) -> None:
        self.points, self.variances, self.power = points, variances, power
        self.floor = resolution * resolution
        self.count = len(points)
        self.norms = torch.linalg.vector_norm(points, dim=1)
        self.squares = self.norms.square()
        self.zero = tuple(torch.nonzero(self.norms == 0).flatten().tolist())
        self.pairs = self.count * (self.count - 1) // 2
        self.simplex = 1 / (self.count - 1) if self.count > 1 else 0.0
        self.mean = 0.0
        if not self.zero and self.count > 1:
            # The mean needs no pairs: |sum of unit vectors|^2 = K + 2 (sum of cosines). Known
            # ahead, it is taken off before squaring, so that the variance does not cancel.
            direction = (points / self.norms[:, None]).sum(0)
            self.mean = (float(direction.square().sum()) - self.count) / (2 * self.pairs)
        self.gap, self.cdnv = points.new_zeros((2, self.count))
        self.closest = points.new_full((self.count,), float("-inf"))
        self.nearest = points.new_full((self.count,), float("inf"))
        self.first = self.second = self.inverse = 0.0
        self.coincident: list[tuple[int, int]] = []
        self.coincident_count = 0

    def visit(self, rows: slice, columns: slice) -> None:
        gram = self.points[rows] @ self.points[columns].T
        upper = torch.ones_like(gram, dtype=torch.bool).triu(1) if rows == columns else None
        self._distances(gram, rows, columns, upper)
        if not self.zero:
            self._cosines(gram, rows, columns, upper)

    def _distances(self, gram: Tensor, rows: slice, columns: slice, upper: Tensor | None) -> None:
        # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b costs one product for the whole tile, and cancels where
        # points are close: those are subtracted first.
        scale = self.squares[rows, None] + self.squares[columns]
        square = torch.add(scale, gram, alpha=-2)
        near = square < NEAR * scale
        if upper is not None:
            near &= upper
        for part in torch.split(torch.nonzero(near), RECHECKED):
            a, b = part[:, 0], part[:, 1]
            step = self.points[rows.start + a] - self.points[columns.start + b]
            square[a, b] = step.square().sum(1)
        if upper is not None:
            square.masked_fill_(~upper, float("inf"))
        self.nearest[rows] = torch.minimum(self.nearest[rows], square.amin(1))
        self.nearest[columns] = torch.minimum(self.nearest[columns], square.amin(0))
        same = torch.nonzero(square <= self.floor)
        self.coincident_count += len(same)
        for row, column in same[: NAMED_PAIRS - len(self.coincident)].tolist():
            self.coincident.append((rows.start + row, columns.start + column))
        if self.variances is None:
            return
        inverse = square.reciprocal_()
        self.inverse += float(inverse.sum())
        if self.power != 1:
            inverse = inverse.pow_(self.power)
        # (v_a + v_b)/(2 D_ab), summed over b for a and over a for b.
        left, right = self.variances[rows], self.variances[columns]
        self.cdnv[rows] += (left * inverse.sum(1) + inverse @ right) / 2
        self.cdnv[columns] += (right * inverse.sum(0) + left @ inverse) / 2

    def _cosines(self, gram: Tensor, rows: slice, columns: slice, upper: Tensor | None) -> None:
        cosine = gram.div_(self.norms[rows, None]).div_(self.norms[columns])
        offset = cosine - self.mean
        gap = (cosine + self.simplex).abs_()
        if upper is not None:
            offset.masked_fill_(~upper, 0.0)
            gap.masked_fill_(~upper, 0.0)
            cosine.masked_fill_(~upper, float("-inf"))
        self.first += float(offset.sum())
        self.second += float(torch.linalg.vector_norm(offset)) ** 2
        self.gap[rows] += gap.sum(1)
        self.gap[columns] += gap.sum(0)
        self.closest[rows] = torch.maximum(self.closest[rows], cosine.amax(1))
        self.closest[columns] = torch.maximum(self.closest[columns], cosine.amax(0))

    def finish(self) -> Pairs:
        whole = self.count > 1 and not self.zero
        std = gap = top = class_gap = class_top = None
        if whole:
            step = self.first / self.pairs  # what is left of the mean, by rounding
            std = max(self.second / self.pairs - step * step, 0.0) ** 0.5
            class_gap = self.gap / (self.count - 1)
            gap = float(class_gap.mean())
            top, class_top = float(self.closest.max()), self.closest
        cdnv = inverse = None
        if self.variances is not None and not self.coincident_count and self.pairs:
            cdnv = self.cdnv / (self.count - 1)
            inverse = self.inverse / self.pairs
        return Pairs(
            self.norms, self.zero, self.mean if whole else None, std, gap, top,
            class_gap, class_top, self.nearest, cdnv, inverse,
            tuple(self.coincident), self.coincident_count,
        )  # fmt: skip
