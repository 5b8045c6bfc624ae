"""Near collapse the best other row of a sample is one of two, known from its class's mean.

At c + z, no score is further than R |z| from what it is at c, R the longest row: while the second
best other row leads the third by more than 2 R |z| at c, no third one comes before both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.engine.block import Block
from nctool.statistics.parts import Residual
from nctool.statistics.row_dots import row_dots

FEWEST_CLASSES = 257
"""From here on two dot products are much less than a product with all rows."""

FEWEST_PER_CLASS = 8
"""Samples of a class that make up for scoring its mean in float64."""

PROBED, USEFUL = 16, 0.5
"""Class means that are looked at first, and the share of them whose typical sample must be within
reach for the others to be worth it."""

TILE_NUMBERS = 1 << 24
ROUNDING = 1e-3
"""Share of the reach that is left to rounding: of |z| in the working precision."""


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """The two best other rows at every class mean."""

    residual: Residual
    lead: Tensor  # (K, 2) float64: own score at the mean less that of each
    apart: tuple[Tensor, Tensor]  # (K, D) own row less each, in the working precision
    reach: Tensor  # (K,) float64: no other row comes before both for |z|^2 below this

    def within(self, block: Block) -> Tensor:  # (B,) bool
        """Samples whose best other row is one of the two."""
        return block.get(self.residual.squares) < self.reach[block.y]

    def margins(self, block: Block) -> Tensor:  # (B,) float64
        """Own score less the better of the two."""
        z, lead = block.get(self.residual), self.lead[block.y]
        first, second = (row_dots(z, table, block.y) for table in self.apart)
        return torch.minimum(lead[:, 0] + first, lead[:, 1] + second)


def rivals_of(
    rows: Tensor,
    constant: Tensor | None,
    columns: Tensor,
    residual: Residual,
    counts: Tensor,
    variances: Tensor,
) -> Rivals | None:
    """None where they would settle too few samples: ``rows`` (C, D) give the scores."""
    centres = residual.centres.table
    classes = len(centres)
    if min(classes, len(rows) - 1) < max(FEWEST_CLASSES, 3):
        return None
    if float(counts.sum()) < FEWEST_PER_CLASS * classes:
        return None
    rows = rows.double()
    longest = torch.linalg.vector_norm(rows, dim=1).max()

    def best(some: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Lead over the two best others, these rows, and the reach, of some classes."""
        scores = centres[some].double() @ rows.T
        if constant is not None:
            scores += constant.double()
        own = scores.gather(1, columns[some, None])
        scores.scatter_(1, columns[some, None], float("-inf"))
        values, which = scores.topk(3, dim=1)
        apart = (values[:, 1] - values[:, 2]).clamp(min=0)
        reach = ((1 - ROUNDING) * apart / (2 * longest)).square()
        return own - values[:, :2], which[:, :2], reach

    every = torch.arange(classes, device=centres.device)
    probe = every[:: -(-classes // PROBED)]
    inside = best(probe)[2] > variances[probe]
    if float(inside.double().mean()) < USEFUL:
        return None
    parts = [best(some) for some in torch.split(every, max(1, TILE_NUMBERS // len(rows)))]
    lead, which, reach = (torch.cat(each) for each in zip(*parts, strict=True))
    own = rows[columns]
    first, second = (
        (own - rows[other]).to(centres.dtype).contiguous() for other in which.unbind(1)
    )
    return Rivals(residual, lead, (first, second), reach)
