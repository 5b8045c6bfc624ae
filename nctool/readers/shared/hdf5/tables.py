"""The two array-like indexes of newer HDF5 files: entries in the order of the chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from nctool.readers.shared.hdf5.source import Bytes, Cursor

SEAL = 4
MOST_BITS = 64

Entries: TypeAlias = Iterator[tuple[int, Cursor]]
"""The number of a chunk and what is said about it; chunks without entry are passed over."""


def fixed_entries(source: Bytes, address: int | None) -> Entries:
    """The entries of an index whose length was known from the start."""
    wide, long = source.home.widths
    start = source.sealed(address, 12 + wide + long, b"FAHD")
    start.demand(0)
    start.take(1)
    size, bits, count, block = start.number(1), start.number(1), start.length(), start.address()
    if block is None:
        return
    prefix, page = 6 + wide, 1 << min(bits, MOST_BITS)
    if count <= page:
        whole = source.sealed(block, prefix + count * size + SEAL, b"FADB")
        yield from _cut(whole, prefix, 0, size)
        return
    flags = (-(-count // page) + 7) // 8
    source.cursor(block, prefix, b"FADB")
    there = source.read(block + prefix, flags)
    yield from _pages(source, block + prefix + flags + SEAL, 0, (count, page, size), (there, 0))


def extensible_entries(source: Bytes, address: int | None) -> Entries:
    """The entries of an index that grows: some at once, then blocks that grow larger."""
    wide, long = source.home.widths
    start = source.sealed(address, 16 + wide + 6 * long, b"EAHD")
    start.demand(0)
    start.take(1)
    size, bits, inline, least, pointers, page_bits = (start.number(1) for _ in range(6))
    start.take(6 * long)
    powers = all(one and not one & (one - 1) for one in (least, pointers))
    if not size or not powers or bits > MOST_BITS:
        raise ValueError("an index of it has impossible sizes")
    groups = 1 + bits - (least.bit_length() - 1)
    first = 2 * (pointers.bit_length() - 1)
    addresses = 2 * (pointers - 1) + max(groups - first, 0)
    full = 6 + wide + inline * size + addresses * wide + SEAL
    cursor = source.sealed(start.address(), full, b"EAIB")
    cursor.take(2 + wide)
    for number in range(inline):
        yield number, Cursor(cursor.take(size), 0, cursor.widths)
    number, shape = inline, (size, 6 + wide + (bits + 7) // 8, 1 << min(page_bits, MOST_BITS))
    for group in range(groups):
        count, blocks = least << (group + 1) // 2, 1 << group // 2
        flags, inner = 0, cursor
        if group >= first:
            flags = (-(-count // shape[2]) + 7) // 8 if count > shape[2] else 0
            head = cursor.address()
            if head is None:
                number += blocks * count
                continue
            inner = source.sealed(head, shape[1] + blocks * (flags + wide) + SEAL, b"EASB")
            inner.take(shape[1] - 4)
        there = inner.take(flags * blocks)
        for block in range(blocks):
            # Bits stand one after another, though each block has bytes of its own for them.
            written = there, block * -(-count // shape[2])
            yield from _block(source, inner.address(), number, count, shape, written)
            number += count


def _block(
    source: Bytes,
    address: int | None,
    number: int,
    count: int,
    shape: tuple[int, int, int],
    written: tuple[bytes, int],
) -> Entries:
    size, prefix, page = shape
    if address is None:
        return
    if count <= page:
        block = source.sealed(address, prefix + count * size + SEAL, b"EADB")
        yield from _cut(block, prefix, number, size)
    else:
        source.sealed(address, prefix + SEAL, b"EADB")
        at = address + prefix + SEAL
        yield from _pages(source, at, number, (count, page, size), written)


def _pages(
    source: Bytes,
    at: int,
    number: int,
    shape: tuple[int, int, int],
    written: tuple[bytes, int],
) -> Entries:
    """Pages of entries, each with a checksum; a bit for each says whether it was written."""
    (count, page, size), (bits, first) = shape, written
    for place in range(-(-count // page)):
        held = min(page, count - place * page)
        bit = first + place
        if bits[bit // 8] >> (7 - bit % 8) & 1:
            block = source.sealed(at, held * size + SEAL, b"")
            yield from _cut(block, 0, number + place * page, size)
        at += held * size + SEAL


def _cut(block: Cursor, skipped: int, number: int, size: int) -> Entries:
    block.position = skipped
    while block.left >= size > 0:
        yield number, Cursor(block.take(size), 0, block.widths)
        number += 1
