"""A range of bytes within a file, read as if it were a file of its own."""

from __future__ import annotations

import io
from typing import BinaryIO


def section(file: BinaryIO, start: int, length: int) -> BinaryIO:
    """``length`` bytes of an open file from ``start`` on; positions count from there."""
    return io.BufferedReader(_Section(file, start, length))


class _Section(io.RawIOBase):
    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
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

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(buffer), self.length - self.position))
        self.file.seek(self.start + self.position)
        data = self.file.read(count)
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)
