"""Where HDF5 keeps names, attributes and texts: heaps, and the trees that find things in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from nctool.readers.shared.hdf5.source import LONGEST_CHECKED, Bytes, Cursor, checksum
from nctool.readers.shared.known_calls import Unfit

# A record of a tree, by the kind of tree: how many bytes stand before the heap's number.
NAMED_LINKS, NAMED_ATTRIBUTES = 5, 8
BEFORE_NUMBER = {NAMED_LINKS: 4, NAMED_ATTRIBUTES: 0}
SEALED = 4


def needed_bytes(number: int) -> int:
    """How many bytes HDF5 gives to numbers up to this one."""
    return max(number.bit_length() - 1, 0) // 8 + 1


def local_heap(source: Bytes, address: int | None) -> bytes:
    """The names of an old group, one after another."""
    wide, long = source.home.widths
    cursor = source.cursor(address, 8 + wide + 2 * long, b"HEAP")
    cursor.demand(0)
    cursor.take(3)
    size = cursor.length()
    cursor.length()
    return source.cursor(cursor.address(), size).data


def records(source: Bytes, address: int | None, kinds: frozenset[int]) -> Iterator[Cursor]:
    """Every record of a tree of the second version, whose kind must be one of these."""
    wide, long = source.home.widths
    start = source.sealed(address, 22 + wide + long, b"BTHD")
    start.demand(0)
    start.demand(*kinds)
    size, width, depth = start.number(4), start.number(2), start.number(2)
    start.take(2)
    root, count = start.address(), start.number(2)
    if root is None:
        return
    if not 10 < width + 10 <= size or depth > 16:
        raise ValueError("a tree of it has impossible sizes")
    most = cumulated = (size - 10) // width
    numbers = [(needed_bytes(most), 0)]  # for each depth: bytes of a count, and of a total below
    for _ in range(depth):
        pointer = wide + numbers[0][0] + numbers[-1][1]
        most = (size - 10 - pointer) // (width + pointer)
        cumulated = (most + 1) * cumulated + most
        numbers.append((numbers[0][0], needed_bytes(cumulated)))
    todo, seen = [(root, count, depth)], {root}
    while todo:
        at, count, level = todo.pop()
        below = wide + numbers[0][0] + numbers[level - 1][1] if level else 0
        full = 6 + count * width + bool(level) * (count + 1) * below + SEALED
        if full > size:
            raise ValueError("a node of a tree is fuller than it can be")
        cursor = source.sealed(at, full, b"BTIN" if level else b"BTLF")
        cursor.take(2)
        for _ in range(count):
            yield Cursor(cursor.take(width), cursor.here, cursor.widths)
        for _ in range(count + 1 if level else 0):
            child, held = cursor.address(), cursor.number(numbers[0][0])
            cursor.take(numbers[level - 1][1])
            if child is None or child in seen:
                raise ValueError("a tree of it leads back to itself")
            seen.add(child)
            todo.append((child, held, level - 1))


@dataclass(frozen=True, slots=True)
class FractalHeap:
    """A heap whose blocks double in size; objects are numbered by where they lie in it."""

    source: Bytes
    bits: int
    width: int
    first_size: int
    largest: int
    longest: int
    root: int | None
    rows: int
    sealed: bool
    blocks: dict[int, bytes] = field(default_factory=dict)

    @staticmethod
    def at(source: Bytes, address: int | None) -> FractalHeap:
        wide, long = source.home.widths
        cursor = source.sealed(address, 26 + 12 * long + 3 * wide, b"FRHP")
        cursor.demand(0)
        cursor.take(2)
        if cursor.number(2):
            raise ValueError("names in it are compressed, which nctool does not read")
        sealed = bool(cursor.number(1) & 2)
        longest = cursor.number(4)
        cursor.take(10 * long + 2 * wide)
        width, first_size, largest = cursor.number(2), cursor.length(), cursor.length()
        bits = cursor.number(2)
        cursor.take(2)
        root, rows = cursor.address(), cursor.number(2)
        powers = all(size and not size & (size - 1) for size in (width, first_size, largest))
        if not powers or first_size > largest or bits > 64:
            raise ValueError("a heap of it has impossible sizes")
        return FractalHeap(source, bits, width, first_size, largest, longest, root, rows, sealed)

    def item(self, number: bytes) -> Cursor:
        """The object of this number."""
        cursor = Cursor(number, 0, self.source.home.widths)
        kind = cursor.number(1)
        if kind & 0x30:
            raise Unfit("overlong description")
        place = cursor.number((self.bits + 7) // 8)
        size = min(needed_bytes(self.largest), needed_bytes(self.longest))
        return self._at(place, cursor.number(size))

    def _at(self, place: int, length: int) -> Cursor:
        block, rows, start = self.root, self.rows, 0
        size = self.first_size
        while rows:
            if block is None or rows > 64:
                raise ValueError("a heap of it has a hole where something should be")
            row, column, size, start = self._entry(place, start)
            if row >= rows:
                raise ValueError("a number in it leads out of its heap")
            wide = self.source.home.widths[0]
            skip = 5 + wide + (self.bits + 7) // 8 + (row * self.width + column) * wide
            block = self.source.cursor(block + skip, wide).address()
            direct = size <= self.largest
            rows = 0 if direct else (size // (self.first_size * self.width)).bit_length()
        if block is None or place < start or place + length > start + size:
            raise ValueError("a number in it leads out of its heap")
        if block not in self.blocks:
            self.blocks[block] = self._block(block, size)
        begin = place - start
        part = self.blocks[block][begin : begin + length]
        return Cursor(part, block + begin, self.source.home.widths)

    def _block(self, block: int, size: int) -> bytes:
        """A block of objects; its checksum was taken while zeros stood in its place."""
        found = self.source.cursor(block, size, b"FHDB").data
        at = 5 + self.source.home.widths[0] + (self.bits + 7) // 8
        seal, body = found[at : at + 4], found[:at] + bytes(4) + found[at + 4 :]
        checked = self.sealed and size <= LONGEST_CHECKED
        if checked and checksum(body) != int.from_bytes(seal, "little"):
            raise ValueError(f"its FHDB at byte {block:,} fails its checksum")
        return found

    def _entry(self, place: int, start: int) -> tuple[int, int, int, int]:
        """Row, column, size and start of the block with this place, under one that starts there."""
        row, size, begin = 0, self.first_size, start
        while place >= begin + size * self.width:
            begin += size * self.width
            row += 1
            size = self.first_size << max(row - 1, 0)
            if row > 64:
                raise ValueError("a number in it leads out of its heap")
        column = (place - begin) // size
        return row, column, size, begin + column * size


def heap_items(
    source: Bytes, heap: int | None, tree: int | None, kind: int, most: int
) -> Iterator[Cursor]:
    """The objects of a heap that a tree of this kind lists."""
    if heap is None or tree is None:
        return
    found = FractalHeap.at(source, heap)
    for number, record in enumerate(records(source, tree, frozenset((kind,)))):
        if number >= most:
            return
        record.take(BEFORE_NUMBER[kind])
        with suppress(Unfit):
            yield found.item(record.take(7 if kind == NAMED_LINKS else 8))


class Texts:
    """Texts of any length, which lie in collections all over the file."""

    def __init__(self, source: Bytes) -> None:
        self.source = source
        self.collections: dict[int, dict[int, bytes]] = {}

    def text(self, reference: Cursor) -> bytes:
        length, address, number = reference.number(4), reference.address(), reference.number(4)
        if not length or not address:
            return b""
        if address not in self.collections:
            self.collections[address] = dict(self._items(address))
        found = self.collections[address].get(number)
        if found is None or length > len(found):
            raise ValueError("a text of it is not where it should be")
        return found[:length]

    def all(self, references: bytes, width: int, most: int) -> Iterator[str]:
        """Text after text, but not more bytes of it than this."""
        for at in range(0, len(references), width):
            reference = Cursor(references[at : at + width], at, self.source.home.widths)
            found = self.text(reference)
            most -= len(found)
            if most < 0:
                raise Unfit("text repeated without end")
            yield found.decode("utf-8", "replace")

    def _items(self, address: int) -> Iterator[tuple[int, bytes]]:
        long = self.source.home.widths[1]
        start = self.source.cursor(address, 8 + long, b"GCOL")
        start.demand(1)
        start.take(3)
        cursor = self.source.cursor(address, start.length())
        cursor.take(8 + long)
        while cursor.left >= 8 + long:
            number = cursor.number(2)
            cursor.take(6)
            length = cursor.length()
            if not number:
                return
            yield number, cursor.take(length)
            cursor.take(min(-length % 8, cursor.left))
