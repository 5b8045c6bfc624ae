"""Millions of numbers in flat memory, in whatever order and grouping they come.

Up to a limit every number is kept. Beyond it equal ones are counted, and where too many are
different the last bits of all significands are dropped, as few as will do: that number of bits,
and so all that is kept, depends on the numbers alone. A part never drops more than the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

MOST_VALUES = 1 << 22
"""Different values kept. A few octaves of so many cells are cells of a millionth of their value."""

ALL_BITS = 63


@dataclass(frozen=True, slots=True)
class MultisetSums:
    """Values, and how often each came; no counts where each stands as often as it came."""

    dropped: int
    values: Tensor  # (V,) float64
    counts: Tensor  # (V,) int64, or (0,)


@dataclass(slots=True)
class Multiset:
    """Numbers and how often each came, to a precision that all of them share."""

    limit: int = MOST_VALUES
    dropped: int = 0
    """Last bits of float64 that are zero in every value."""
    values: list[Tensor] = field(default_factory=list)
    counts: list[Tensor] = field(default_factory=list)
    """Of each part of the values; nothing where each stands as often as it came."""
    held: int = 0

    def take(self, values: Tensor) -> None:  # (B,) float64
        if len(values):
            # A view would hold on to its block; and -0.0 is no other number than 0.0.
            self._add(values.cpu() + 0.0, torch.empty(0, dtype=torch.int64))

    def sums(self) -> MultisetSums:
        # Alone a part may have room for more bits than it was merged at.
        if self.dropped or self.held > self.limit or any(map(len, self.counts)):
            self._settle()
        values = torch.cat([torch.empty(0, dtype=torch.float64), *self.values])
        counts = torch.cat([torch.empty(0, dtype=torch.int64), *self.counts])
        return MultisetSums(self.dropped, values, counts)

    def merge(self, other: MultisetSums) -> None:
        self.dropped = max(self.dropped, other.dropped)
        if len(other.values):
            self._add(other.values, other.counts)

    def _add(self, values: Tensor, counts: Tensor) -> None:
        self.values.append(values)
        self.counts.append(counts)
        self.held += len(values)
        if self.held > 2 * self.limit:
            self._settle()

    def _settle(self) -> None:
        """Every value once, with as many bits as there is room for."""
        counts = [
            part if len(part) else torch.ones(len(values), dtype=torch.int64)
            for values, part in zip(self.values, self.counts, strict=True)
        ]
        values, count = _distinct(cut(torch.cat(self.values), self.dropped), torch.cat(counts))
        if len(values) > self.limit:
            # The fewest bits that leave few enough: by halving, as each bit leaves fewer.
            low, high = self.dropped, ALL_BITS
            while high - low > 1:
                middle = (low + high) // 2
                few = len(torch.unique_consecutive(cut(values, middle))) <= self.limit
                low, high = (low, middle) if few else (middle, high)
            self.dropped = high
            values, count = _distinct(cut(values, high), count)
        self.values, self.counts, self.held = [values], [count], len(values)

    def percentiles(self, percents: tuple[int, ...]) -> list[float]:
        """As numpy's default (linear) takes them, of values in the middle of their cells."""
        sums = self.sums()
        if not len(sums.counts):
            return [float(each) for each in np.percentile(sums.values.numpy(), percents)]
        middle = sums.values
        if sums.dropped:
            middle = (middle.view(torch.int64) | 1 << (sums.dropped - 1)).view(torch.float64)
        upto = sums.counts.cumsum(0)
        place = torch.tensor(percents, dtype=torch.float64) / 100 * (int(upto[-1]) - 1)
        below = place.floor()
        first, second = (
            middle[torch.searchsorted(upto, where.long(), right=True)]
            for where in (below, place.ceil())
        )
        values: list[float] = torch.lerp(first, second, place - below).tolist()
        return values


def cut(values: Tensor, bits: int) -> Tensor:
    """The same without the last bits of each, towards zero."""
    if not bits:
        return values
    return (values.view(torch.int64) >> bits << bits).view(torch.float64)


def _distinct(values: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Ascending, and how often each came."""
    ordered, order = torch.sort(values)
    distinct, place = torch.unique_consecutive(ordered, return_inverse=True)
    return distinct, torch.zeros(len(distinct), dtype=torch.int64).index_add_(
        0, place, counts[order]
    )
