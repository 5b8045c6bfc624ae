"""What the guarded child answers about one table: its columns, and rows of them.

Only this module and those it imports know pyarrow, and only the child imports them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy
from numpy import ndarray

from nctool.core.errors import InputError
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.pile import Pile
from nctool.readers.shared.table.arrow_ipc import ArrowFile
from nctool.readers.shared.table.columns import OddRow
from nctool.readers.shared.table.parquet_file import ParquetFile, encrypted
from nctool.readers.shared.wording import truncated

SAVE_AGAIN = {
    "arrow": "save it again: pyarrow.feather.write_feather(table, path)",
    "parquet": "save it again with the defaults: pyarrow.parquet.write_table(table, path)",
}


# Files that are kept open: one that was closed for others is described again when it is asked for.
MOST_OPEN = 64


def session(path: str, kind: str) -> Tables:
    return Tables(kind)


class Tables:
    """The files of one input; each question names the file it is about."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.open: dict[str, Table] = {}

    def describe(self, file: str) -> dict[str, object]:
        return self._table(file).describe()

    def places(self, file: str, batch: int) -> list[list[int]]:
        return self._table(file).places(batch)

    def width(self, file: str, column: int, start: int, stop: int) -> int:
        return self._table(file).width(column, start, stop)

    def rows(self, file: str, columns: Sequence[int], start: int, stop: int) -> ndarray:
        return self._table(file).rows(columns, start, stop)

    def _table(self, file: str) -> Table:
        table = self.open.pop(file, None) or Table(Path(file), self.kind)
        self.open[file] = table
        while len(self.open) > MOST_OPEN:
            del self.open[next(iter(self.open))]
        return table


class Table:
    """One Arrow or Parquet file. Columns are named by their places among the usable ones."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        with self._library():
            self.file = ArrowFile(path) if kind == "arrow" else ParquetFile(path)
        self.usable = [target for target in self.file.columns if not target.odd]
        self.last: tuple[object, ndarray] = None, numpy.empty(0)

    def describe(self) -> dict[str, object]:
        return {
            "columns": [[target.key, target.dtype, target.inner] for target in self.usable],
            "odd": [[target.key, target.odd] for target in self.file.columns if target.odd],
            "bounds": self.file.bounds,
            "texts": {_text(key): _text(text) for key, text in self.file.texts.items()},
            "ended": self.file.ended,
        }

    def places(self, batch: int) -> list[list[int]]:
        with self._library():
            return self.file.places(batch)

    def width(self, column: int, start: int, stop: int) -> int:
        """How many bytes each of these texts takes; the rows are kept for the next question."""
        self.last = (column, start, stop), self._read([column], start, stop)
        return self.last[1].itemsize

    def rows(self, columns: Sequence[int], start: int, stop: int) -> ndarray:
        """Rows of a column, or of several side by side, as bytes."""
        question, rows = self.last
        self.last = None, numpy.empty(0)
        if question != (columns[0], start, stop):
            rows = self._read(columns, start, stop)
        return rows.view("u1") if rows.dtype.kind == "U" else rows

    def _read(self, columns: Sequence[int], start: int, stop: int) -> ndarray:
        chosen = [self.usable[column] for column in columns]
        inner = chosen[0].inner if len(chosen) == 1 else (len(chosen),)
        pile = Pile(chosen[0].key, chosen[0].dtype, inner)
        with self._library():
            for pieces in self.file.read(chosen, start, stop):
                pile.add(numpy.stack(pieces, axis=1) if len(pieces) > 1 else pieces[0])
        return numpy.ascontiguousarray(pile.array())

    @contextmanager
    def _library(self) -> Iterator[None]:
        """Tell what the library says apart; the rest of it is damage of this file."""
        try:
            yield
        except (InputError, MemoryError):
            raise
        except OddRow as odd:
            message = f"row {odd.place} of '{shown(odd.key)}' in '{shown(self.path)}' {odd.reason}"
            hint = "leave such rows out, or fill them in, and save the table again"
            raise InputError("row-unusable", message, hint) from odd
        except Exception as error:
            if isinstance(error, NotImplementedError) or "Not yet implemented" in str(error):
                message = f"pyarrow does not read '{shown(self.path)}': {shown(error)}"
                raise InputError("format-unsupported", message, SAVE_AGAIN[self.kind]) from error
            if "crypt" in str(error):
                raise encrypted(self.path) from error
            if "Old metadata version" in str(error):
                raise InputError(
                    "format-unsupported",
                    f"'{shown(self.path)}' was written by Arrow before version 0.8",
                    "save it again with a recent version: "
                    "pyarrow.feather.write_feather(table, path)",
                ) from error
            if "Expected to" in str(error):
                raise truncated(self.path, f"ends too early: {shown(error)}") from error
            reason = f"{type(error).__name__}: {shown(error)}"
            raise corrupt(self.path, self.kind, reason) from error


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
