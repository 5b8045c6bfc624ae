"""Protocol buffers, field by field: where each part lies, without reading what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nctool.core.errors import InputError
from nctool.readers.shared.edge import corrupt
from nctool.readers.shared.wording import truncated

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}
BLOCK = 4096
LONGEST_VARINT = 10
LONGEST_HEADER = 2 * LONGEST_VARINT
LONGEST_TEXT = 2**16
MOST_FIELDS = 2**20
"""Fields of a whole file: a few bytes each would keep the walk busy for hours."""


class Field(NamedTuple):
    """One field: its number and wire type, the bytes of its content, its value if it is a varint.

    ``start`` and ``stop`` are counted from the beginning of the file.
    """

    number: int
    wire: int
    start: int
    stop: int
    value: int = 0


class Wire:
    """A file that is walked; whatever contradicts itself is an error about this file."""

    def __init__(self, file: BinaryIO, path: Path, format: str) -> None:
        self.file, self.path, self.format = file, path, format
        self.size = os.fstat(file.fileno()).st_size
        self.base, self.block = 0, b""
        self.left = MOST_FIELDS

    def fields(self, start: int, stop: int) -> Iterator[Field]:
        """The fields of the message between two positions; what they hold is stepped over."""
        while start < stop:
            field = self._field(start)
            if field.stop > self.size:
                raise self.cut(field.stop)
            if field.stop > stop:
                raise self.damaged("a part of it reaches beyond the end of the whole")
            self.left -= 1
            if self.left < 0:
                raise self.damaged("it has more parts than any model")
            yield field
            start = field.stop

    def _field(self, start: int) -> Field:
        base = self._near(start, LONGEST_HEADER)
        tag, begin = self.varint(self.block, start - base)
        number, wire = tag >> 3, tag & 7
        if wire == BYTES:
            length, begin = self.varint(self.block, begin)
        elif wire == VARINT:
            value, end = self.varint(self.block, begin)
            return Field(number, wire, base + begin, base + end, value)
        elif wire in WIDTHS:
            length = WIDTHS[wire]
        else:
            raise self.damaged(f"a part of it is of the unknown kind {wire}")
        if number == 0:
            raise self.damaged("a part of it has no number")
        return Field(number, wire, base + begin, base + begin + length)

    def _near(self, start: int, length: int) -> int:
        """Have so many bytes in the block, if the file does; where the block begins."""
        if start < self.base or start + length > self.base + len(self.block):
            self.file.seek(start)
            self.base, self.block = start, self.file.read(BLOCK)
        return self.base

    def varint(self, block: bytes, at: int) -> tuple[int, int]:
        """The number that begins here, and where it ends."""
        if at < len(block) and block[at] < 0x80:
            return block[at], at + 1
        value = 0
        # Base 128, the lowest seven bits first; 64 bits end within ten bytes.
        for place, byte in enumerate(block[at : at + LONGEST_VARINT]):
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value & (2**64 - 1), at + place + 1
        raise self.damaged("a number in it does not end")

    def varints(self, start: int, stop: int) -> list[int]:
        """Signed numbers one after another; for short lists."""
        block = self.read(start, stop)
        numbers, at = [], 0
        while at < len(block):
            value, at = self.varint(block, at)
            numbers.append(signed(value))
        return numbers

    def read(self, start: int, stop: int) -> bytes:
        if stop - start < BLOCK:
            at = start - self._near(start, stop - start)
            content = self.block[at : at + stop - start]
        else:
            self.file.seek(start)
            content = self.file.read(stop - start)
        if len(content) < stop - start:
            raise self.cut(stop)
        return content

    def text(self, field: Field) -> str:
        """A name; what is no UTF-8 is escaped."""
        if field.stop - field.start > LONGEST_TEXT:
            raise self.damaged(f"a name in it has {field.stop - field.start} bytes")
        return self.read(field.start, field.stop).decode("utf-8", "backslashreplace")

    def cut(self, needed: int) -> InputError:
        hint = "copy or download the file again and compare its size with the original"
        return truncated(self.path, f"has {self.size} bytes, its parts reach to {needed}", hint)

    def damaged(self, problem: str) -> InputError:
        return corrupt(self.path, self.format, problem)


def signed(value: int) -> int:
    """A 64-bit number as protocol buffers write negative ones."""
    return value - 2**64 if value >= 2**63 else value
