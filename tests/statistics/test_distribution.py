"""How one number per sample spreads, in flat memory and over shards."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nctool.statistics.distribution import Spread, spread


def filled(values: torch.Tensor, block: int, limit: int) -> Spread:
    collected = Spread(limit=limit)
    for first in range(0, len(values), block):
        collected.take(first, values[first : first + block])
    return collected


# Percentiles are numpy's while everything fits; extremes and mean always are.
def test_against_numpy() -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = filled(values, 64, 1000).finish()
    assert whole.p05 == pytest.approx(np.percentile(values, 5), rel=1e-15)
    few = filled(values, 64, 100).finish()
    assert (few.min, few.max) == (whole.min, whole.max)
    assert few.mean == pytest.approx(whole.mean)
    assert spread(torch.empty(0)) is None


# Which samples are kept depends on their positions alone: not on blocks, and not on shards.
@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_kept_by_position(block: int) -> None:
    values = torch.arange(1000.0, dtype=torch.float64)
    whole = filled(values, 1000, 100)
    assert torch.cat([kept for _, kept in filled(values, block, 100).kept]).tolist() == [
        *range(0, 1000, whole.stride)
    ]
    shards = [Spread(limit=100) for _ in range(3)]
    for place, first in enumerate(range(0, 1000, 50)):
        shards[place % 3].take(first, values[first : first + 50])
    merged = Spread(limit=100)
    for shard in shards:
        merged.merge(shard.sums())
    kept = sorted(torch.cat([part for _, part in merged.kept]).tolist())
    assert merged.count == 1000 and kept == [*range(0, 1000, merged.stride)]


# What is kept holds on to nothing else: memory does not grow with the samples.
def test_flat_memory() -> None:
    collected = filled(torch.zeros(100_000, dtype=torch.float64), 1000, 100)
    held = sum(part.untyped_storage().nbytes() for _, part in collected.kept)
    assert held <= 8 * 100
