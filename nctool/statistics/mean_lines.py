"""How far samples stray along the lines through their class mean and every other one.

With z the residual of a sample of class a, and s_b = z . (mu_b - mu_a) / |mu_b - mu_a|^2 its place
on the line to mu_b (0 at the own mean, 1 at the other), one product of residuals and centred means
gives all s_b of a sample. Where mu_b is close to mu_a the difference of two such dots cancels:
samples of such classes are taken again in float64.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from nctool.engine.block import Block, Product
from nctool.statistics.parts import Residual

CLOSE = 1e-2
"""Squared distance over |a|^2 + |b|^2 below which float32 dots leave fewer than five digits of a
difference."""
CANCELS = 1e-6
"""The same below which a squared distance is taken from the difference itself."""
EXACT_ROWS = 1024
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

    def __post_init__(self) -> None:
        work = self.residual.centres.table.dtype
        squares = self.means.square().sum(1)
        # The mean squared length of the means keeps both factors in the range of float32.
        scale = float(squares.mean())
        scaled = self.means / scale
        apart, close = squared_distances(self.means, squares)
        crowded = close if work != torch.float64 else torch.zeros_like(close)
        inverse = apart.reciprocal_().mul_(scale)
        inverse.fill_diagonal_(0.0)
        object.__setattr__(self, "product", Product(self.residual, scaled.to(work).T))
        object.__setattr__(self, "inverse", inverse.to(work))
        object.__setattr__(self, "crowded", crowded)
        object.__setattr__(self, "scaled", scaled)

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        dots, y = block.get(self.product), block.y
        own = dots.gather(1, y[:, None])
        places = torch.sub(dots, own, out=block.space.matrix(self, *dots.shape))
        places.mul_(block.space.rows_of((self, "inverse"), self.inverse, y))
        sums: Tensor = torch.linalg.vector_norm(places, dim=1).double().square()
        for rows in torch.split(torch.nonzero(self.crowded[y]).flatten(), EXACT_ROWS):
            sums[rows] = self.exact(block.get(self.residual)[rows].double(), y[rows])
        return sums

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


def squared_distances(points: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
    """(K, K) float64, each right to its own digits, and (K,) which points have one close by."""
    scale = squares[:, None] + squares
    apart = torch.addmm(scale, points, points.T, alpha=-2)
    close = (apart < CLOSE * scale).fill_diagonal_(False).any(1)
    cancelled = torch.nonzero(apart < CANCELS * scale)
    for a, b in (part.unbind(1) for part in torch.split(cancelled, EXACT_ROWS)):
        apart[a, b] = (points[a] - points[b]).square().sum(1)
    return apart, close
