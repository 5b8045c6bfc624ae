"""Which rows of a capture count: those that are not masked, and each sample once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nctool.arrays import LazyArray, NumpyArray

BLOCK = 2**20
# A table with a place for each sample is used while it stays in proportion to the rows.
MOST_PLACES_PER_ROW = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """Numbers of the rows that count, or None for all; how many do not, and why."""

    rows: NumpyArray | None
    masked: int = 0
    repeated: int = 0


def kept_rows(masks: Sequence[LazyArray], indexes: Sequence[LazyArray]) -> Kept:
    """Read masks and sample numbers, where there are any, from the first row to the last.

    A sample that occurs again, as samplers repeat some so that every rank has equally many, counts
    where it is first.
    """
    import numpy

    counts: list[NumpyArray] = [block != 0 for block in _blocks(masks)]
    kept = numpy.concatenate(counts) if counts else None
    masked = 0 if kept is None else int((~kept).sum())
    repeated = 0
    if indexes:
        first = _first_of_each(list(_blocks(indexes)), kept)
        repeated = int((~first if kept is None else kept & ~first).sum())
        kept = first if kept is None else kept & first
    if kept is None or not masked + repeated:
        return Kept(None)
    return Kept(numpy.flatnonzero(kept), masked, repeated)


def _blocks(arrays: Sequence[LazyArray]) -> Iterator[NumpyArray]:
    import numpy

    for array in arrays:
        for start in range(0, array.shape[0], BLOCK):
            yield numpy.asarray(array.rows(start, start + BLOCK))


def _first_of_each(blocks: Sequence[NumpyArray], kept: NumpyArray | None) -> NumpyArray:
    """Whether each row is the first of its sample among the rows that are wanted."""
    import numpy

    index = numpy.concatenate(blocks) if blocks else numpy.empty(0, dtype="int64")
    if len(index) and int(index.min()) < 0:
        raise ValueError("a sample's index is negative")
    rows = numpy.arange(len(index)) if kept is None else numpy.flatnonzero(kept)
    chosen = index[rows]
    first = numpy.zeros(len(index), dtype=bool)
    if not len(chosen):
        return first
    places = int(chosen.max()) + 1
    if places > MOST_PLACES_PER_ROW * len(index):
        first[rows[numpy.unique(chosen, return_index=True)[1]]] = True
        return first
    # First occurrence in O(rows) by a table; unique would sort what may be a hundred million.
    earliest = numpy.full(places, len(index), dtype="int64")
    numpy.minimum.at(earliest, chosen, rows)
    first[earliest[earliest < len(index)]] = True
    return first
