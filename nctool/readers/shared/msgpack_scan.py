"""MessagePack without reading what is large: values, and where the long ones lie in the file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, NoReturn, TypeAlias

DEEPEST = 64
MOST_VALUES = 2**22
LONGEST_NAME = 2**16
# Strings, bytes, extensions, lists and maps by how many bytes their length takes.
TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
BLOBS = {0xC4: 1, 0xC5: 2, 0xC6: 4}
EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
FIXED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
LISTS = {0xDC: 2, 0xDD: 4}
MAPS = {0xDE: 2, 0xDF: 4}
NUMBERS = {
    mark: struct.Struct(f">{code}")
    for mark, code in zip((0xCA, 0xCB, *range(0xCC, 0xD4)), "fdBHIQbhiq", strict=True)
}
PLAIN = {0xC0: None, 0xC2: False, 0xC3: True}


class Cut(Exception):
    """Something announces more bytes than what it lies in still has."""

    def __init__(self, needed: int) -> None:
        super().__init__(f"it announces {needed} bytes")
        self.needed = needed


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that were passed over: an extension of type ``code``, or bytes or long text."""

    kind: str
    start: int
    length: int
    code: int = 0


OnExtension: TypeAlias = Callable[["Scanner", Span], object]


class Scanner:
    """Walks one file; an extension becomes what ``on_extension`` makes of it."""

    def __init__(self, file: BinaryIO, size: int, on_extension: OnExtension) -> None:
        self.file, self.end, self.position = file, size, 0
        self.on_extension = on_extension
        self.values = 0

    def root(self) -> object:
        """The one value that fills the whole file."""
        value = self.value()
        if self.position != self.end:
            raise ValueError(f"{self.end - self.position} bytes follow its end")
        return value

    def within(self, span: Span) -> object:
        """The one value that fills a span; bytes in it are passed over in turn."""
        outer, self.end, self.position = self.end, span.start + span.length, span.start
        self.file.seek(span.start)
        try:
            return self.root()
        except Cut as error:
            if error.needed <= self.end:  # not the span is too short, the file is
                raise
            raise ValueError("what an extension announces does not fit into it") from error
        finally:
            self.end, self.position = outer, span.start + span.length
            self.file.seek(self.position)

    def value(self, depth: int = 0) -> object:
        self.values += 1
        # One byte a value: a small file may otherwise ask for objects without end.
        if depth > DEEPEST or self.values > MOST_VALUES:
            raise ValueError("it is nested too deeply or holds too many values")
        mark = self.take(1)[0]
        if mark < 0x80 or mark >= 0xE0:
            return mark if mark < 0x80 else mark - 0x100
        if mark in PLAIN:
            return PLAIN[mark]
        if mark in NUMBERS:
            number: int | float = NUMBERS[mark].unpack(self.take(NUMBERS[mark].size))[0]
            return number
        if mark in TEXTS or 0xA0 <= mark <= 0xBF:
            return self.text(self.length(TEXTS[mark]) if mark in TEXTS else mark - 0xA0)
        if mark in MAPS or mark <= 0x8F:
            return self.pairs(self.length(MAPS[mark]) if mark in MAPS else mark - 0x80, depth)
        if mark in LISTS or mark <= 0x9F:
            return self.items(self.length(LISTS[mark]) if mark in LISTS else mark - 0x90, depth)
        return self.blob(mark)

    def blob(self, mark: int) -> object:
        if mark in BLOBS:
            return self.skip("bytes", self.length(BLOBS[mark]))
        if mark not in EXTENSIONS and mark not in FIXED:
            raise ValueError(f"byte {self.position - 1} is no MessagePack")
        length = self.length(EXTENSIONS[mark]) if mark in EXTENSIONS else FIXED[mark]
        code = int.from_bytes(self.take(1), signed=True)
        return self.on_extension(self, self.skip("extension", length, code))

    def text(self, length: int) -> object:
        if length > LONGEST_NAME:
            return self.skip("overlong text", length)
        return self.take(length).decode("utf-8", "backslashreplace")

    def pairs(self, count: int, depth: int) -> dict[str, object]:
        # An entry takes two bytes at least: a count is held against what is left before any loop.
        self.room(2 * count)
        entries: dict[str, object] = {}
        for _ in range(count):
            name = self.value(depth + 1)
            if not isinstance(name, str | int):
                raise ValueError("a key of a map is neither text nor a number")
            if str(name) in entries:
                raise ValueError(f"the key '{name}' is in a map twice")
            entries[str(name)] = self.value(depth + 1)
        return entries

    def items(self, count: int, depth: int) -> list[object]:
        self.room(count)
        return [self.value(depth + 1) for _ in range(count)]

    def length(self, width: int) -> int:
        return int.from_bytes(self.take(width))

    def take(self, count: int) -> bytes:
        self.room(count)
        data = self.file.read(count)
        if len(data) < count:
            self.short(count)
        self.position += count
        return data

    def skip(self, kind: str, length: int, code: int = 0) -> Span:
        self.room(length)
        span = Span(kind, self.position, length, code)
        self.position += length
        self.file.seek(self.position)
        return span

    def room(self, count: int) -> None:
        if count > self.end - self.position:
            self.short(count)

    def short(self, count: int) -> NoReturn:
        raise Cut(self.position + count)
