"""A first look in bfloat16, where that is much faster: most decisions are clear at once.

Only decisions that survive a rigorous rounding bound count; every other row is looked at again in
the working precision. So the screen changes how long a decision takes, never what it is.
"""

from __future__ import annotations

from functools import cache
from time import perf_counter

import torch
from torch import Tensor

from nctool.statistics.workspace import Workspace

COARSE = 2.0**-8
"""Unit roundoff of bfloat16."""

WORTHWHILE = 2.5
"""How many times faster the coarse product must be: the rest of the screen is not free."""

TRIAL, TRIALS = 384, 3


class Screen:
    """Coarse scores of samples against the class means."""

    def __init__(self, directions: Tensor, space: Workspace) -> None:
        self.space = space
        self.directions = directions.bfloat16()  # (D, K)
        self.reach = float(torch.linalg.vector_norm(directions, dim=0).max())
        self.useful = True

    def surely_right(self, base: Tensor, y: Tensor, lengths: Tensor, offset: Tensor) -> Tensor:
        """Rows whose own class wins whatever the rounding did."""
        rows, columns = len(base), self.directions.shape[1]
        coarse = self.space.matrix("coarse_base", rows, base.shape[1], torch.bfloat16).copy_(base)
        product = self.space.matrix("coarse", rows, columns, torch.bfloat16)
        torch.mm(coarse, self.directions, out=product)
        scores = self.space.matrix("distances", rows, columns)
        torch.add(product, offset, out=scores)
        place = y[:, None]
        own = scores.gather(1, place)[:, 0]
        scores.scatter_(1, place, float("-inf"))
        # Each score: both factors and the result rounded; twice, for the difference.
        slack = 6.5 * COARSE * self.reach * lengths
        sure = (own - scores.amax(1)).double() > slack + 1e-6 * offset.abs().max()
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
