"""One dataset: type, shape, where its items lie and how they are packed. No item is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.hdf5 import objects
from nctool.readers.shared.hdf5.datatypes import Kind, kind_of
from nctool.readers.shared.hdf5.objects import Messages
from nctool.readers.shared.hdf5.source import Bytes, Cursor
from nctool.readers.shared.known_calls import Unfit
from nctool.readers.shared.region import checked_shape

DEFLATE, SHUFFLE, FLETCHER, LZF = 1, 2, 3, 32000
OTHER_FILTERS = {
    4: "szip", 5: "n-bit", 6: "scale-offset", 307: "bzip2", 32001: "blosc", 32004: "lz4",
    32008: "bitshuffle", 32013: "zfp", 32015: "zstandard", 32026: "blosc2",
}  # fmt: skip
COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = range(4)
TREE, SINGLE, IMPLICIT, FIXED, EXTENSIBLE, TREE2 = range(6)
INDEX_BYTES = {SINGLE: 0, IMPLICIT: 0, FIXED: 1, EXTENSIBLE: 5, TREE2: 6}
EDGES_UNFILTERED, FILTERED_SINGLE = 1, 2
NO_LIMIT = 2**64 - 1
ELSEWHERE = "array whose data lies in other files"

BELIEVED_BYTES = 2**32
MOST_REPEATED = 1000
# A chunk is unpacked as a whole, and HDF5 itself allows none larger.
LARGEST_CHUNK = 2**32


@dataclass(frozen=True, slots=True)
class Filter:
    """One step of packing; ``item`` is the width of what a shuffle has shuffled."""

    number: int
    item: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the items are: at one place, or in chunks that an index of some kind lists."""

    address: int | None
    size: int = 0
    chunk: tuple[int, ...] = ()
    index: int = TREE
    flags: int = 0
    single: tuple[int, int] = (0, 0)
    """Of a chunk that is alone: its stored bytes, and which filters it passed by."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A dataset as described, with the sizes it may grow to."""

    kind: Kind
    shape: tuple[int, ...]
    most: tuple[int, ...]
    layout: Layout
    filters: tuple[Filter, ...] = ()
    fill: bytes = b""

    @property
    def chunk_bytes(self) -> int:
        return prod(self.layout.chunk) * self.kind.size


def describe(source: Bytes, messages: Messages, key: str, format: str) -> Stored:
    """The dataset behind these messages; :class:`Unfit` says why it is left out."""
    path = source.home.path
    if objects.first(messages, objects.EXTERNAL) is not None:
        raise Unfit(ELSEWHERE)
    kind = kind_of(objects.needed(source, messages, objects.TYPE))
    shape, most = space_of(objects.needed(source, messages, objects.SPACE))
    shape = checked_shape(shape, key, path)
    layout = _layout(objects.needed(source, messages, objects.LAYOUT), shape, kind)
    filters = _filters(messages) if layout.chunk else ()
    stored = Stored(kind, shape, most, layout, filters, _fill(messages, kind))
    total = prod(shape) * kind.size
    where = f"'{shown(key)}' of shape {shape}"
    if total > BELIEVED_BYTES and total > MOST_REPEATED * source.home.size:
        raise corrupt(path, format, f"{where} would have {total:,} bytes, the file has far fewer")
    if layout.chunk:
        _check_chunks(stored)
    elif layout.address is not None:
        if layout.size != total:
            raise corrupt(path, format, f"{where} needs {total:,} bytes, it has {layout.size:,}")
        if layout.address + total > source.home.size:
            raise corrupt(path, format, f"{where} does not end within the file")
    return stored


def _check_chunks(stored: Stored) -> None:
    chunk, bound = stored.layout.chunk, stored.chunk_bytes
    if len(chunk) != len(stored.shape) or not 0 < bound <= LARGEST_CHUNK:
        raise ValueError(f"an array of shape {stored.shape} has chunks of shape {chunk}")
    fixed = zip(stored.most, stored.shape, chunk, strict=True)
    if any(most != NO_LIMIT and not size <= most for most, size, _ in fixed):
        raise ValueError(f"an array of shape {stored.shape} is larger than {stored.most}")


