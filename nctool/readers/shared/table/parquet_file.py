"""Parquet files as pyarrow reads them, inside the guarded child.

Rows of a group can only be decoded from its start on, so each column keeps its place: who reads
on pays for the new rows alone, and only a step back starts the group again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from numpy import ndarray

from nctool.core.errors import InputError
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.table.columns import (
    Target,
    rows_of,
    targets,
    with_sizes,
)
from nctool.readers.shared.wording import truncated

NAME = "parquet"
MAGIC, ENCRYPTED = b"PAR1", b"PARE"
SIGNATURE_BYTES = 12 + 16
BATCH_BYTES, BATCH_ROWS, TEXT_ROWS = 2**22, 2**16, 2**13
STREAM_BYTES = 2**20
# Columns that may be read in turn without starting their group again for each.
MOST_CURSORS = 16


class ParquetFile:
    """One file: its columns, the groups of its rows, and how far each column was read."""

    ended = True

    def __init__(self, path: Path) -> None:
        self.path = path
        length = self._footer_length()
        self.file = self._open([])
        metadata, schema = self.file.metadata, self.file.schema_arrow
        # A footer in plain sight is signed where columns are encrypted: asked for one of those,
        # pyarrow ends the process.
        if length == metadata.serialized_size + SIGNATURE_BYTES:
            raise encrypted(path)
        self.texts: dict[bytes, bytes] = metadata.metadata or {}
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        self.bounds = [0, *accumulate(group.num_rows for group in groups)]
        if self.bounds[-1] != metadata.num_rows or self.bounds != sorted(self.bounds):
            claim = f"{metadata.num_rows} rows, but {self.bounds[-1]} in its groups"
            raise corrupt(path, NAME, claim)
        every = list(targets(schema))
        # Coded text stays coded: a long entry is not repeated for each row that names it.
        words = [target.leaf for target in every if target.dtype == "str"]
        self.file = self._open([metadata.schema.column(leaf).path for leaf in words])
        self.cursors: dict[tuple[int, ...], Cursor] = {}
        self.columns = [self._measured(target, groups) for target in every]

    def _open(self, coded: list[str]) -> Any:
        return pyarrow.parquet.ParquetFile(
            pyarrow.OSFile(str(self.path)),
            read_dictionary=coded,
            buffer_size=STREAM_BYTES,
            pre_buffer=False,  # versions differ in whether they fetch a group before its first row
        )

    def _footer_length(self) -> int:
        with self.path.open("rb") as file:
            head = file.read(len(MAGIC))
            file.seek(-min(8, self.path.stat().st_size), 2)
            length, tail = file.read(4), file.read()
        if ENCRYPTED in (head, tail):
            raise encrypted(self.path)
        if tail != MAGIC or self.path.stat().st_size < 12:
            raise truncated(self.path, "starts as a Parquet file but does not end as one")
        return int.from_bytes(length, "little")

    def _measured(self, target: Target, groups: Sequence[Any]) -> Target:
        """The column with the lengths of its lists, which the counts of its groups bear out."""
        chunks = [] if target.odd else [group.column(target.leaf) for group in groups]
        if any(chunk.file_path for chunk in chunks):
            message = f"'{shown(self.path)}' keeps its columns in other files"
            hint = "name the folder, or the files that hold the rows"
            raise InputError("path-escapes", message, hint)
        counts = [chunk.num_values for chunk in chunks] if target.sizes else []
        return with_sizes(target, self.bounds, counts, partial(self._rows, target))

    def _rows(self, target: Target, group: int, most: int) -> Iterator[Any]:
        for (column,) in self.batches((target,), group, most):
            column.validate(full=True)
            yield column

    def batches(
        self, columns: Sequence[Target], group: int, most: int = BATCH_ROWS
    ) -> Iterator[list[Any]]:
        """The columns in the library's own form, some rows at a time, from a group on."""
        rows = min(most, TEXT_ROWS) if columns[0].dtype == "str" else most
        rows = max(1, min(rows, BATCH_BYTES // sum(target.row_bytes for target in columns)))
        leaves = sorted(target.leaf for target in columns)
        tops = sorted({target.top for target in columns})
        for number in range(group, len(self.bounds) - 1):
            for batch in self.file.reader.iter_batches(
                rows, [number], leaves, use_threads=len(leaves) > 1
            ):
                yield [batch.column(tops.index(target.top)) for target in columns]

    def read(self, columns: Sequence[Target], start: int, stop: int) -> Iterator[list[ndarray]]:
        """Rows of these columns, piece by piece."""
        leaves = tuple(target.leaf for target in columns)
        cursor = self.cursors.pop(leaves, None) or Cursor(self, tuple(columns))
        while start < stop:
            pieces = [piece[: stop - start] for piece in cursor.rows_from(start)]
            start += len(pieces[0])
            yield pieces
        # A cursor comes back only whole: one that an error has stopped would go on behind it.
        self.cursors[leaves] = cursor
        while len(self.cursors) > MOST_CURSORS:
            del self.cursors[next(iter(self.cursors))]

    def places(self, _: int) -> list[list[int]]:
        """Nothing lies in the file as it is in memory."""
        return []


@dataclass(slots=True)
class Cursor:
    """A place in the rows of a column, or of several that are read side by side."""

    source: ParquetFile
    columns: tuple[Target, ...]
    place: int = 0
    left: list[ndarray] | None = None
    running: Iterator[list[ndarray]] | None = None

    def rows_from(self, row: int) -> list[ndarray]:
        """Decoded rows of each column from this one on; at least one of them."""
        group = bisect_right(self.source.bounds, row) - 1
        begin = self.source.bounds[group]
        held = 0 if self.left is None else len(self.left[0])
        if self.running is None or row < self.place or begin > self.place + held:
            self.running, self.place, self.left = self._decoded(group), begin, None
        while self.left is None or row >= self.place + len(self.left[0]):
            self.place += 0 if self.left is None else len(self.left[0])
            self.left = next(self.running, None)
            if self.left is None:
                raise corrupt(self.source.path, NAME, f"its rows end before row {row}")
        self.left = [piece[row - self.place :] for piece in self.left]
        self.place = row
        return self.left

    def _decoded(self, group: int) -> Iterator[list[ndarray]]:
        done = self.source.bounds[group]
        for batch in self.source.batches(self.columns, group):
            for column in batch:
                column.validate(full=True)
            yield [
                rows_of(column, target, done)
                for column, target in zip(batch, self.columns, strict=True)
            ]
            done += len(batch[0])


def encrypted(path: Path) -> InputError:
    hint = "decrypt it first, where the keys are: pyarrow.parquet.write_table(table, path)"
    return InputError("parquet-encrypted", f"'{shown(path)}' is an encrypted Parquet file", hint)
