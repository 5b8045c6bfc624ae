"""Passes cut into shards: each with accumulators of its own, merged into those of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from nctool.engine.fact import Accumulator, Blocks

SHARDS = 3
Accumulators = Sequence[Accumulator[Any]]


def fed(source: Blocks, accumulators: Accumulators) -> list[list[Accumulator[Any]]]:
    """Equal empty accumulators for each shard, and every third block to each."""
    shards = [deepcopy([*accumulators]) for _ in range(SHARDS)]
    for place, block in enumerate(source.blocks(accumulators)):
        for accumulator in shards[place % SHARDS]:
            accumulator.add(block)
    return shards


def in_shards(source: Blocks, accumulators: Accumulators) -> None:
    """One after another: ((empty + 1) + 2) + 3."""
    for shard in fed(source, accumulators):
        for whole, part in zip(accumulators, shard, strict=True):
            whole.merge(part.sums())


def in_shards_backwards(source: Blocks, accumulators: Accumulators) -> None:
    """From the other end, inner pairs first: empty + (3 + (2 + 1))."""
    shards = fed(source, accumulators)
    for outer, inner in zip(shards[1:], shards[:-1], strict=True):
        for whole, part in zip(outer, inner, strict=True):
            whole.merge(part.sums())
    for whole, part in zip(accumulators, shards[-1], strict=True):
        whole.merge(part.sums())
