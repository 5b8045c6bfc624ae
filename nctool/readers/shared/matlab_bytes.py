"""The bytes of a MATLAB file in order: as they lie there, or unpacked while they are walked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nctool.core.errors import InputError
from nctool.readers.shared.archive import BEST_RATIO
from nctool.readers.shared.edge import corrupt
from nctool.readers.shared.wording import truncated

MATLAB = "matlab"
CHUNK = 2**16
LONGEST_PIECE = 2**24
"""What is taken into memory while a file is described: names and texts are shorter."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A compressed variable: it lies between two positions of a file."""

    path: Path
    start: int
    stop: int

    def chunks(self, file: BinaryIO) -> Iterator[bytes]:
        """What it holds, piece by piece; at its end the checksum has been compared."""
        unpack = zlib.decompressobj()
        file.seek(self.start)
        left = self.stop - self.start
        while left and not unpack.eof:
            data = file.read(min(left, CHUNK))
            if not data:
                break
            left -= len(data)
            while data and not unpack.eof:
                # Bounded output: a few packed bytes may stand for gibibytes of zeros.
                yield unpack.decompress(data, CHUNK)
                data = unpack.unconsumed_tail
        if not unpack.eof:
            raise corrupt(self.path, MATLAB, "a compressed variable ends too early")

    def part(self, first: int, size: int) -> bytearray:
        """A piece of what it holds; memory follows the bytes that are there."""
        out, at = bytearray(), 0
        with self.path.open("rb") as file:
            for chunk in self.chunks(file):
                low, high = max(0, first - at), min(len(chunk), first + size - at)
                if low < high:
                    out += chunk[low:high]
                at += len(chunk)
        if len(out) != size:
            raise corrupt(self.path, MATLAB, "a compressed variable ends too early")
        return out


class Bytes:
    """A walk over plain bytes, up to a position in the file."""

    packed: Packed | None = None

    def __init__(self, file: BinaryIO, path: Path, start: int, stop: int) -> None:
        self.file, self.path, self.at, self.stop = file, path, start, stop

    def take(self, size: int) -> bytes:
        if size > LONGEST_PIECE:
            raise self.damaged(f"a name or a text in it has {size} bytes")
        start = self.at
        self.skip(size)
        content = self._read(start, size)
        if len(content) < size:
            raise self.short(start + size)
        return content

    def skip(self, size: int) -> None:
        """Go on without looking; beyond the end there is nothing to go to."""
        if self.at + size > self.stop:
            raise self.short(self.at + size)
        self.at += size

    def _read(self, start: int, size: int) -> bytes:
        self.file.seek(start)
        return self.file.read(size)

    def short(self, needed: int) -> InputError:
        hint = "copy or download the file again and compare its size with the original"
        problem = f"has {self.stop} bytes, its variables reach to {needed}"
        return truncated(self.path, problem, hint)

    def damaged(self, reason: str) -> InputError:
        return corrupt(self.path, MATLAB, reason)


class Unpacking(Bytes):
    """A walk over what a compressed variable holds; positions count from its beginning.

    Nothing is unpacked that nobody looks behind: the last array of a variable stays as it is.
    """

    def __init__(self, file: BinaryIO, packed: Packed) -> None:
        # deflate cannot pack better than this, so no honest position lies behind it.
        most = BEST_RATIO * (packed.stop - packed.start) + 1024
        super().__init__(file, packed.path, 0, most)
        self.packed = packed
        self.chunks = packed.chunks(file)
        self.held, self.base = b"", 0

    def _read(self, start: int, size: int) -> bytes:
        while self.base + len(self.held) < start + size:
            chunk = next(self.chunks, None)
            if chunk is None:
                raise self.damaged("a compressed variable ends too early")
            drop = min(max(0, start - self.base), len(self.held))
            self.held, self.base = self.held[drop:] + chunk, self.base + drop
        return self.held[start - self.base : start - self.base + size]

    def short(self, needed: int) -> InputError:
        return self.damaged(f"a compressed variable claims more than {self.stop} bytes")
