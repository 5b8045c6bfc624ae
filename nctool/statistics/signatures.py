"""Copies among samples that nobody can look at again: the smallest signatures of whole rows.

Equal rows have equal signatures; others with one chance in 2^64. Which are kept depends on the
rows alone, so that shards keep together what the whole would keep. Files hold these numbers: how
they are made is part of their format.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nctool.engine.block import Block
from nctool.statistics.duplicates import KEPT, MIXER, Duplicates


class RowSignatures:
    """All signatures up to the one that is ``KEPT``-th smallest; of equal ones so many at most."""

    def __init__(self, device: torch.device) -> None:
        self.kept = torch.empty(0, dtype=torch.int64, device=device)

    def add(self, block: Block) -> None:
        self.merge(row_signatures(block.x))

    def sums(self) -> Tensor:
        if len(self.kept) > KEPT:
            self._shrink()
        return self.kept

    def merge(self, other: Tensor) -> None:
        self.kept = torch.cat((self.kept, other))
        if len(self.kept) > 4 * KEPT:
            self._shrink()

    def _shrink(self) -> None:
        ordered = torch.sort(self.kept).values
        self.kept = ordered[: 2 * KEPT][ordered[: 2 * KEPT] <= ordered[KEPT - 1]].clone()

    def finish(self) -> Tensor:
        return self.sums()


def row_signatures(x: Tensor) -> Tensor:  # (B, D) -> (B,) int64
    """Multilinear in words that were mixed first: signs alone would cancel in pairs."""
    words = (x.double() + 0.0).view(torch.int64)
    words = (words ^ (words >> 32)) * MIXER
    words ^= words >> 29
    factors = torch.arange(1, x.shape[1] + 1, device=x.device) * MIXER
    factors = ((factors ^ (factors >> 31)) * MIXER) | 1
    return (words * factors).sum(1)


def among(signatures: Tensor) -> Duplicates:
    """How many rows are the same as another; which ones, nobody knows any more."""
    return Duplicates(len(signatures) - len(torch.unique(signatures)), len(signatures), ())
