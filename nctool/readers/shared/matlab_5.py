"""The elements of a MATLAB 5 file: what versions 5 to 7 write, and Octave and scipy with them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from nctool.readers.shared.edge import shown
from nctool.readers.shared.matlab_bytes import Bytes, Packed, Unpacking
from nctool.readers.shared.matlab_tree import Nest, Numbers, Unread, Value, of_texts

HEADER = 128
INT8, INT32, UINT32, MATRIX, COMPRESSED, UTF8 = 1, 5, 6, 14, 15, 16
# The number of a type of storage → the numpy code of its elements.
CODES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
CLASSES = {
    6: "float64", 7: "float32", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32",
    13: "uint32", 14: "int64", 15: "uint64",
}  # fmt: skip
OTHERS = {OBJECT: "object", SPARSE: "sparse matrix", FUNCTION: "function handle"}
LOGICAL, COMPLEX = 0x02, 0x08
LONGEST_NAME = 2**16
# Without these, a file of some kilobytes could nest cells until the interpreter's stack ends.
DEEPEST = 64
MOST_DIMS = 32
MOST_PARTS = 2**20


@dataclass(frozen=True, slots=True)
class Tag:
    """What stands before content: its type, its size, and how many bytes follow it in all."""

    type: int
    size: int
    room: int


class Walk:
    """One walk through the elements of a file."""

    def __init__(self, bytes: Bytes, order: str) -> None:
        self.bytes, self.order = bytes, order
        self.parts = 0

    def numbers(self, form: str, content: bytes) -> tuple[int, ...]:
        size = struct.calcsize(self.order + form)
        return struct.unpack(f"{self.order}{len(content) // size}{form}", content)

    def tag(self) -> Tag:
        first, size = self.numbers("I", self.bytes.take(8))
        if first >> 16:  # up to four bytes stand within the tag
            self.bytes.at -= 4
            if first >> 16 > 4:
                raise self.bytes.damaged("a small part of it has more than four bytes")
            return Tag(first & 0xFFFF, first >> 16, 4)
        # Content is padded to eight bytes, except that of a matrix, whose parts are padded.
        return Tag(first, size, size if first == MATRIX else size + -size % 8)

    def content(self, *types: int) -> bytes:
        """The content of a short element of one of these types."""
        tag = self.tag()
        if tag.type not in types or tag.size > LONGEST_NAME:
            raise self.bytes.damaged(f"a part of type {tag.type} is out of place")
        return self.bytes.take(tag.room)[: tag.size]

    def text(self) -> str:
        return self.content(INT8, UTF8).rstrip(b"\0").decode("utf-8", "backslashreplace")

    def matrix(self, stop: int, depth: int = 0) -> tuple[str, Value]:
        """The next matrix, up to ``stop`` at most: its name, and its value."""
        self.parts += 1
        if depth > DEEPEST or self.parts > MOST_PARTS:
            raise self.bytes.damaged("its structs and cells are nested without end")
        tag = self.tag()
        end = self.bytes.at + tag.size
        if tag.type != MATRIX or end > stop:
            raise self.bytes.damaged("a variable in it does not fit its place")
        if end > self.bytes.stop:
            raise self.bytes.short(end)
        if not tag.size:
            return "", Unread("")
        name, value = self._matrix(end, depth)
        if self.bytes.at > end:
            raise self.bytes.damaged(f"'{shown(name, 60)}' is longer than it says")
        self.bytes.skip(end - self.bytes.at)  # the imaginary part, or what a class adds
        return name, value

    def _matrix(self, end: int, depth: int) -> tuple[str, Value]:
        flags = self.numbers("I", self.content(UINT32))
        if len(flags) != 2:
            raise self.bytes.damaged("a variable in it has no class")
        kind, marks = flags[0] & 0xFF, flags[0] >> 8 & 0xFF
        if kind == OPAQUE:
            name, _, called = self.text(), self.text(), self.text()
            return name, Unread(called or "object")
        dims = self.numbers("i", self.content(INT32, UINT32))
        name = self.text()
        if not 2 <= len(dims) <= MOST_DIMS or min(dims) < 0:
            raise self.bytes.damaged(f"'{shown(name, 60)}' has no shape")
        if kind in CLASSES:
            return name, self._numbers(kind, marks, dims)
        if kind == CHAR:
            return name, self._chars(dims)
        if kind == CELL:
            return name, self._cells(dims, end, depth)
        if kind == STRUCT:
            return name, self._fields(dims, end, depth)
        if kind not in OTHERS:
            raise self.bytes.damaged(f"'{shown(name, 60)}' is of the unknown class {kind}")
        return name, Unread(OTHERS[kind])

    def _numbers(self, kind: int, marks: int, dims: tuple[int, ...]) -> Value:
        tag = self.tag()
        code, dtype = CODES.get(tag.type), "bool" if marks & LOGICAL else CLASSES[kind]
        if code is None or tag.size != prod(dims) * int(code[1]):
            raise self.bytes.damaged(f"an array of shape {dims} has {tag.size} bytes")
        # MATLAB stores whole numbers in the fewest bytes that hold them, whatever their class.
        if not fits(code, dtype):
            raise self.bytes.damaged(f"an array of {dtype} is stored as {code}")
        if marks & COMPLEX:
            return Unread("complex matrix")
        if prod(dims) == 1:
            form = struct.Struct(self.order + FORMS[code])
            (value,) = form.unpack(self.bytes.take(tag.size))
            return bool(value) if dtype == "bool" else TO[dtype[:3]](value)
        start, packed = self.bytes.at, self.bytes.packed
        self.bytes.skip(tag.room)
        return Numbers(dims, dtype, self.order + code, start, packed)

    def _chars(self, dims: tuple[int, ...]) -> Value:
        tag = self.tag()
        if len(dims) > 2:
            return Unread("text of several dimensions")
        if tag.type not in TEXTS:
            raise self.bytes.damaged(f"a text in it is of type {tag.type}")
        rows, columns = dims
        coding = TEXTS[tag.type]
        if coding[-2:] in ("16", "32"):
            coding += "-le" if self.order == "<" else "-be"
        if tag.size > 4 * (prod(dims) + 1):
            raise self.bytes.damaged(f"a text of shape {dims} has {tag.size} bytes")
        text = self.bytes.take(tag.room)[: tag.size].decode(coding, "replace")
        if rows <= 1 or not columns:
            return text
        if len(text) != rows * columns:
            raise self.bytes.damaged(f"a text of shape {dims} has {len(text)} characters")
        return of_texts([text[row::rows].rstrip() for row in range(rows)])

    def _cells(self, dims: tuple[int, ...], end: int, depth: int) -> Value:
        count = self._count(dims, end)
        values = [self.matrix(end, depth + 1)[1] for _ in range(count)]
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) == count:
            return texts
        return Nest(tuple((f"{{{place}}}", value) for place, value in enumerate(values, 1)))

    def _fields(self, dims: tuple[int, ...], end: int, depth: int) -> Value:
        (length,) = self.numbers("i", self.content(INT32)) or (0,)
        names = self.content(INT8)
        if length < 1 or len(names) % length:
            raise self.bytes.damaged("the fields of a struct have no names")
        called = [
            names[at : at + length].split(b"\0")[0].decode("utf-8", "backslashreplace")
            for at in range(0, len(names), length)
        ]
        elements = self._count((*dims, len(called)), end) // (len(called) or 1)
        parts: list[tuple[str, Value]] = []
        for place in range(1, elements + 1):
            where = "" if elements == 1 else f"({place})"
            parts += [(f"{where}.{name}", self.matrix(end, depth + 1)[1]) for name in called]
        return Nest(tuple(parts))

    def _count(self, dims: tuple[int, ...], end: int) -> int:
        """How many values stand here; each has a tag at least."""
        if 8 * prod(dims) > end - self.bytes.at:
            raise self.bytes.damaged(f"a cell or a struct of shape {dims} is too short")
        return prod(dims)


FORMS = {
    "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
    "f4": "f", "f8": "d",
}  # fmt: skip
TO = {"flo": float, "int": int, "uin": int}


def fits(code: str, dtype: str) -> bool:
    """Whether elements of this type may stand for that one: whole numbers are often stored so."""
    if dtype == "bool" or (dtype.startswith("float") and code != "f8"):
        return True
    kind, width = code[0], int(code[1])
    if dtype[0] == "f":
        return dtype == "float64"
    bits = int(dtype.strip("uint"))
    if kind == "f" or (kind == "i" and dtype[0] == "u"):
        return False
    return 8 * width <= bits if kind == dtype[0] else 8 * width < bits


def variables(file: BinaryIO, path: Path, order: str, size: int) -> Iterator[tuple[str, Value]]:
    """Every variable of the file, by name."""
    plain = Bytes(file, path, HEADER, size)
    walk = Walk(plain, order)
    while plain.at < size:
        start, tag = plain.at, walk.tag()
        if tag.type == COMPRESSED:
            packed = Packed(path, plain.at, plain.at + tag.size)
            plain.skip(tag.size)
            inner = Walk(Unpacking(file, packed), order)
            name, value = inner.matrix(inner.bytes.stop)
        elif tag.type == MATRIX:
            plain.at = start
            name, value = walk.matrix(size)
        else:
            raise plain.damaged(f"a part of type {tag.type} is out of place")
        if name:  # a nameless one holds the workings of objects
            yield name, value
