"""What the pairs of K points say: cosines, nearest neighbours, and CDNV."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.geometry.tiles import Neighbours, Tile, Tiles, pairs_of

NAMED_PAIRS = 5
FLAT = 1e-3
"""Cosines that vary less, or are nearer those of a simplex, are not told from float32 products,
which leave them some 3e-8: of this five digits."""

CLOSE = 0.5
"""Squared distance of directions, which is 2 - 2 cos."""


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

    def out_of_range(self) -> bool:
        """Whether variances over distances were larger than float32 holds."""
        return self.cdnv is not None and not bool(self.cdnv.isfinite().all())

    def flat(self) -> bool:
        """Whether float32 products leave too few digits of what cosines differ by."""
        if self.cosine_std is None or self.class_gap is None:
            return False
        return min(self.cosine_std, float(self.class_gap.min())) < FLAT


class PairSums:
    """Sums over pairs, tile by tile."""

    def __init__(
        self, tiles: Tiles, variances: Tensor | None, power: int, resolution: float
    ) -> None:
        """``variances`` (K,) asks for CDNV; points closer than ``resolution`` are coincident."""
        self.tiles, self.power = tiles, power
        count, points = tiles.count, tiles.points
        self.zero = tuple(torch.nonzero(tiles.norms == 0).flatten().tolist())
        self.simplex = 1 / (count - 1) if count > 1 else 0.0
        self.mean = 0.0
        if not self.zero and count > 1:
            # The mean needs no pairs: |sum of unit vectors|^2 = K + 2 (sum of cosines). Known
            # ahead, it is taken off before squaring, so that the variance does not cancel.
            total = float((points / tiles.norms[:, None]).sum(0).square().sum())
            self.mean = (total - count) / (2 * pairs_of(count))
        self.second, self.gap, self.cdnv, self.inverse = points.new_zeros((4, count))
        # (2, K) what the largest cosine is below the mean; the squared distance to the nearest.
        self.below, self.nearest = points.new_full((2, count), float("inf"))
        self.floor = (resolution / tiles.scale) ** 2
        self.variances: Tensor | None = None
        if variances is not None:
            self.variances = (variances / tiles.scale**2).to(tiles.work)
        self.coincident: list[tuple[int, int]] = []
        self.coincident_count = 0

    def add(self, tile: Tile) -> None:
        if not self.zero:
            self._cosines(tile)
        self._distances(tile)

    def _cosines(self, tile: Tile) -> None:
        offset, squares = tile.spare
        rest = self.tiles.rest
        torch.add(tile.product, rest[tile.rows, None] - self.mean, out=offset).add_(
            rest[tile.columns]
        )
        if tile.diagonal:
            offset.fill_diagonal_(float("-inf"))
        tile.lower(self.below, -offset.amax(1), -offset.amax(0))
        tile.add(self.second, *tile.sum(torch.mul(offset, offset, out=squares)))
        tile.add(self.gap, *tile.sum(offset.add_(self.mean + self.simplex).abs_()))

    def _distances(self, tile: Tile) -> None:
        apart = self.tiles.apart(tile)
        across = apart.amin(1)
        tile.lower(self.nearest, across, apart.amin(0))
        if bool((across <= self.floor).any()):
            self._coincide(tile, apart)
        if self.variances is None:
            return
        inverse = apart.reciprocal_()
        tile.add(self.inverse, *tile.sum(inverse))
        if self.power != 1:
            inverse = inverse.pow_(self.power)
        # (v_a + v_b)/(2 D_ab), summed over b for a and over a for b.
        left, right = self.variances[tile.rows], self.variances[tile.columns]
        across, down = tile.sum(inverse)
        across = (left * across + inverse @ right) / 2
        tile.add(self.cdnv, across, None if down is None else (right * down + left @ inverse) / 2)

    def _coincide(self, tile: Tile, apart: Tensor) -> None:
        same = apart <= self.floor
        if tile.diagonal:
            same.triu_(1)
        pairs = torch.nonzero(same)
        self.coincident_count += len(pairs)
        for row, column in pairs[: NAMED_PAIRS - len(self.coincident)].tolist():
            self.coincident.append((tile.rows.start + row, tile.columns.start + column))

    def finish(self, neighbours: Neighbours, closest: tuple[int, int]) -> Pairs:
        """``neighbours``: finished, to the closest two."""
        count, scale = self.tiles.count, self.tiles.scale
        std = gap = top = class_gap = class_top = mean = None
        if count > 1 and not self.zero:
            mean = self.mean
            std = (float(self.second.mean()) / (count - 1)) ** 0.5
            class_gap = self.gap / (count - 1)
            gap = float(class_gap.mean())
            # Distances keep the digits of cosines near one, products those of the others.
            near = neighbours.nearest < CLOSE
            class_top = torch.where(near, 1 - neighbours.nearest / 2, self.mean - self.below)
            top = 1 - float(neighbours.nearest.min()) / 2  # of the closest two, in float64
            class_top.clamp_(max=top)[list(closest)] = top
        cdnv = inverse = None
        if self.variances is not None and not self.coincident_count and count > 1:
            cdnv = self.cdnv / (count - 1) * scale ** (2 - 2 * self.power)
            inverse = float(self.inverse.mean()) / (count - 1) / scale**2
        return Pairs(
            self.tiles.norms, self.zero, mean, std, gap, top, class_gap, class_top,
            self.nearest * scale**2, cdnv, inverse, tuple(self.coincident), self.coincident_count,
        )  # fmt: skip
