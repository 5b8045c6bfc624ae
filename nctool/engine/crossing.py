"""Features on their way to a device with memory of its own: once, as they are stored, while it
computes with those that came before; and kept there for the next pass where they fit.

A thread reads pieces into pinned memory, from where they are copied on a stream beside the one
that computes. Every wait of a stream for the other is an event: the host waits for no computation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import torch
from torch import Tensor

from nctool.arrays import LazyArray
from nctool.engine.device import Engine
from nctool.engine.reader import Piece, Range, Reader

PIECE_BYTES = 32 << 20
"""Read and copied at a time: a few milliseconds of a fast disk, and thousands of launches."""
BUFFERS = 3
"""Pinned pieces: one that is read, one that waits, one that is copied."""


class Crossing:
    """The features of one analysis, as its device has them."""

    def __init__(self, features: LazyArray, engine: Engine, share: Range) -> None:
        self.features, self.engine = features, engine
        self.first, self.last = share
        self.keeps = True
        self.kept: Tensor | None = None  # (share's rows, D)
        self.arrived = 0
        """So many of them are there."""
        self.labels: tuple[Tensor, Tensor] | None = None

    def classes(self, labels: Tensor, first: int, last: int) -> Tensor:  # (B,) int64
        """The labels of these rows on the device, where all of them are brought at once."""
        if self.labels is None or self.labels[0] is not labels:
            self.labels = labels, labels.to(self.engine.device)
        return self.labels[1][first:last].to(torch.int64)

    def blocks(self, ranges: Sequence[Range]) -> Iterator[Tensor]:  # (B, D) as stored
        """The rows of each range; those of a block are lost once the one after next is asked for.

        ``ranges`` are neighbours and go over the whole share.
        """
        total = self.last - self.first
        if self.kept is not None and self.arrived == total:
            for first, last in ranges:
                yield self.kept[first - self.first : last - self.first]
            return
        probe = self._read(self.first, min(self.first + 1, self.last))
        if probe.device.type != "cpu":
            for first, last in ranges:
                # Of another device, too: whoever gave it may have put the head elsewhere.
                yield self._read(first, last).to(self.engine.device)
            return
        self.arrived = 0
        fits = total * self._row_bytes(probe) <= self.engine.kept_bytes
        if self.keeps and self.kept is None and fits:
            self.kept = self._space(total, probe)
        piece_rows = max(1, PIECE_BYTES // self._row_bytes(probe))
        if total <= piece_rows:
            yield from self._at_once(ranges)
        else:
            yield from self._in_pieces(ranges, piece_rows, probe)

    def forget(self) -> bool:
        """From now on nothing is kept: something else needs the memory. Whether anything was."""
        kept, self.kept, self.keeps = self.kept, None, False
        self.arrived = 0
        return kept is not None

    def _at_once(self, ranges: Sequence[Range]) -> Iterator[Tensor]:
        """So few rows that a thread and pinned memory would cost more than they save."""
        whole = self._read(self.first, self.last).to(self.engine.device)
        if self.kept is not None:
            self.kept, self.arrived = whole, self.last - self.first
        for first, last in ranges:
            yield whole[first - self.first : last - self.first]

    def _in_pieces(
        self, ranges: Sequence[Range], piece_rows: int, probe: Tensor
    ) -> Iterator[Tensor]:
        pieces = [
            [(start, min(start + piece_rows, last)) for start in range(first, last, piece_rows)]
            for first, last in ranges
        ]
        shape = piece_rows, probe.shape[1]
        pinned = [torch.empty(shape, dtype=probe.dtype, pin_memory=True) for _ in range(BUFFERS)]
        flat = [piece for of_block in pieces for piece in of_block]
        computing = torch.cuda.current_stream(self.engine.device)
        copying = torch.cuda.Stream(self.engine.device)  # type: ignore[no-untyped-call]
        targets = Targets(self.kept, self.first, max(b - a for a, b in ranges), self._space, probe)
        # The memory of the targets may have been freed by work that still runs.
        copying.wait_stream(computing)
        reader = Reader(self._read, flat, pinned)
        # Copies first: memory that one goes to or comes from is not to be freed meanwhile.
        with closing(reader), closing(Copies(iter(reader), reader.give_back)) as ready:
            for number, (first, last) in enumerate(ranges):
                if (done := targets.done(number)) is not None:
                    copying.wait_event(done)
                with torch.cuda.stream(copying):
                    target = targets.of(number, first, last)
                    for start, stop in pieces[number]:
                        ready.next_into(target[start - first : stop - first])
                computing.wait_stream(copying)
                yield target
                targets.use(number, computing.record_event())
                self.arrived += last - first if self.kept is not None else 0

    def _read(self, start: int, stop: int) -> Tensor:
        rows = self.features.rows(start, stop)
        assert isinstance(rows, Tensor)
        return rows

    def _row_bytes(self, row: Tensor) -> int:
        return max(1, row.shape[1] * row.dtype.itemsize)

    def _space(self, rows: int, like: Tensor) -> Tensor:
        return torch.empty(rows, like.shape[1], dtype=like.dtype, device=self.engine.device)


class Targets:
    """Where blocks go to: each to its place among all, or in turns to two buffers."""

    def __init__(
        self,
        whole: Tensor | None,
        first: int,
        rows: int,
        space: Callable[[int, Tensor], Tensor],
        like: Tensor,
    ) -> None:
        self.whole, self.first = whole, first
        self.turns = [] if whole is not None else [space(rows, like) for _ in range(2)]
        self.used: list[torch.cuda.Event | None] = [None, None]

    def of(self, number: int, first: int, last: int) -> Tensor:
        if self.whole is not None:
            return self.whole[first - self.first : last - self.first]
        return self.turns[number % 2][: last - first]

    def done(self, number: int) -> torch.cuda.Event | None:
        """After which nobody computes any more with what was there before."""
        return None if self.whole is not None else self.used[number % 2]

    def use(self, number: int, computed: torch.cuda.Event) -> None:
        self.used[number % 2] = computed


class Copies:
    """Pieces copied one after another; a buffer goes back to the reader once its copy is over."""

    def __init__(self, pieces: Iterator[Piece], give_back: Callable[[Piece], None]) -> None:
        self.pieces, self.give_back = pieces, give_back
        self.under_way: tuple[torch.cuda.Event, Piece] | None = None

    def next_into(self, target: Tensor) -> None:
        """On the current stream."""
        piece = next(self.pieces)
        target.copy_(piece.rows, non_blocking=True)
        copied = torch.cuda.current_stream(target.device).record_event()
        self.close()
        self.under_way = copied, piece

    def close(self) -> None:
        """Wait for the copy, which takes less time than the reading that goes on meanwhile."""
        if self.under_way is not None:
            copied, piece = self.under_way
            copied.synchronize()
            self.give_back(piece)
        self.under_way = None
