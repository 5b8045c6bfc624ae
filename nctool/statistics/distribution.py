"""How a number spreads over millions of samples, in flat memory."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nctool.report import Distribution

MOST_SAMPLES = 1 << 22
"""Values kept for the percentiles. Beyond that every second one is dropped and the stride doubled:
a systematic sample, the same for the same order of rows. Minimum, maximum and mean stay exact."""

PERCENTS = (1, 5, 50, 95)


class Spread:
    """Collects values chunk by chunk; percentiles as numpy's default (linear) takes them."""

    def __init__(self, limit: int = MOST_SAMPLES) -> None:
        self.limit = limit
        self.stride = 1
        self.count = 0
        self.total = 0.0
        self.low = float("inf")
        self.high = float("-inf")
        self.kept: list[Tensor] = []
        self.held = 0

    def add(self, values: Tensor) -> None:  # (B,) float64
        if not len(values):
            return
        self.total += float(values.sum())
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        first = -self.count % self.stride
        self.count += len(values)
        part = values[first :: self.stride].cpu()
        self.kept.append(part)
        self.held += len(part)
        while self.held > self.limit:
            self.kept = [torch.cat(self.kept)[::2].clone()]
            self.held = len(self.kept[0])
            self.stride *= 2

    def finish(self, over: str) -> Distribution | None:
        if not self.count:
            return None
        kept = torch.cat(self.kept).numpy()
        p01, p05, p50, p95 = (float(one) for one in np.percentile(kept, PERCENTS))
        return Distribution(over, self.low, p01, p05, p50, p95, self.high, self.total / self.count)


def spread(values: Tensor, over: str = "classes") -> Distribution | None:
    """The distribution of values that are all here."""
    collected = Spread(limit=max(1, len(values)))
    collected.add(values)
    return collected.finish(over)
