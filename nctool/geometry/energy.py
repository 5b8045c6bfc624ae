"""How K unit vectors repel each other: energies, separation and what coincides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.core.progress import Advance, ignore
from nctool.geometry.tiles import Neighbours, Tile, Tiles

NAMED_PAIRS = 5


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


def energies(points: Tensor, *, advance: Advance = ignore) -> Energies:
    """Visit every pair of directions of ``points`` (K, D) float64, K > 1, none of them zero.

    ``advance`` hears of every tile how many pairs it had.
    """
    tiles = Tiles(points)
    neighbours, sums = Neighbours(tiles, NAMED_PAIRS), EnergySums(tiles)
    for tile in tiles:
        neighbours.add(tile)
        sums.add(tile)
        advance(tile.pairs)
    return sums.finish(neighbours, neighbours.finish())


class EnergySums:
    """Sums over pairs, tile by tile."""

    def __init__(self, tiles: Tiles) -> None:
        points, self.count = tiles.points, tiles.count
        self.power = (points.shape[1] - 2) / 2  # of the squared distance, in the Newtonian energy
        self.sums = points.new_zeros((3, self.count))  # (3, K) of -2 log(1/rho), 1/rho, 1/rho^2
        self.tops = points.new_full((self.count,), -math.inf)  # (K,) largest Newtonian exponent
        self.tails = points.new_zeros(self.count)  # (K,) sum of exp(exponent - top)

    def add(self, tile: Tile) -> None:
        """Writes over the distances: last of all that take this tile."""
        square, values = tile.square, tile.spare[0]
        tile.add(self.sums[2], *tile.sum(torch.reciprocal(square, out=values)))
        tile.add(self.sums[1], *tile.sum(torch.rsqrt(square, out=values)))
        tile.add(self.sums[0], *tile.sum(torch.log(square, out=square)))
        if self.power > 0:
            self._newton(square.mul_(-self.power), tile)

    def _newton(self, exponent: Tensor, tile: Tile) -> None:
        """Log-sum-exp, each point's against its own largest: rho^-(D-2) alone would overflow."""
        if tile.diagonal:
            exponent.fill_diagonal_(-math.inf)
        values = tile.spare[0]
        top = tile.across.log().mul_(-self.power)
        torch.sub(exponent, top[:, None], out=values)
        self._merge(tile.rows, top.double(), values.exp_().sum(1).double())
        if not tile.diagonal:
            top = tile.down.log().mul_(-self.power)
            torch.sub(exponent, top, out=values)
            self._merge(tile.columns, top.double(), values.exp_().sum(0).double())

    def _merge(self, where: slice, top: Tensor, tail: Tensor) -> None:
        old = self.tops[where]
        new = torch.maximum(old, top)
        self.tails[where] = self.tails[where] * (old - new).exp() + tail * (top - new).exp()
        self.tops[where] = new

    def finish(self, neighbours: Neighbours, closest: tuple[int, int]) -> Energies:
        """``neighbours``: finished, to the closest two."""
        riesz = newton = None
        if not neighbours.coincident_count:
            self.sums[0] *= -0.5
            means = self.sums / (self.count - 1)
            logarithmic, first, second = (Energy(float(row.mean()), row) for row in means)
            riesz = logarithmic, first, second
            if self.power > 0:
                by_point = self.tops + self.tails.log() - math.log(self.count - 1)
                newton = Energy(float(by_point.logsumexp(0)) - math.log(self.count), by_point)
        nearest = neighbours.nearest.sqrt()
        return Energies(
            riesz, newton, float(nearest.min()), closest, nearest,
            tuple(neighbours.coincident), neighbours.coincident_count,
        )  # fmt: skip
