"""What several statistics of the second pass take from a block: residuals, lengths, origins.

Residuals are differences of stored numbers from class means in the working precision: subtracting
two close floats loses nothing (Sterbenz), so they keep their digits however near collapse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from nctool.engine.block import Block, Part
from nctool.statistics.moments import Moments, inverse_norms, row_lengths, row_squares

RESIDUAL_CLASSES = 256
"""Up to here every class is its own origin (a small table); beyond, the global mean is."""


@dataclass(frozen=True, slots=True, eq=False)
class Centres:
    """The class means, one row per sample."""

    table: Tensor  # (K, D) in the working precision

    def __call__(self, block: Block) -> Tensor:  # (B, D)
        return block.space.rows_of(self, self.table, block.y)


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """Sample minus class mean."""

    centres: Centres

    def __call__(self, block: Block) -> Tensor:  # (B, D)
        return block.space.difference(self, block.x, block.get(self.centres))


@dataclass(frozen=True, slots=True, eq=False)
class Squares:
    """Squared length of each row of a part."""

    of: Part[Tensor]

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        return row_squares(block.get(self.of))


def lengths(block: Block) -> Tensor:  # (B,) float64
    """|x| in the working precision."""
    return row_lengths(block.x)


@dataclass(frozen=True, slots=True, eq=False)
class InverseLengths:
    """1/|x| of each sample, 0 for a zero row; right to the spread of |x| near collapse."""

    residual: Residual
    squares: Squares
    centre_squares: Tensor = field(init=False)  # (K,) float64

    def __post_init__(self) -> None:
        table = self.residual.centres.table
        norms = torch.linalg.vector_norm(table, dim=1, dtype=torch.float64)
        object.__setattr__(self, "centre_squares", norms**2)

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        return inverse_norms(
            block.get(lengths),
            block.get(self.residual),
            block.get(self.squares),
            block.get(self.residual.centres),
            self.centre_squares[block.y],
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


@dataclass(frozen=True, slots=True, eq=False)
class _Shifted:
    """Sample minus one origin for all."""

    origin: Tensor  # (1, D)

    def __call__(self, block: Block) -> Tensor:  # (B, D)
        return block.space.difference(self, block.x, self.origin.expand_as(block.x))


@dataclass(frozen=True, slots=True, eq=False)
class _Lengths:
    of: Part[Tensor]

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        return row_lengths(block.get(self.of))


@dataclass(frozen=True, slots=True, eq=False)
class _Roots:
    of: Squares

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        return block.get(self.of).sqrt()


def _whole(block: Block) -> Tensor:
    return block.x


def origin_of(
    moments: Moments, global_mean: Tensor, residual: Residual, squares: Squares
) -> Origin:
    centre = residual.centres.table
    if len(centre) <= RESIDUAL_CLASSES:
        return Origin("class", centre, residual, _Roots(squares))
    rows = global_mean.to(centre.dtype)[None]
    if near_zero(moments, global_mean):
        return Origin("zero", torch.zeros_like(rows), _whole, lengths)
    shifted = _Shifted(rows)
    return Origin("global", rows, shifted, _Lengths(shifted))


def near_zero(moments: Moments, global_mean: Tensor) -> bool:
    """Is the global mean too near zero for its removal to save any digits?"""
    around = (moments.mean - global_mean).square().sum(1)
    total = moments.scatter.sum() + (moments.count * around).sum()
    return float(global_mean.square().sum()) <= float(total / moments.count.sum())
