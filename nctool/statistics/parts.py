"""What several statistics of the second pass take from a block: residuals, lengths, origins.

Residuals are differences of stored numbers from class means in the working precision: subtracting
two close floats loses nothing (Sterbenz), so they keep their digits however near collapse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nctool.engine.block import Block, Part
from nctool.statistics.lengths import inverse_norms, row_lengths, row_squares
from nctool.statistics.moments import Moments

RESIDUAL_CLASSES = 256
"""Up to here every class is its own origin (a small table); beyond, the global mean is."""


@dataclass(frozen=True, slots=True, eq=False)
class Centres:
    """The class means, one row per sample."""

    table: Tensor  # (K, D) in the working precision

    def __call__(self, block: Block) -> Tensor:  # (B, D)
        return block.space.rows_of(self, self.table, block.y)


class Residual:
    """Sample minus class mean, and what follows from it alone."""

    def __init__(self, means: Tensor) -> None:
        """``means`` (K, D) in the working precision."""
        self.centres = Centres(means)
        self.squares = Squares(self)
        self.inverse = InverseLengths(self)

    def __call__(self, block: Block) -> Tensor:  # (B, D)
        # Written over the rows it is taken from: with one matrix less, both stay in cache.
        origin = block.space.rows_of(self, self.centres.table, block.y)
        return torch.sub(block.x, origin, out=origin)


@dataclass(frozen=True, slots=True, eq=False)
class Squares:
    """Squared length of each row of a part."""

    of: Part[Tensor]

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        return row_squares(block.get(self.of))


def lengths(block: Block) -> Tensor:  # (B,) float64
    """|x| in the working precision."""
    return row_lengths(block.x)


class InverseLengths:
    """1/|x| of each sample, 0 for a zero row; right to the spread of |x| near collapse."""

    def __init__(self, residual: Residual) -> None:
        self.residual = residual
        norms = torch.linalg.vector_norm(residual.centres.table, dim=1, dtype=torch.float64)
        self.centre_squares = norms**2  # (K,)

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        return inverse_norms(
            block.get(lengths),
            block.get(self.residual),
            block.get(self.residual.squares),
            self.residual.centres.table,
            self.centre_squares,
            block.y,
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """From where scores are taken: what all samples share would drown their differences.

    Its own mean for each class if they are few; else the global mean, or zero if that is no
    nearer to the samples.
    """

    kind: Literal["class", "global", "zero"]
    rows: Tensor  # (K or 1, D) in the working precision
    base: Part[Tensor]  # (B, D) sample minus origin
    lengths: Part[Tensor]  # (B,) float64 |base|


def origin_of(moments: Moments, global_mean: Tensor, residual: Residual) -> Origin:
    centre = residual.centres.table
    if len(centre) <= RESIDUAL_CLASSES:
        return Origin("class", centre, residual, lambda block: block.get(residual.squares).sqrt())
    rows = global_mean.to(centre.dtype)[None]
    if near_zero(moments, global_mean):
        return Origin("zero", torch.zeros_like(rows), lambda block: block.x, lengths)

    def shifted(block: Block) -> Tensor:  # (B, D)
        return block.space.difference(shifted, block.x, rows.expand_as(block.x))

    return Origin("global", rows, shifted, lambda block: row_lengths(block.get(shifted)))


def near_zero(moments: Moments, global_mean: Tensor) -> bool:
    """Is the global mean too near zero for its removal to save any digits?"""
    around = (moments.mean - global_mean).square().sum(1)
    total = moments.scatter.sum() + (moments.count * around).sum()
    return float(global_mean.square().sum()) <= float(total / moments.count.sum())
