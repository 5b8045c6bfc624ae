"""Thrift's compact form, as Parquet describes itself, read with a bound on depth and length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Numbers: TypeAlias = dict[tuple[int, int], int]
TRUE, FALSE, BYTE, SHORT, INT, LONG, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
DEEPEST = 32
FIXED = {BYTE: 1, DOUBLE: 8}
NUMBERS = frozenset((SHORT, INT, LONG))


@dataclass(slots=True)
class Thrift:
    """A place in some bytes; whatever would lead behind their end is an error."""

    data: bytes
    at: int = 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def size(self) -> int:
        """An unsigned number of a varying number of bytes."""
        value = self.data[self.at]
        self.at += 1
        if value < 0x80:
            return value
        value, shift, byte = value & 0x7F, 7, 0x80
        while byte >= 0x80:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 70:
                raise ValueError("its description holds a number without end")
        return value

    def number(self) -> int:
        value = self.size()
        return value >> 1 ^ -(value & 1)

    def field(self, last: int) -> tuple[int, int]:
        """The number and the kind of the next field; kind 0 at the end of the struct."""
        head = self.data[self.at]
        self.at += 1
        kind = head & 0x0F
        if not kind:
            return 0, 0
        return (last + (head >> 4) if head >> 4 else self.number()), kind

    def items(self) -> tuple[int, int]:
        """How many items of which kind follow."""
        head = self.byte()
        count = head >> 4 if head >> 4 < 15 else self.size()
        if count > len(self.data) - self.at:
            raise ValueError("its description holds a list that is longer than itself")
        return count, head & 0x0F

    def skip(self, kind: int, depth: int = 0, inside: bool = False) -> None:
        """Go past one value; ``inside`` a list even a truth value takes a byte."""
        if depth > DEEPEST:
            raise ValueError("its description is nested without end")
        if kind in NUMBERS:
            self.size()
        elif kind in (TRUE, FALSE):
            self.at += inside
        elif kind in FIXED:
            self.at += FIXED[kind]
        elif kind == BINARY:
            length = self.size()
            self.at += length
        elif kind in (LIST, SET):
            count, item = self.items()
            for _ in range(count):
                self.skip(item, depth + 1, True)
        elif kind == MAP:
            self._skip_map(depth)
        elif kind == STRUCT:
            last, kind = self.field(0)
            while kind:
                self.skip(kind, depth + 1)
                last, kind = self.field(last)
        else:
            raise ValueError(f"its description holds a value of the unknown kind {kind}")
        if self.at > len(self.data):
            raise ValueError("its description ends too early")

    def _skip_map(self, depth: int) -> None:
        count = self.size()
        if count > len(self.data) - self.at:
            raise ValueError("its description holds a list that is longer than itself")
        kinds = self.byte() if count else 0
        for _ in range(count):
            self.skip(kinds >> 4, depth + 1, True)
            self.skip(kinds & 0x0F, depth + 1, True)

    def struct(self, wanted: frozenset[int] = frozenset()) -> Numbers:
        """The numbers in a struct, the lengths of its texts, and those of the structs ``wanted``.

        A number of a struct inside has both field numbers as its key.
        """
        found: Numbers = {}
        last, kind = self.field(0)
        while kind:
            if kind in NUMBERS:
                found[last, 0] = self.number()
            elif kind == BINARY:
                found[last, 0] = self.size()
                self.at += found[last, 0]
            elif kind == STRUCT and last in wanted:
                for (field, _), value in self.struct().items():
                    found[last, field] = value
            else:
                self.skip(kind)
            last, kind = self.field(last)
        return found
