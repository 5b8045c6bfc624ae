"""Parts of a file: its first bytes, or a range that is read as if it were a file of its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


def beginning(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def section(file: io.BufferedReader, start: int, length: int) -> io.BufferedReader:
    """``length`` bytes of an open file from ``start`` on; nothing before or behind is seen."""
    return io.BufferedReader(_Section(file, start, length))


class _Section(io.RawIOBase):
    def __init__(self, file: io.BufferedReader, start: int, length: int) -> None:
        self.file, self.start, self.length = file, start, length
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self.position, self.length)[whence]
        if base + offset < 0:
            raise ValueError("a position before the start")
        self.position = base + offset
        return self.position

    def readinto(self, buffer: Any) -> int:
        self.file.seek(self.start + self.position)
        count = self.file.readinto(memoryview(buffer)[: max(0, self.length - self.position)])
        self.position += count
        return count