def space_of(cursor: Cursor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    version, rank, flags = cursor.demand(1, 2), cursor.number(1), cursor.number(1)
    kind = cursor.number(1)
    if version == 1:
        cursor.take(4)
    elif kind == 2:
        raise Unfit("array without a shape")
    shape = tuple(cursor.length() for _ in range(rank))
    return shape, tuple(cursor.length() for _ in range(rank)) if flags & 1 else shape


def _layout(cursor: Cursor, shape: tuple[int, ...], kind: Kind) -> Layout:
    version = cursor.number(1)
    if version not in (3, 4, 5):
        raise Unfit(f"array stored in the layout of version {version}")
    group = cursor.number(1)
    if group == COMPACT:
        size = cursor.number(2)
        return Layout(cursor.here, len(cursor.take(size)))
    if group == CONTIGUOUS:
        return Layout(cursor.address(), cursor.length())
    if group == VIRTUAL:
        raise Unfit(ELSEWHERE)
    if group != CHUNKED:
        raise ValueError("an array of it is stored in no way that HDF5 knows")
    if version == 3:
        rank, address = cursor.number(1), cursor.address()
        sizes, layout = tuple(cursor.number(4) for _ in range(rank)), Layout(address)
    else:
        sizes, layout = _newer_chunks(cursor)
    if len(sizes) != len(shape) + 1 or sizes[-1] != kind.size:
        raise ValueError(f"an array of shape {shape} has chunks of shape {sizes[:-1]}")
    return replace(layout, chunk=sizes[:-1])


def _newer_chunks(cursor: Cursor) -> tuple[tuple[int, ...], Layout]:
    flags, rank, width = cursor.number(1), cursor.number(1), cursor.number(1)
    sizes = tuple(cursor.number(width) for _ in range(rank))
    index = cursor.number(1)
    if index not in INDEX_BYTES:
        raise ValueError("an array of it has an index of a kind that HDF5 does not know")
    cursor.take(INDEX_BYTES[index])
    single = (0, 0)
    if index == SINGLE and flags & FILTERED_SINGLE:
        single = cursor.length(), cursor.number(4)
    return sizes, Layout(cursor.address(), index=index, flags=flags, single=single)


def _filters(messages: Messages) -> tuple[Filter, ...]:
    message = objects.first(messages, objects.FILTERS)
    if message is None:
        return ()
    cursor = message.cursor()
    version, count = cursor.demand(1, 2), cursor.number(1)
    if version == 1:
        cursor.take(6)
    found = []
    for _ in range(count):
        number = cursor.number(2)
        named = cursor.number(2) if version == 1 or number >= 256 else 0
        cursor.take(2)
        values = cursor.number(2)
        cursor.take(named + (-named % 8 if version == 1 else 0))
        numbers = [cursor.number(4) for _ in range(values)]
        cursor.take(4 * (version == 1 and values % 2))
        if number not in (DEFLATE, SHUFFLE, FLETCHER, LZF):
            title = OTHER_FILTERS.get(number, f"number {number}")
            raise Unfit(f"array packed by the filter {title}")
        found.append(Filter(number, numbers[0] if numbers else 0))
    if sum(one.number in (DEFLATE, LZF) for one in found) > 1 or len(found) > 8:
        raise ValueError("an array of it is packed several times over")
    return tuple(found)


def _fill(messages: Messages, kind: Kind) -> bytes:
    """What stands where nothing was written; nothing when that is zero."""
    message = objects.first(messages, objects.FILL)
    if message is None:
        message = objects.first(messages, objects.OLD_FILL)
        if message is None:
            return b""
        cursor = message.cursor()
    else:
        cursor = message.cursor()
        version = cursor.demand(1, 2, 3)
        if version < 3:
            cursor.take(2)
            there = cursor.number(1) or version == 1
        else:
            there = cursor.number(1) & 0x20
        if not there:
            return b""
    value = cursor.take(cursor.number(4)) if cursor.left >= 4 else b""
    return value if len(value) == kind.size and any(value) and not kind.variable else b""
