"""How one number per sample spreads, in flat memory and over shards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from nctool.statistics.distribution import Spread, spread
from nctool.statistics.multiset import Multiset

VALUES = torch.randn(3000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def filled(parts: Sequence[torch.Tensor], limit: int) -> Spread:
    collected = Spread(limit=limit)
    for part in parts:
        collected.take(part)
    return collected


# Percentiles are numpy's while everything fits; extremes and mean always are.
def test_against_numpy() -> None:
    whole = filled(torch.split(VALUES, 64), 3000).finish()
    assert whole.p05 == pytest.approx(np.percentile(VALUES, 5), rel=1e-15)
    few = filled(torch.split(VALUES, 64), 100).finish()
    assert (few.min, few.max) == (whole.min, whole.max)
    assert few.mean == pytest.approx(whole.mean)
    assert spread(torch.empty(0)) is None


# Values that come often are counted, and then percentiles are numpy's of any number of samples.
def test_few_different_values() -> None:
    values = VALUES.mul(4).round().div(4)
    counted = filled(torch.split(values, 7), 40)
    assert counted.values.dropped == 0 and len(counted.values.sums().values) <= 40
    for percent, value in zip(
        (1, 5, 50, 95), counted.values.percentiles((1, 5, 50, 95)), strict=True
    ):
        assert value == pytest.approx(np.percentile(values, percent), rel=1e-15)


# Beyond the limit the last bits go, and no percentile is off by more than they are worth.
@pytest.mark.parametrize("limit", [500, 100, 20])
def test_bits_of_many_values(limit: int) -> None:
    many = Multiset(limit)
    many.take(VALUES)
    values = many.percentiles((1, 5, 95))
    sums = many.sums()
    assert len(sums.values) <= limit and int(sums.counts.sum()) == len(VALUES)
    assert values == pytest.approx(
        [*np.percentile(VALUES, (1, 5, 95))], rel=2.0 ** (many.dropped - 52)
    )


# What is kept depends on the values alone: not on blocks, order, shards or how these are grouped.
@pytest.mark.parametrize("limit", [4000, 500, 100, 5])
def test_any_order(limit: int) -> None:
    whole = filled([VALUES], limit)
    shuffled = VALUES[torch.randperm(3000, generator=torch.Generator().manual_seed(1))]
    shards = [
        filled(torch.split(part, 13), limit)
        for part in torch.split(shuffled, [1, 400, 2000, 0, 599])
    ]
    merged, inner = Spread(limit=limit), Spread(limit=limit)
    for shard in shards[3:]:
        inner.merge(shard.sums())
    for shard in (inner, *shards[:3]):
        merged.merge(shard.sums())
    for other in (filled(torch.split(shuffled, 7), limit), merged):
        assert other.values.percentiles((1, 5, 50)) == whole.values.percentiles((1, 5, 50))
        ends = other.finish(), whole.finish()
        assert ends[0].min == ends[1].min and ends[0].max == ends[1].max
        assert ends[0].mean == pytest.approx(ends[1].mean, rel=1e-12)


# What is kept holds on to nothing else: memory does not grow with the samples.
def test_flat_memory() -> None:
    collected = filled(torch.split(torch.rand(100_000, dtype=torch.float64), 1000), 100)
    held = sum(part.untyped_storage().nbytes() for part in collected.values.values)
    assert held <= 8 * 2 * 1000
