"""Rows that occur more than once: a sketch of bounded size, exact up to ``KEPT`` samples.

Each row has a signature made from the bits of a few of its entries. Only the smallest signatures
are kept: a choice by content, so that copies are kept together or left out together, however far
apart they lie. Whether rows of one signature really are copies is for who holds the rows to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

KEPT = 1 << 16
ENDS = 4
"""So many first and so many last entries of a row go into its signature: two looks at memory."""

MIXER = -7046029254386353131
"""An odd number with well spread bits: multiplication by it, modulo 2^64, loses nothing."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Samples that are the same as an earlier one, among those that were compared."""

    count: int
    compared: int
    pairs: tuple[tuple[int, int], ...]
    """Some of them: the earlier row and the later one, as stored."""


class CopySketch:
    """Feed it rows in order with ``add``."""

    def __init__(self, dim: int, device: torch.device) -> None:
        self.ends = min(ENDS, dim)
        self.rows = 0
        self.signatures = torch.empty(0, dtype=torch.int64, device=device)
        self.places = torch.empty(0, dtype=torch.int64, device=device)

    def add(self, x: Tensor) -> None:
        """``x`` (B, D) in float32 or float64."""
        signatures = _signatures(torch.cat((x[:, : self.ends], x[:, -self.ends :]), 1))
        places = torch.arange(self.rows, self.rows + len(x), device=x.device)
        self.rows += len(x)
        self.signatures = torch.cat((self.signatures, signatures))
        self.places = torch.cat((self.places, places))
        if len(self.signatures) > 2 * KEPT:
            self._shrink()

    def _shrink(self) -> None:
        bound = torch.kthvalue(self.signatures, KEPT).values
        kept = self.signatures <= bound
        if int(kept.sum()) > 2 * KEPT:  # one signature for nearly all: these few speak for them
            kept &= kept.cumsum(0) <= KEPT
        self.signatures, self.places = self.signatures[kept], self.places[kept]

    @property
    def looked_at(self) -> int:
        """How many samples the sketch speaks of."""
        return len(self.places)

    def suspects(self) -> Tensor:
        """Places, in the order of ``add``, of rows whose signature occurs more than once."""
        _, group, size = torch.unique(self.signatures, return_inverse=True, return_counts=True)
        return torch.sort(self.places[size[group] > 1]).values


def _signatures(x: Tensor) -> Tensor:
    """(B,) int64. Zeros of both signs are one number, and so have one signature."""
    # Two float32 make one word; the number of entries is even.
    words = (x + 0.0).contiguous().view(torch.int64)
    found = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    for column in words.unbind(1):
        found.add_(column).mul_(MIXER)
        found.bitwise_xor_(found >> 29)
    return found
