"""How a number spreads over millions of samples, in flat memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.engine.block import Block, Part, Product
from nctool.report import Distribution
from nctool.statistics.multiset import MOST_VALUES, Multiset, MultisetSums
from nctool.statistics.sums import by_class

PERCENTS = (1, 5, 50, 95)


@dataclass(frozen=True, slots=True)
class SpreadSums:
    """What is known of a spread; without values its ends are zero."""

    count: int
    total: float
    low: float
    high: float
    values: MultisetSums


class Spread:
    """How one number per sample spreads; percentiles as numpy's default (linear) takes them.

    Minimum, maximum and mean are exact. Percentiles are, up to so many samples or different
    values; beyond that their last digits go (see ``multiset``). Order and shards do not matter.
    """

    def __init__(self, over: str = "samples", limit: int = MOST_VALUES) -> None:
        self.over = over
        self.count = 0
        self.total = self.low = self.high = 0.0
        self.values = Multiset(limit)

    def take(self, values: Tensor) -> None:  # (B,) float64
        if len(values):
            self._join(len(values), float(values.sum()), float(values.min()), float(values.max()))
            self.values.take(values)

    def sums(self) -> SpreadSums:
        return SpreadSums(self.count, self.total, self.low, self.high, self.values.sums())

    def merge(self, other: SpreadSums) -> None:
        if other.count:
            self._join(other.count, other.total, other.low, other.high)
            self.values.merge(other.values)

    def _join(self, count: int, total: float, low: float, high: float) -> None:
        self.low = min(self.low, low) if self.count else low
        self.high = max(self.high, high) if self.count else high
        self.count += count
        self.total += total

    def finish(self) -> Distribution:
        assert self.count
        p01, p05, p50, p95 = self.values.percentiles(PERCENTS)
        mean = self.total / self.count
        return Distribution(self.over, self.low, p01, p05, p50, p95, self.high, mean)


@dataclass(frozen=True, slots=True)
class SampleMargins:
    """How the margins of all samples spread, and their sums by class."""

    spread: Distribution
    sums: Tensor  # (K,) float64


class MarginSums:
    """Margins of samples, gathered."""

    def __init__(
        self, values: Part[Tensor], counts: Tensor, reads: tuple[Product, ...], width: int
    ) -> None:
        self.values, self.reads, self.width = values, reads, width
        self.spread, self.total = Spread(), torch.zeros_like(counts)

    def add(self, block: Block) -> None:
        values = block.get(self.values)
        self.spread.take(values)
        self.total += by_class(block.y, values, len(self.total))

    def sums(self) -> tuple[SpreadSums, Tensor]:
        return self.spread.sums(), self.total

    def merge(self, other: tuple[SpreadSums, Tensor]) -> None:
        self.spread.merge(other[0])
        self.total += other[1]

    def finish(self) -> SampleMargins:
        return SampleMargins(self.spread.finish(), self.total)


def spread(values: Tensor, over: str = "classes") -> Distribution | None:
    """The distribution of values that are all here."""
    if not len(values):
        return None
    collected = Spread(over, len(values))
    collected.take(values)
    return collected.finish()
