"""Rows that arrive piece by piece, and the bound on text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nctool.arrays import NumpyArray
from nctool.core.errors import InputError
from nctool.readers.shared.edge import shown

# numpy gives each text the width of the longest, four bytes a character: one long entry
# multiplies by the rows.
MOST_TEXT_BYTES = 2**28


@dataclass(slots=True)
class Pile:
    """Rows piece by piece; texts are stopped before they grow beyond what memory could hold."""

    key: str
    dtype: str
    inner: tuple[int, ...]
    pieces: list[NumpyArray] = field(default_factory=list)
    rows: int = 0
    widest: int = 0

    def add(self, piece: NumpyArray) -> None:
        self.pieces.append(piece)
        self.rows += len(piece)
        self.widest = max(self.widest, piece.itemsize)
        if self.dtype == "str" and self.widest * self.rows > MOST_TEXT_BYTES:
            raise too_long(self.key, self.widest // 4, self.rows)

    def array(self) -> NumpyArray:
        import numpy

        if not self.pieces:
            return numpy.empty((0, *self.inner), "<U1" if self.dtype == "str" else self.dtype)
        return self.pieces[0] if len(self.pieces) == 1 else numpy.concatenate(self.pieces)


def too_long(key: str, longest: int, rows: int) -> InputError:
    return InputError(
        "text-too-long",
        f"'{shown(key)}' holds text of up to {longest:,} characters, too much for {rows:,} rows",
        "name a column of short class names or of numbers",
    )


def text_array(texts: Sequence[str], rows: NumpyArray | None, key: str) -> NumpyArray:
    """Texts, or those that ``rows`` picks of them, as one array, if that is of a sane size."""
    import numpy

    count = len(texts) if rows is None else len(rows)
    longest = max((len(text) for text in texts), default=0)
    if 4 * longest * count > MOST_TEXT_BYTES:
        raise too_long(key, longest, count)
    array = numpy.array(texts, dtype=f"<U{max(longest, 1)}")
    return array if rows is None else array[rows]
