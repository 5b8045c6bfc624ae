"""Columns of a Parquet file, read forward.

Rows of a group can only be decoded from its start on, so each column keeps its place: who reads
on pays for the new rows alone, and only a step back starts the group again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nctool.arrays import ITEM_BYTES
from nctool.core.errors import InputError
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.parquet.dense import Target, dense, narrowed
from nctool.readers.shared.parquet.footer import NAME, Group, check_pages, encrypted
from nctool.readers.shared.tables import MOST_RATIO, Odd, Pile

if TYPE_CHECKING:
    from numpy import ndarray

BATCH_BYTES, BATCH_ROWS, TEXT_ROWS = 2**22, 2**16, 2**13
STREAM_BYTES = 2**20
FREE_BYTES = 2**28


@contextmanager
def library(path: Path) -> Iterator[None]:
    """Tell what the library says apart: it reports damage as an error of the disk."""
    try:
        yield
    except NotImplementedError as error:
        raise InputError(
            "format-unsupported",
            f"pyarrow does not read '{shown(path)}': {shown(error)}",
            "save it again with the defaults: pyarrow.parquet.write_table(table, path)",
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise
        if "crypt" in str(error):
            raise encrypted(path) from error
        raise corrupt(path, NAME, shown(error)) from error


@dataclass(slots=True)
class Source:
    """One file: its groups of rows, where each begins, and which of its columns were looked at."""

    path: Path
    groups: tuple[Group, ...] = ()
    bounds: tuple[int, ...] = (0,)
    texts: tuple[str, ...] = ()
    sound: set[tuple[int, int]] = field(default_factory=set)

    @contextmanager
    def file(self) -> Iterator[Any]:
        import pyarrow.parquet

        with library(self.path), pyarrow.OSFile(str(self.path)) as opened:
            # Versions differ in whether they fetch all of a group before its first row.
            yield pyarrow.parquet.ParquetFile(
                opened,
                read_dictionary=list(self.texts),
                buffer_size=STREAM_BYTES,
                pre_buffer=False,
            )

    def batches(
        self, targets: Sequence[Target], group: int, rows: int | None = None
    ) -> Iterator[list[Any]]:
        """The columns in the library's own form, some rows at a time, from a group on."""
        if rows is None:
            rows = TEXT_ROWS if targets[0].dtype == "str" else BATCH_ROWS
            rows = max(1, min(rows, BATCH_BYTES // sum(one.row_bytes for one in targets)))
        order = sorted(range(len(targets)), key=lambda number: targets[number].leaf)
        leaves = [targets[number].leaf for number in order]
        with self.file() as file:
            for number in range(group, len(self.bounds) - 1):
                for target in targets:
                    self._check(number, target)
                for batch in file.reader.iter_batches(
                    rows, [number], leaves, use_threads=len(leaves) > 1
                ):
                    found: list[Any] = [None] * len(order)
                    for place, column in zip(order, batch.columns, strict=True):
                        found[place] = column
                    yield found

    def _check(self, group: int, target: Target) -> None:
        """Look at what the pages claim, before the library believes it."""
        if (group, target.leaf) in self.sound:
            return
        chunk = self.groups[group].chunks[target.leaf]
        size = chunk.values * ITEM_BYTES.get(target.dtype, 1)
        if chunk.values < 0 or (size > FREE_BYTES and size > MOST_RATIO * chunk.stored):
            raise corrupt(
                self.path,
                NAME,
                f"'{shown(target.key)}' claims {size} bytes, {chunk.stored} are stored",
            )
        check_pages(self.path, chunk, target.dtype == "str")
        self.sound.add((group, target.leaf))


@dataclass(slots=True)
class Cursor:
    """A place in the rows of a column, or of several that are read side by side."""

    source: Source
    targets: tuple[Target, ...]
    place: int = 0
    left: ndarray | None = None
    running: Iterator[ndarray] | None = None

    def read(self, start: int, stop: int) -> ndarray:
        first = self.targets[0]
        inner = first.inner if len(self.targets) == 1 else (len(self.targets),)
        pile = Pile(first.key, first.dtype, inner)
        try:
            while pile.rows < stop - start:
                block = self._from(start + pile.rows)
                pile.add(block[: stop - start - pile.rows])
        except Odd as odd:  # it counts rows of the whole file
            self.running = None
            raise Odd(odd.place - start, odd.found) from odd
        except BaseException:
            self.running = None
            raise
        return pile.array()

    def _from(self, row: int) -> ndarray:
        """Decoded rows from this one on; at least one of them."""
        group = bisect_right(self.source.bounds, row) - 1
        begin = self.source.bounds[group]
        if self.running is None or row < self.place or self.left is None or (
            begin > self.place + len(self.left)
        ):  # fmt: skip
            self.running, self.place, self.left = self._blocks(group), begin, None
        while self.left is None or row >= self.place + len(self.left):
            self.place += 0 if self.left is None else len(self.left)
            self.left = next(self.running, None)
            if self.left is None:
                raise corrupt(self.source.path, NAME, f"its rows end before row {row}")
        self.left, self.place = self.left[row - self.place :], row
        return self.left

    def _blocks(self, group: int) -> Iterator[ndarray]:
        import numpy

        done = self.source.bounds[group]
        for columns in self.source.batches(self.targets, group):
            arrays = []
            for target, column in zip(self.targets, columns, strict=True):
                try:
                    inside = narrowed(column, target.steps)
                    arrays.append(dense(inside, target.known or (), target.key))
                except Odd as odd:
                    raise Odd(done + odd.place, odd.found) from odd
            done += len(arrays[0])
            if len(arrays) > 1:
                yield numpy.stack(arrays, axis=1)
            else:
                yield arrays[0].reshape(len(arrays[0]), *self.targets[0].inner)
