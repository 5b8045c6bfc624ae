"""A first look in bfloat16, where that is much faster: most decisions are clear at once.

Only on a CPU, which sums bfloat16 products in float32: a GPU may sum parts in bfloat16.

Only decisions that survive a rigorous rounding bound count; every other row is looked at again in
the working precision. So the screen changes how long a decision takes, never what it is.
"""

from __future__ import annotations

from functools import cache
from time import perf_counter

import torch
from torch import Tensor

from nctool.engine.workspace import Workspace

COARSE = 2.0**-8
"""Unit roundoff of bfloat16."""

WORTHWHILE = 2.5
"""How many times faster the coarse product must be: the rest of the screen is not free."""

TRIAL, TRIALS = 384, 3


class Screen:
    """Coarse scores of samples against the class means, constants included.

    The constant of a class rides along as two more dimensions (its leading digits and the rest),
    which saves a pass over the scores.
    """

    def __init__(self, directions: Tensor, constant: Tensor) -> None:
        leading = constant.bfloat16()
        rest = (constant - leading).bfloat16()
        self.columns = torch.cat([directions.bfloat16(), torch.stack([leading, rest])])
        self.reach = float(torch.linalg.vector_norm(directions, dim=0).max())
        self.level = float(constant.abs().max())
        self.lowest = torch.tensor(float("-inf"), dtype=torch.bfloat16, device=directions.device)
        self.useful = True

    def surely_right(self, base: Tensor, y: Tensor, lengths: Tensor, space: Workspace) -> Tensor:
        """Rows whose own class wins whatever the rounding did."""
        rows, dim = base.shape
        coarse = space.matrix((self, "base"), rows, dim + 2, torch.bfloat16)
        coarse[:, :dim].copy_(base)
        coarse[:, dim:] = 1.0
        scores = space.matrix((self, "scores"), rows, self.columns.shape[1], torch.bfloat16)
        torch.mm(coarse, self.columns, out=scores)
        place = y[:, None]
        own = scores.gather(1, place)[:, 0].double()
        # Not scatter_: in bfloat16 that copies the whole matrix twice.
        scores.index_put_((torch.arange(rows, device=y.device), y), self.lowest)
        # Each score: both factors rounded, the sum in float32, the result rounded; twice, for the
        # difference of two.
        each = 3.25 * COARSE + dim * torch.finfo(torch.float32).eps
        slack = 2 * each * self.reach * lengths + 2.5 * COARSE * self.level
        sure = own - scores.amax(1).double() > slack
        if int(sure.sum()) * 2 < rows:
            self.useful = False
        return sure


@cache
def coarse_is_fast(device: torch.device) -> bool:
    """Measured once: the answer decides about speed only."""
    plain = torch.ones(TRIAL, TRIAL, device=device)
    coarse = plain.bfloat16()
    return _seconds(plain) > WORTHWHILE * _seconds(coarse)


def _seconds(matrix: Tensor) -> float:
    best = float("inf")
    for _ in range(TRIALS + 1):
        start = perf_counter()
        float((matrix @ matrix)[0, 0])
        best = min(best, perf_counter() - start)
    return best
