"""Arrow IPC files and streams as pyarrow reads them, inside the guarded child."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pyarrow
from numpy import ndarray
from pyarrow import ipc, types

from nctool.arrays import ITEM_BYTES
from nctool.readers.shared.edge import corrupt
from nctool.readers.shared.table.columns import (
    Target,
    count_of,
    rows_of,
    storage,
    targets,
    with_sizes,
    within,
)
from nctool.readers.shared.wording import truncated

NAME = "arrow"
MAGIC, END = b"ARROW1", b"\xff\xff\xff\xff\0\0\0\0"
MOST_ROWS = 2**48
# Batches are kept so that columns read in turn share them: unpacked ones cost their bytes,
# mapped ones only the objects around them.
KEPT_BYTES, COLUMN_BYTES = 2**28, 2**9
NOWHERE = -1
PLACES_AT_ONCE = 2**12


class ArrowFile:
    """One file or stream, batch by batch.

    Batches that are not compressed are views of the mapped file, so opening reads no rows.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = pyarrow.memory_map(str(path)).read_buffer()
        self.is_file = self.content[: len(MAGIC)].to_pybytes() == MAGIC
        if self.is_file and self.content[-len(MAGIC) :].to_pybytes() != MAGIC:
            raise truncated(path, "starts as an Arrow file but does not end as one")
        schema = self._open([])[0].schema
        self.texts: dict[bytes, bytes] = schema.metadata or {}
        self.bounds, self.ended = [0], True
        self.kept: dict[int, tuple[Any, int]] = {}
        self.kept_bytes = self.position = self.following = 0
        self.reader: Any = None
        self.running: Iterator[Any] | None = None
        every = list(targets(schema))
        usable = [target for target in every if not target.odd]
        # Of packed batches only the columns that are needed are unpacked.
        self.packed = bool(usable) and self._is_packed(min(usable, key=_cost).top)
        self.tops = sorted({target.top for target in usable}) if self.packed else []
        self.columns = self._measured(every) if usable else every

    def _open(self, tops: Sequence[int]) -> tuple[Any, Any]:
        """The library's reader of these columns, or of all for none, and where it reads."""
        source = pyarrow.BufferReader(self.content)
        options = ipc.IpcReadOptions(included_fields=list(tops), use_threads=False)
        reader = (ipc.open_file if self.is_file else ipc.open_stream)(source, options=options)
        return reader, source

    def _is_packed(self, top: int) -> bool:
        """Are batches compressed? Then the first one's buffers do not lie in the file.

        A file holds a stream behind its mark and two bytes. That is asked because the reader of
        files copies every buffer as soon as columns are chosen.
        """
        stream = self.content[len(MAGIC) + 2 :] if self.is_file else self.content
        options = ipc.IpcReadOptions(included_fields=[top], use_threads=False)
        try:
            first = ipc.open_stream(pyarrow.BufferReader(stream), options=options).read_next_batch()
        except StopIteration:
            return False
        return not all(map(self._is_mapped, _buffers(first)))

    def _column(self, batch: Any, target: Target) -> Any:
        return batch.column(self.tops.index(target.top) if self.tops else target.top)

    def _walk(self, tops: Sequence[int]) -> Iterator[Any]:
        """All batches in their order."""
        reader, source = self._open(tops)
        if self.is_file:
            yield from (reader.get_batch(n) for n in range(reader.num_record_batches))
            return
        self.position = source.tell()
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            self.position = source.tell()
            yield batch

    def _measured(self, every: list[Target]) -> list[Target]:
        """The columns with the lengths of their lists, which the counts of every batch bear out.

        Where batches are compressed, only the columns whose lists have to be counted are unpacked.
        """
        lists = [target for target in every if None in target.sizes]
        tops = self.tops
        if self.packed:
            usable = [target for target in every if not target.odd]
            tops = sorted({target.top for target in lists}) or [min(usable, key=_cost).top]
        counts: dict[str, list[int]] = {target.key: [] for target in lists}
        last = 0
        for batch in self._walk(tops):
            # Sizes are compared with the buffers that are there; rows are looked at when read.
            batch.validate()
            last = self._ordered(batch, last)
            for target in lists:
                top = tops.index(target.top) if tops else target.top
                array = within(batch.column(top), target.inside, strict=False)
                counts[target.key].append(count_of(array))
            self.bounds.append(self.bounds[-1] + batch.num_rows)
        if self.bounds[-1] > MOST_ROWS:
            raise corrupt(self.path, NAME, f"its batches claim {self.bounds[-1]} rows")
        if not self.is_file:
            self._check_end()
        return [
            with_sizes(target, self.bounds, counts[target.key], partial(self._rows, target))
            if target.key in counts
            else target
            for target in every
        ]

    def _rows(self, target: Target, number: int, most: int) -> Iterator[Any]:
        """The column in one batch, or its first rows."""
        array = self._column(self._batch(number), target)[:most]
        # Offsets, codes and UTF-8 are taken at their word from here on.
        array.validate(full=True)
        yield array

    def _check_end(self) -> None:
        """A stream ends with a mark; without one, whether batches are missing cannot be told."""
        rest = self.content[self.position :][: len(END) + 1].to_pybytes()
        self.ended = bool(rest)
        if rest and rest != END:
            count = self.content.size - self.position - len(END)
            raise corrupt(self.path, NAME, f"{count} bytes follow its end")

    def _ordered(self, batch: Any, last: int) -> int:
        """Where the batch begins in the file: after the one before, or its rows count twice."""
        mapped = (buffer.address for buffer in _buffers(batch) if self._is_mapped(buffer))
        place = next(mapped, last + 1)
        if place <= last:
            raise corrupt(self.path, NAME, "its batches overlap")
        return int(place)

    def _is_mapped(self, buffer: Any) -> bool:
        offset = buffer.address - self.content.address
        return bool(0 <= offset <= self.content.size - buffer.size)

    def _batch(self, number: int) -> Any:
        """Random access in a file; a stream goes forward, or starts again for a batch behind."""
        if number in self.kept:
            return self.kept[number][0]
        if self.is_file:
            self.reader = self.reader or self._open(self.tops)[0]
            return self._keep(number, self.reader.get_batch(number))
        if self.running is None or number < self.following:
            self.running, self.following = self._walk(self.tops), 0
        while self.following <= number:
            batch = self._keep(self.following, next(self.running))
            self.following += 1
        return batch

    def _keep(self, number: int, batch: Any) -> Any:
        unpacked = (buffer.size for buffer in _buffers(batch) if not self._is_mapped(buffer))
        weight = COLUMN_BYTES * batch.num_columns + sum(unpacked)
        self.kept[number] = batch, weight
        self.kept_bytes += weight
        while self.kept_bytes > KEPT_BYTES and len(self.kept) > 1:
            self.kept_bytes -= self.kept.pop(next(iter(self.kept)))[1]
        return batch

    def read(self, columns: Sequence[Target], start: int, stop: int) -> Iterator[list[ndarray]]:
        """Rows of these columns, batch after batch."""
        number = max(bisect_right(self.bounds, start) - 1, 0)
        while start < stop:
            low, end = self.bounds[number], min(stop, self.bounds[number + 1])
            if start < end:
                batch = self._batch(number)
                pieces = []
                for target in columns:
                    array = self._column(batch, target)[start - low : end - low]
                    # Offsets, codes and UTF-8 are taken at their word from here on.
                    array.validate(full=True)
                    pieces.append(rows_of(array, target, start))
                yield pieces
                start = end
            number += 1

    def places(self, number: int) -> list[list[int]]:
        """Of this batch and some more: where in the file the numbers of each usable column begin.

        A question takes as long as mapping a megabyte, so each answers for several batches.
        """
        if self.packed:
            return []
        usable = [target for target in self.columns if not target.odd]
        end = number + max(1, PLACES_AT_ONCE // len(usable))
        numbers = range(number, min(end, len(self.bounds) - 1))
        return [
            [self._place(self._column(batch, target), target) for target in usable]
            for batch in map(self._batch, numbers)
        ]

    def _place(self, array: Any, target: Target) -> int:
        """Numbers that lie one behind the other in the file, without a null, may be mapped."""
        for name in target.inside:
            if storage(array).null_count:
                return NOWHERE
            array = storage(array).field(name)
        array = storage(array)
        start, count = 0, len(array)
        for size in target.known or ():
            if array.null_count:
                return NOWHERE
            if types.is_fixed_size_list(array.type):
                start = (array.offset + start) * size
            else:
                ends = array.offsets.to_numpy()[start : start + count + 1]
                even = size * numpy.arange(count + 1)
                if len(ends) <= count or ends[0] < 0 or (ends != ends[0] + even).any():
                    return NOWHERE
                start = int(ends[0])
            array, count = storage(array.values), count * size
        plain = target.dtype not in ("bool", "str") and not types.is_dictionary(array.type)
        if not plain or array.null_count or start + count > len(array):
            return NOWHERE
        numbers = array.buffers()[1]
        if numbers is None or not numbers.size or not self._is_mapped(numbers):
            return NOWHERE
        item = ITEM_BYTES[target.dtype]
        return int(numbers.address - self.content.address + (array.offset + start) * item)


def _buffers(batch: Any) -> Iterator[Any]:
    """Every buffer of a batch that holds something."""
    for column in batch.columns:
        yield from (buffer for buffer in storage(column).buffers() if buffer and buffer.size)


def _cost(target: Target) -> tuple[int, int]:
    return target.row_bytes, target.top
