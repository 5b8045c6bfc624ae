"""Passes cut into shards: each with accumulators of its own, merged into those of the whole."""

from __future__ import annotations

from copy import deepcopy

from nctool.engine.fact import Blocks
from nctool.engine.packing import packed, unpacked
from nctool.engine.solve import Running

SHARDS = 3


def fed(source: Blocks, running: Running) -> list[Running]:
    """Equal empty accumulators for each shard, and every third block to each."""
    shards: list[Running] = [deepcopy(dict(running)) for _ in range(SHARDS)]
    for place, block in enumerate(source.blocks([*running.values()])):
        for accumulator in shards[place % SHARDS].values():
            accumulator.add(block)
    return shards


def add(whole: Running, part: Running) -> None:
    """The sums of one into the other, on the way as tensors of a file."""
    for name, accumulator in whole.items():
        empty = deepcopy(accumulator).sums()
        accumulator.merge(unpacked(packed(part[name].sums()), like=empty))


def in_shards(source: Blocks, running: Running) -> Running:
    """One after another: ((empty + 1) + 2) + 3."""
    for shard in fed(source, running):
        add(running, shard)
    return running


def in_shards_backwards(source: Blocks, running: Running) -> Running:
    """From the other end, inner pairs first: empty + (3 + (2 + 1))."""
    shards = fed(source, running)
    for outer, inner in zip(shards[1:], shards[:-1], strict=True):
        add(outer, inner)
    add(running, shards[-1])
    return running
