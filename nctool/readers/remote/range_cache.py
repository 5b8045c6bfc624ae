"""A local file that caches ranges of a remote one: bytes arrive in it when rows are read.

It has the size of the remote file and takes no more of the disk than what was read. What has
arrived is mapped in place like any local file, and hardly anything is asked for twice.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from nctool.arrays import NumpyArray
from nctool.core.errors import ResourceError
from nctool.readers.remote.served import Ranges, RemoteFile
from nctool.readers.remote.temporary import TemporaryFolder, disk_errors

PIECE = 2**20
"""Bytes are kept track of in pieces of this size."""
REQUEST = 2**25
"""Bytes of the largest request."""
AHEAD = 2**24
"""Bytes of a request that goes on where the last one ended."""
WHOLE = 2**26
"""An array of so many bytes comes as a whole, whichever rows are wanted first."""

NEAR = 2
"""Pieces in a row that are here already, from which on it pays to ask around them."""


class RangeCache:
    """One remote file, and the local file that holds what of it has arrived."""

    def __init__(
        self, served: RemoteFile, ranges: Ranges, temporary: TemporaryFolder, path: Path
    ) -> None:
        self.size, self.ranges = served.size, ranges
        self.temporary, self.path = temporary, path
        self.here = bytearray(-(-self.size // PIECE))
        self.next = -2 * NEAR
        self.lock = Lock()
        self._keep(0, served.head)

    def hold(self, begin: int, end: int) -> None:
        """Bring these bytes exactly, without keeping track of them."""
        self._keep(begin, self.ranges(begin, end - begin))

    def at(self, begin: int, size: int, extent: tuple[int, int]) -> NumpyArray:
        """These bytes of an array that lies from the first to the second byte of ``extent``."""
        import numpy

        with self.lock:
            here = self._bring(begin, begin + size, extent)
        if here:
            return numpy.memmap(self.path, numpy.uint8, mode="c", offset=begin, shape=(size,))
        # No room to keep them: they are read into memory, and again whenever they are wanted.
        content = bytearray(size)
        for start in range(0, size, REQUEST):
            stop = min(start + REQUEST, size)
            content[start:stop] = self.ranges(begin + start, stop - start)
        return numpy.frombuffer(content, numpy.uint8)

    def _bring(self, begin: int, end: int, extent: tuple[int, int]) -> bool:
        first, last = begin // PIECE, -(-end // PIECE)
        missing = self.here.find(0, first, last)
        if missing < 0:
            return True
        low, high = extent[0] // PIECE, -(-extent[1] // PIECE)
        if extent[1] - extent[0] <= WHOLE:
            first, last = low, high
        elif 0 <= missing - self.next <= NEAR:
            last = min(max(last, missing + AHEAD // PIECE), high)
        # Asked before writing: a full disk in the midst of a mapped file would end the process.
        if self.here.count(0, first, last) * PIECE > self.temporary.free():
            return False
        try:
            self._fill(first, last)
        except ResourceError:  # others have filled the disk since
            return False
        return True

    def _fill(self, first: int, last: int) -> None:
        """Every missing piece of these; a single one that is here interrupts no request."""
        start = self.here.find(0, first, last)
        while start >= 0:
            limit = min(last, start + REQUEST // PIECE)
            stop = self.here.find(b"\1" * NEAR, start, limit)
            stop = stop if stop >= 0 else limit
            begin, end = start * PIECE, min(stop * PIECE, self.size)
            self._keep(begin, self.ranges(begin, end - begin))
            self.here[start:stop] = b"\1" * (stop - start)
            self.next = stop
            start = self.here.find(0, stop, last)

    def _keep(self, begin: int, content: bytes) -> None:
        with disk_errors(self.path.name), self.path.open("r+b") as file:
            file.seek(begin)
            file.write(content)
