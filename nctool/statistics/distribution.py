"""How a number spreads over millions of samples, in flat memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nctool.engine.block import Block, Part, Product
from nctool.report import Distribution
from nctool.statistics.sums import by_class

MOST_SAMPLES = 1 << 22
"""Values kept for the percentiles. Beyond that every second one is dropped and the stride doubled:
a systematic sample, the same for the same order of rows. Minimum, maximum and mean stay exact."""

PERCENTS = (1, 5, 50, 95)


@dataclass(frozen=True, slots=True)
class SpreadSums:
    """What is known of a spread: exact ends and sum, and a systematic sample."""

    stride: int
    count: int
    total: float
    low: float
    high: float
    places: Tensor  # (P,) int64 position of the first value of each part, in strides
    sizes: Tensor  # (P,) int64 how many values each part has
    values: Tensor  # (sum of sizes,) float64


class Spread:
    """How one number per sample spreads; percentiles as numpy's default (linear) takes them.

    Which samples the percentiles are of depends on their positions alone: those divisible by the
    stride. So shards keep what the whole would keep.
    """

    def __init__(self, over: str = "samples", limit: int = MOST_SAMPLES) -> None:
        self.over, self.limit = over, limit
        self.stride = 1
        self.count = 0
        self.total = 0.0
        self.low = float("inf")
        self.high = float("-inf")
        self.kept: list[tuple[int, Tensor]] = []
        """Position of the first value of each part, in strides, and the values."""
        self.held = 0

    def take(self, first: int, values: Tensor) -> None:  # (B,) float64
        """``first``: the position of the first of these values among all."""
        if not len(values):
            return
        self.total += float(values.sum())
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        self.count += len(values)
        skipped = -first % self.stride
        kept = values[skipped :: self.stride].cpu()
        # A view would hold on to all values of its block: memory would grow with the samples.
        self._keep((first + skipped) // self.stride, kept if self.stride == 1 else kept.clone())
        while self.held > self.limit:
            self._thin(2 * self.stride)

    def _keep(self, place: int, values: Tensor) -> None:
        if len(values):
            self.kept.append((place, values))
            self.held += len(values)

    def _thin(self, stride: int) -> None:
        """Keep the positions that are divisible by a larger stride, a multiple of the present."""
        step, parts = stride // self.stride, self.kept
        self.stride, self.kept, self.held = stride, [], 0
        for place, values in parts:
            skipped = -place % step
            self._keep((place + skipped) // step, values[skipped::step].clone())

    def sums(self) -> SpreadSums:
        places, parts = [place for place, _ in self.kept], [values for _, values in self.kept]
        return SpreadSums(
            self.stride, self.count, self.total, self.low, self.high,
            torch.tensor(places, dtype=torch.int64),
            torch.tensor([len(values) for values in parts], dtype=torch.int64),
            torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64),
        )  # fmt: skip

    def merge(self, other: SpreadSums) -> None:
        self.total += other.total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.count += other.count
        stride = max(self.stride, other.stride)
        self._thin(stride)
        parts = torch.split(other.values, other.sizes.tolist())
        for place, values in zip(other.places.tolist(), parts, strict=True):
            step = stride // other.stride
            skipped = -place % step
            self._keep((place + skipped) // step, values[skipped::step])
        while self.held > self.limit:
            self._thin(2 * self.stride)

    def finish(self) -> Distribution:
        assert self.count
        kept = torch.cat([values for _, values in self.kept]).numpy()
        p01, p05, p50, p95 = (float(percentile) for percentile in np.percentile(kept, PERCENTS))
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
        self.spread.take(block.first, values)
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
    collected.take(0, values)
    return collected.finish()
