"""Which chunks an array has: indexes of every kind, as one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from nctool.readers.shared.hdf5.datasets import (
    EXTENSIBLE,
    FIXED,
    IMPLICIT,
    NO_LIMIT,
    SINGLE,
    TREE,
    TREE2,
    Stored,
)
from nctool.readers.shared.hdf5.heaps import records
from nctool.readers.shared.hdf5.source import Bytes, Cursor
from nctool.readers.shared.hdf5.tables import extensible_entries, fixed_entries
from nctool.readers.shared.region import packed

if TYPE_CHECKING:
    from numpy import ndarray

PLAIN_CHUNKS, FILTERED_CHUNKS = 10, 11


@dataclass(frozen=True, slots=True)
class Chunks:
    """One row for each chunk: where it begins in the array, and where its bytes are."""

    begins: ndarray  # (chunks, rank)
    addresses: ndarray
    sizes: ndarray
    skipped: ndarray


def chunks_of(source: Bytes, stored: Stored) -> Chunks:
    """The chunks of an array; none may lie outside of it, or be there twice."""
    import numpy

    rank = len(stored.shape)
    if stored.layout.address is None or 0 in stored.shape:
        table = numpy.zeros((0, rank + 3), "u8")
    elif stored.layout.index == TREE:
        table = _tree(source, stored)
    else:
        rows = [one for one in _listed(source, stored) if one[0] is not None]
        table = numpy.array(rows, "u8").reshape(-1, rank + 3)
    begins = table[:, 3:]
    shape, chunk = numpy.array(stored.shape, "u8"), numpy.array(stored.layout.chunk, "u8")
    if (begins >= shape).any() or (begins % chunk).any():
        raise ValueError("an array of it has chunks that lie outside of it")
    numbers = (begins // chunk) @ numpy.array(packed(stored.shape), "u8")
    if len(numpy.unique(numbers)) != len(numbers):
        raise ValueError("an array of it has the same chunk twice")
    return Chunks(begins.astype("i8"), table[:, 0], table[:, 1], table[:, 2])


def _tree(source: Bytes, stored: Stored) -> ndarray:
    """The first kind of tree: nodes of keys, each with the child that it leads to."""
    import numpy

    rank, wide = len(stored.shape), source.home.widths[0]
    key = [("size", "<u4"), ("skipped", "<u4"), ("begins", "<u8", (rank + 1,))]
    entry = numpy.dtype([*key, ("child", f"<u{wide}")])
    todo, seen = [(stored.layout.address, -1)], {stored.layout.address}
    found = [numpy.zeros((0, rank + 3), "u8")]
    while todo:
        address, expected = todo.pop()
        start = source.cursor(address, 8 + 2 * wide, b"TREE")
        start.demand(1)
        level, count = start.number(1), start.number(2)
        if expected not in (-1, level):
            raise ValueError("a tree of it has a node on the wrong level")
        content = source.read(start.at + 8 + 2 * wide, count * entry.itemsize)
        part = numpy.frombuffer(content, entry)
        if level:
            for child in part["child"].tolist():
                if child in seen:
                    raise ValueError("a tree of it leads back to itself")
                seen.add(child)
                todo.append((child, level - 1))
        else:
            facts = numpy.stack([part[name].astype("u8") for name in ("child", "size", "skipped")])
            found.append(numpy.concatenate([facts.T, part["begins"][:, :rank]], axis=1))
    return numpy.concatenate(found)


def _listed(source: Bytes, stored: Stored) -> Iterator[tuple[int | None, ...]]:
    """Address, stored bytes, filters passed by, and the beginning, from the newer indexes."""
    layout, size = stored.layout, stored.chunk_bytes
    origin = (0,) * len(stored.shape)
    if layout.index == SINGLE:
        stored_bytes, skipped = layout.single if layout.single[0] else (size, 0)
        yield (layout.address, stored_bytes, skipped, *origin)
    elif layout.index == IMPLICIT:
        grid = _Grid.of(stored)
        if layout.address is None or layout.address + grid.count * size > source.home.size:
            raise ValueError("an array of it has chunks behind the end of the file")
        for number in range(grid.count):
            begin = grid.begin(number)
            # There is room for all that the array may grow to.
            if all(one < end for one, end in zip(begin, stored.shape, strict=True)):
                yield (layout.address + number * size, size, 0, *begin)
    elif layout.index == TREE2:
        yield from _tree2(source, stored)
    elif layout.index in (FIXED, EXTENSIBLE):
        grid = _Grid.of(stored)
        read = fixed_entries if layout.index == FIXED else extensible_entries
        for number, entry in read(source, layout.address):
            place = _place(entry, size)
            if place[0] is not None:
                yield (*place, *grid.begin(number))


@dataclass(frozen=True, slots=True)
class _Grid:
    """Chunks by number, in rows over the sizes that the array may grow to.

    The direction in which it grows without limit is counted slowest.
    """

    chunk: tuple[int, ...]
    sizes: tuple[int, ...]
    order: tuple[int, ...]

    @staticmethod
    def of(stored: Stored) -> _Grid:
        sizes = zip(stored.shape, stored.most, stored.layout.chunk, strict=True)
        grid = (-(-(size if most == NO_LIMIT else most) // chunk) for size, most, chunk in sizes)
        axes = range(len(stored.shape))
        order = sorted(axes, key=lambda axis: (stored.most[axis] != NO_LIMIT, axis))
        return _Grid(stored.layout.chunk, tuple(grid), tuple(order))

    @property
    def count(self) -> int:
        return prod(self.sizes)

    def begin(self, number: int) -> tuple[int, ...]:
        found = [0] * len(self.sizes)
        for axis in self.order[:0:-1]:
            number, place = divmod(number, self.sizes[axis])
            found[axis] = place * self.chunk[axis]
        found[self.order[0]] = number * self.chunk[self.order[0]]
        return tuple(found)


def _place(entry: Cursor, size: int) -> tuple[int | None, int, int]:
    address = entry.address()
    if not entry.left:
        return address, size, 0
    return address, entry.number(entry.left - 4), entry.number(4)


def _tree2(source: Bytes, stored: Stored) -> Iterator[tuple[int | None, ...]]:
    kinds = frozenset((FILTERED_CHUNKS if stored.filters else PLAIN_CHUNKS,))
    behind = 8 * len(stored.shape)
    for record in records(source, stored.layout.address, kinds):
        body = Cursor(record.take(record.left - behind), 0, record.widths)
        begin = [record.number(8) * chunk for chunk in stored.layout.chunk]
        yield (*_place(body, stored.chunk_bytes), *begin)
