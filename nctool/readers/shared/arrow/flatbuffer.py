"""Flatbuffers, as Arrow describes itself: tables whose every reference is checked before use."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

MOST_TABLES = 2**19


@dataclass(frozen=True, slots=True)
class Buffer:
    """The bytes, and how many tables were taken from them: references may be shared."""

    data: bytes
    visited: list[int]

    def number(self, position: int, code: str) -> int:
        if position < 0 or position + struct.calcsize(code) > len(self.data):
            raise ValueError("a reference in its description leads out of it")
        found: int = struct.unpack_from(code, self.data, position)[0]
        return found

    def follow(self, position: int) -> int:
        return position + self.number(position, "<I")

    def table(self, position: int) -> Table:
        self.visited[0] += 1
        if self.visited[0] > MOST_TABLES:
            raise ValueError("its description repeats itself without end")
        return Table(self, position, position - self.number(position, "<i"))


@dataclass(frozen=True, slots=True)
class Table:
    """One table; a field is asked for by its number in the schema of the format."""

    buffer: Buffer
    position: int
    names: int

    def _field(self, number: int) -> int:
        """Where a field lies; 0 when it was left at its default."""
        size = self.buffer.number(self.names, "<H")
        at = 4 + 2 * number
        offset = self.buffer.number(self.names + at, "<H") if at + 2 <= size else 0
        return self.position + offset if offset else 0

    def number(self, field: int, code: str, default: int = 0) -> int:
        at = self._field(field)
        return self.buffer.number(at, "<" + code) if at else default

    def table(self, field: int) -> Table | None:
        at = self._field(field)
        return self.buffer.table(self.buffer.follow(at)) if at else None

    def text(self, field: int) -> str:
        at = self._field(field)
        if not at:
            return ""
        start, count = self._vector(at, 1)
        return self.buffer.data[start : start + count].decode("utf-8", "backslashreplace")

    def tables(self, field: int) -> Iterator[Table]:
        at = self._field(field)
        start, count = self._vector(at, 4) if at else (0, 0)
        for place in range(start, start + 4 * count, 4):
            yield self.buffer.table(self.buffer.follow(place))

    def structs(self, field: int, dtype: object) -> ndarray:
        """A vector of plain numbers, or of structs of them, as a numpy array."""
        import numpy

        kind = numpy.dtype(dtype)  # type: ignore[call-overload]
        at = self._field(field)
        if not at:
            return numpy.empty(0, kind)
        start, count = self._vector(at, kind.itemsize)
        return numpy.frombuffer(self.buffer.data, kind, count, start)

    def _vector(self, at: int, width: int) -> tuple[int, int]:
        start = self.buffer.follow(at)
        count = self.buffer.number(start, "<I")
        if start + 4 + count * width > len(self.buffer.data):
            raise ValueError("a list in its description is longer than the description")
        return start + 4, count


def root(data: bytes) -> Table:
    buffer = Buffer(data, [0])
    return buffer.table(buffer.follow(0))
