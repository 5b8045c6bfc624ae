"""How far samples stray along the lines through their class mean and every other one.

With z the residual of a sample of class a, and s_b = z . (mu_b - mu_a) / |mu_b - mu_a|^2 its place
on the line to mu_b (0 at the own mean, 1 at the other), one product of residuals and centred means
gives all s_b of a sample. Where mu_b is close to mu_a the difference of two such dots cancels:
samples of such classes are taken again in float64.

A sample is nearer to mu_b than to mu_a where s_b is above one half: the places settle what the
nearest class mean decides, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from nctool.engine.block import Block, Product
from nctool.geometry.tiles import Tiles
from nctool.statistics.parts import Residual

CLOSE = 1e-2
"""Squared distance over |a|^2 + |b|^2 below which float32 dots leave fewer than five digits of a
difference."""
EXACT_ROWS = 1024
ROUNDED_PLACES = 1e-5
"""A place near one half is off by less for its distance, which has about six digits (tiles)."""
ROUNDED = 1e-10
"""Squared rounding of a class mean, over the variance of its class, that may be seen in a sum."""


@dataclass(frozen=True, slots=True, eq=False)
class MeanLines:
    """A part: the sum of s_b^2 over the other classes b."""

    means: Tensor  # (K, D) float64, centred
    residual: Residual
    product: Product = field(init=False)
    inverse: Tensor = field(init=False)  # (K, K) working precision, scale / |mu_b - mu_a|^2
    crowded: Tensor = field(init=False)  # (K,) bool, classes with another one close by
    scaled: Tensor = field(init=False)  # (K, D) float64, means / scale
    slack: Tensor = field(init=False)  # (2, K) float64

    def __post_init__(self) -> None:
        work = self.residual.centres.table.dtype
        # The mean squared length of the means keeps both factors in the range of float32.
        tiles = Tiles(self.means, double=work == torch.float64)
        scaled = self.means / tiles.scale**2
        inverse, crowded = inverse_squares(tiles, work)
        object.__setattr__(self, "product", Product(self.residual, scaled.to(work).T))
        object.__setattr__(self, "inverse", inverse)
        object.__setattr__(self, "crowded", crowded if work != torch.float64 else crowded & False)
        object.__setattr__(self, "scaled", scaled)
        object.__setattr__(self, "slack", self._slack(tiles))

    def _slack(self, tiles: Tiles) -> Tensor:  # (2, K) float64
        """How far off places of a class may be: that much, and so much for each unit of |z|.

        Two dots of D terms, each rounded, and their factors; and the class mean that z is from.
        """
        table = self.residual.centres.table
        unit = torch.finfo(table.dtype).eps / 2
        sharpest = self.inverse.amax(1).double() / tiles.scale**2  # 1 / the nearest square
        dots = 2 * (table.shape[1] + 8) * unit * float(tiles.norms.max()) * sharpest
        rounding = torch.linalg.vector_norm(table, dim=1, dtype=torch.float64)
        return torch.stack([unit * rounding * sharpest.sqrt() + ROUNDED_PLACES, dots])

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        y = block.y
        places = block.get(self.places)
        sums: Tensor = torch.linalg.vector_norm(places, dim=1).double().square()
        for rows in torch.split(torch.nonzero(self.crowded[y]).flatten(), EXACT_ROWS):
            sums[rows] = self.exact(block.get(self.residual)[rows].double(), y[rows])
        return sums

    def places(self, block: Block) -> Tensor:  # (B, K)
        """s_b of each sample; 0 on the way to its own mean."""
        dots, y = block.get(self.product), block.y
        own = dots.gather(1, y[:, None])
        places = torch.sub(dots, own, out=block.space.matrix(self, *dots.shape))
        return places.mul_(block.space.rows_of((self, "inverse"), self.inverse, y))

    def at_home(self, block: Block) -> Tensor:  # (B,) bool
        """Where the own mean is the nearest whatever was rounded."""
        constant, by_length = self.slack[:, block.y]
        lengths = block.get(self.residual.squares).sqrt()
        sure: Tensor = block.get(self.places).amax(1) < 0.5 - constant - by_length * lengths
        return sure

    def exact(self, z: Tensor, y: Tensor) -> Tensor:  # (B, D) float64, (B,) -> (B,)
        dots = z @ self.scaled.T
        places = (dots - dots.gather(1, y[:, None])) * self.inverse[y].double()
        sums: Tensor = places.square().sum(1)
        return sums

    def corrected(self, sums: Tensor, mean: Tensor, variance: Tensor, count: Tensor) -> Tensor:
        """(K,) Sums by class without what rounding the class means added: n times the square of
        their rounding along each line (parallel axis theorem), where that can be seen."""
        rounding = mean - self.residual.centres.table.double()  # (K, D)
        seen = torch.nonzero(rounding.square().sum(1) > ROUNDED * variance).flatten()
        corrected = sums.clone()
        for rows in torch.split(seen, EXACT_ROWS):
            corrected[rows] -= count[rows] * self.exact(rounding[rows], rows)
        return corrected.clamp_(min=0)


def inverse_squares(tiles: Tiles, work: torch.dtype) -> tuple[Tensor, Tensor]:
    """(K, K) the inverse of |a - b|^2 in units of the mean square, 0 on the diagonal, and (K,)
    which points have one close by."""
    table = torch.empty((tiles.count, tiles.count), dtype=work, device=tiles.points.device)
    crowded = torch.zeros(tiles.count, dtype=torch.bool, device=tiles.points.device)
    squares = tiles.lengths.square()
    for tile in tiles:
        rows, columns = tile.rows, tile.columns
        apart = tiles.apart(tile)
        close = apart < torch.add(squares[rows, None], squares[columns], out=tile.spare[1]).mul_(
            CLOSE
        )
        crowded[rows] |= close.any(1)
        crowded[columns] |= close.any(0)
        table[rows, columns] = apart.reciprocal_()
        if not tile.diagonal:
            table[columns, rows] = apart.T
    return table, crowded
