"""One array that lies in pieces: boxes that cover it, each of them exactly once."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from operator import add
from pathlib import Path

from nctool.arrays import LazyArray, Rows
from nctool.readers.shared.region import lazy_array

# Boxes of a real layout meet few others along an axis; a crafted one could take for ever.
MOST_STEPS = 4_000_000


@dataclass(frozen=True, slots=True)
class Box:
    """A part of an array: where it begins along each axis, and how long it is there."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def count(self) -> int:
        return prod(self.sizes)

    @property
    def ends(self) -> tuple[int, ...]:
        return tuple(map(add, self.offsets, self.sizes))


@dataclass(frozen=True, slots=True)
class Tile:
    """A box and the array it holds, which is opened when its rows are asked for."""

    box: Box
    open: Callable[[], LazyArray]


def untiled(shape: tuple[int, ...], boxes: Sequence[Box]) -> str:
    """What keeps these boxes from covering the shape exactly once; empty when nothing does."""
    boxes = [box for box in boxes if box.count]
    for box in boxes:
        alike = len(box.offsets) == len(box.sizes) == len(shape)
        if not alike or any(end > whole for end, whole in zip(box.ends, shape, strict=True)):
            return f"a piece of size {box.sizes} at {box.offsets} is not inside it"
    stored, expected = sum(box.count for box in boxes), prod(shape)
    # Counting finds gaps, the sweep below overlaps; without either, all is covered once.
    if stored < expected:
        return f"only {stored:,} of its {expected:,} elements are stored"
    if stored > expected or _overlap(boxes, len(shape)):
        return "pieces of it overlap"
    return ""


def _overlap(boxes: Sequence[Box], axes: int) -> bool:
    """Do any two boxes share an element? Asked where boxes begin: an overlap begins there too."""
    steps = 0
    # A sweep along one axis keeps the boxes that are open there in a heap by their ends; those that
    # are open together are swept along the next axis.
    todo = [(list(boxes), 0)]
    while todo:
        among, axis = todo.pop()
        if len(among) < 2:
            continue
        if axis == axes:
            return True
        among.sort(key=lambda box: box.offsets[axis])
        active: list[tuple[int, int]] = []  # (end, number), the first to end on top
        for number, box in enumerate(among):
            begin = box.offsets[axis]
            while active and active[0][0] <= begin:
                heapq.heappop(active)
            heapq.heappush(active, (begin + box.sizes[axis], number))
            last = number + 1 == len(among) or among[number + 1].offsets[axis] > begin
            if last and len(active) > 1:
                steps += len(active)
                if steps > MOST_STEPS:
                    raise ValueError("the pieces of an array are laid out too wildly to check")
                todo.append(([among[one] for _, one in active], axis + 1))
    return False


def assembled(
    key: str, shape: tuple[int, ...], dtype: str, path: Path, format: str, tiles: Sequence[Tile]
) -> LazyArray:
    """The array of tiles that cover it; rows within one full-width tile are not copied."""
    filled = sorted((tile for tile in tiles if tile.box.count), key=lambda tile: tile.box.offsets)

    def read(low: int, high: int) -> Rows:
        import torch

        if not shape:
            return filled[0].open().rows(0, 1)
        hit = [tile for tile in filled if tile.box.offsets[0] < high and low < tile.box.ends[0]]
        if len(hit) == 1 and low < high:
            first = hit[0].box.offsets[0]
            return hit[0].open().rows(low - first, high - first)
        rows = torch.empty((high - low, *shape[1:]), dtype=getattr(torch, dtype))
        for tile in hit:
            first, (_, *across) = tile.box.offsets[0], map(slice, tile.box.offsets, tile.box.ends)
            begin, end = max(low, first), min(high, tile.box.ends[0])
            part = tile.open().rows(begin - first, end - first)
            rows[(slice(begin - low, end - low), *across)] = torch.as_tensor(part)
        return rows

    return lazy_array(key, shape, dtype, path, format, read)
