"""Rows read by a thread into a few buffers, while what was read before is computed with.

The thread touches memory of the machine alone: what a device does is left to the one who takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Event, Thread
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

NAME = "nctool-reader"

Range: TypeAlias = tuple[int, int]


class Piece(NamedTuple):
    """Rows that were read, and the buffer that they lie in: to be given back."""

    rows: Tensor  # (n, D) as they are stored
    buffer: Tensor


class Reader:
    """Reads ranges of rows one after another, ahead of whoever takes them, into its buffers.

    No further than these reach: they bound its memory. What fails in the thread fails where the
    rows are taken. ``close`` ends the thread, wherever it is.
    """

    def __init__(
        self,
        read: Callable[[int, int], Tensor],
        ranges: Sequence[Range],
        buffers: Sequence[Tensor],
    ) -> None:
        self.read, self.ranges = read, ranges
        self.empty: SimpleQueue[Tensor | None] = SimpleQueue()
        self.full: SimpleQueue[Piece | BaseException] = SimpleQueue()
        for buffer in buffers:
            self.empty.put(buffer)
        self.closed = Event()
        # A daemon: a read that never ends (of a file system that is gone) keeps no process alive.
        self.thread = Thread(target=self._run, name=NAME, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            # Of each thread its own; the buffers may have been made in inference mode.
            with torch.inference_mode():
                for start, stop in self.ranges:
                    buffer = self.empty.get()
                    if buffer is None or self.closed.is_set():
                        return
                    rows = buffer[: stop - start]
                    rows.copy_(self.read(start, stop))
                    self.full.put(Piece(rows, buffer))
        except BaseException as problem:  # KeyboardInterrupt of a reader's own, too
            self.full.put(problem)

    def __iter__(self) -> Iterator[Piece]:
        """A piece for every range; the next may be waited for while its buffer is not back."""
        for _ in self.ranges:
            piece = self.full.get()
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def give_back(self, piece: Piece) -> None:
        """Nobody looks at its rows any more."""
        self.empty.put(piece.buffer)

    def close(self) -> None:
        self.closed.set()
        self.empty.put(None)
        self.thread.join()
