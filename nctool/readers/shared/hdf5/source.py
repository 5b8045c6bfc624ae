"""The bytes of an HDF5 file, alone or inside of another: bounded reads, checksums, numbers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nctool.core.errors import InputError
from nctool.readers.shared.edge import shown

MAGIC = b"\x89HDF\r\n\x1a\n"
PLACES = (0, 512, 1024, 2048)
"""Where the signature may stand: behind a block of the user's own, whose size is doubled."""

# Descriptions are small against the data; only a crafted file makes somebody read them for ever.
MOST_OVER = 4
SPARE_BYTES = 2**24
MOST_BYTES = 2**28
# Python takes a second for some mebibytes; larger blocks are tables of chunks.
LONGEST_CHECKED = 2**16
MASK = 0xFFFFFFFF
FINAL = ((2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24))


class Cursor:
    """One pass over some bytes; ``at`` is where they begin in the file."""

    def __init__(self, data: bytes, at: int, widths: tuple[int, int]) -> None:
        self.data, self.at, self.widths, self.position = data, at, widths, 0

    @property
    def left(self) -> int:
        return len(self.data) - self.position

    @property
    def here(self) -> int:
        return self.at + self.position

    def take(self, count: int) -> bytes:
        begin, self.position = self.position, self.position + count
        if not begin <= self.position <= len(self.data):
            raise ValueError(f"a part of it at byte {self.at} ends too soon")
        return self.data[begin : self.position]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def length(self) -> int:
        return self.number(self.widths[1])

    def address(self) -> int | None:
        """A place in the file; None where there is nothing."""
        found = self.take(self.widths[0])
        return None if found == b"\xff" * len(found) else int.from_bytes(found, "little")

    def text(self) -> bytes:
        """Up to the next zero byte, which is passed over."""
        end = self.data.find(b"\0", self.position)
        found = self.take((len(self.data) if end < 0 else end) - self.position)
        self.take(min(1, self.left))
        return found

    def demand(self, *expected: int) -> int:
        """One byte that must be one of these: a version."""
        found = self.number(1)
        if found not in expected:
            raise ValueError(f"a part of it at byte {self.at} is of the unknown version {found}")
        return found


@dataclass(frozen=True, slots=True)
class Home:
    """Where an HDF5 file lies in a file, how wide its numbers are, and where its root is."""

    path: Path
    start: int
    size: int
    widths: tuple[int, int] = (8, 8)
    root: int = 0

    @contextmanager
    def bytes(self) -> Iterator[Bytes]:
        with self.path.open("rb") as file:
            yield Bytes(file, self)


class Bytes:
    """An open file; what describes the data may be read a few times over, but not for ever."""

    def __init__(self, file: BinaryIO, home: Home) -> None:
        self.file, self.home, self.spent = file, home, 0

    def read(self, at: int, count: int) -> bytes:
        self.spent += count
        if self.spent > min(MOST_OVER * self.home.size + SPARE_BYTES, MOST_BYTES):
            raise ValueError("its parts lead to one another without end")
        return self.data(at, count)

    def data(self, at: int, count: int) -> bytes:
        """The same for what is no description."""
        if at < 0 or count < 0 or at + count > self.home.size:
            raise ValueError(f"it points at byte {at + count:,}, behind its end")
        self.file.seek(self.home.start + at)
        found = self.file.read(count)
        if len(found) != count:
            raise InputError(
                "file-changed",
                f"'{shown(self.home.path)}' became shorter after it was opened",
                "wait until the file is written, then run again",
            )
        return found

    def cursor(self, at: int | None, count: int, mark: bytes = b"") -> Cursor:
        """A part of the file that begins with this mark; the cursor stands behind it."""
        if at is None:
            raise ValueError("it lacks a part that another part needs")
        cursor = Cursor(self.read(at, count), at, self.home.widths)
        if cursor.take(len(mark)) != mark:
            raise ValueError(f"at byte {at:,} it has no {mark.decode()}, which should be there")
        return cursor

    def sealed(self, at: int | None, count: int, mark: bytes) -> Cursor:
        """The same for a part that ends with its checksum, which is taken off."""
        cursor = self.cursor(at, count, mark)
        body, seal = cursor.data[:-4], cursor.data[-4:]
        if count <= LONGEST_CHECKED and checksum(body) != int.from_bytes(seal, "little"):
            raise ValueError(f"its {mark.decode()} at byte {at:,} fails its checksum")
        cursor.data = body
        return cursor


def checksum(data: bytes) -> int:
    """The hash that HDF5 seals its newer structures with (Bob Jenkins, lookup3)."""
    a = b = c = (0xDEADBEEF + len(data)) & MASK
    if not data:
        return c
    padded = data + bytes(-len(data) % 12)
    words: tuple[int, ...] = struct.unpack(f"<{len(padded) // 4}I", padded)
    last = len(words) - 3
    for place in range(0, last, 3):
        a, b, c = a + words[place] & MASK, b + words[place + 1] & MASK, c + words[place + 2] & MASK
        a, c = (a - c & MASK) ^ (c << 4 & MASK | c >> 28), c + b & MASK
        b, a = (b - a & MASK) ^ (a << 6 & MASK | a >> 26), a + c & MASK
        c, b = (c - b & MASK) ^ (b << 8 & MASK | b >> 24), b + a & MASK
        a, c = (a - c & MASK) ^ (c << 16 & MASK | c >> 16), c + b & MASK
        b, a = (b - a & MASK) ^ (a << 19 & MASK | a >> 13), a + c & MASK
        c, b = (c - b & MASK) ^ (b << 4 & MASK | b >> 28), b + a & MASK
    state = [one + word & MASK for one, word in zip((a, b, c), words[last:], strict=True)]
    for one, other, turn in FINAL:
        turned = (state[other] << turn | state[other] >> 32 - turn) & MASK
        state[one] = ((state[one] ^ state[other]) - turned) & MASK
    return state[2]


def find_home(path: Path, start: int, size: int) -> Home | None:
    """The HDF5 file among these bytes, if there is one; its first block is checked."""
    with path.open("rb") as file:
        for place in PLACES:
            if place + len(MAGIC) <= size:
                file.seek(start + place)
                if file.read(len(MAGIC)) == MAGIC:
                    return _superblock(Home(path, start + place, size - place), file, place)
    return None


def _superblock(home: Home, file: BinaryIO, place: int) -> Home:
    cursor = Cursor(Bytes(file, home).read(0, min(home.size, 128)), 0, (8, 8))
    cursor.take(len(MAGIC))
    version = cursor.demand(0, 1, 2, 3)
    if version < 2:
        cursor.take(4)
    cursor.widths = (cursor.number(1), cursor.number(1))
    if not set(cursor.widths) <= {2, 4, 8}:
        raise ValueError(f"its numbers are {cursor.widths} bytes wide")
    cursor.take((9, 13)[version] if version < 2 else 1)
    base = cursor.number(cursor.widths[0])
    cursor.address()
    end = cursor.number(cursor.widths[0])
    if version < 2:
        cursor.address()
        cursor.take(cursor.widths[0])
    root = cursor.address()
    if version >= 2 and checksum(cursor.data[: cursor.position]) != cursor.number(4):
        raise ValueError("its first block fails its checksum")
    if root is None or base not in (0, place):
        raise ValueError("its first block says neither where it begins nor where its root is")
    if end - base > home.size:
        raise InputError(
            "file-truncated",
            f"'{shown(home.path)}' has {home.size + place:,} bytes of an HDF5 file, "
            f"its first block announces {end:,}",
            "download or copy the file again",
        )
    return Home(home.path, home.start, end - base, cursor.widths, root)
