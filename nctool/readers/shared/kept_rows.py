"""Which stored rows count, and in which order: not masked ones, and each sample once."""

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

    Of a sample that occurs again, as samplers repeat some so that every rank has equally many, the
    first row counts. Rows stay in the order in which they are stored.
    """
    import numpy

    counts = [block != 0 for block in _blocks(masks)]
    kept = numpy.concatenate(counts) if counts else None
    masked = 0 if kept is None else int((~kept).sum())
    rows = None if kept is None else numpy.flatnonzero(kept)
    repeated = 0
    if indexes:
        index = whole(indexes)
        wanted = numpy.arange(len(index)) if rows is None else rows
        # The last one from behind is the first.
        rows = numpy.sort(wanted[::-1][in_sample_order(index[wanted][::-1])])
        repeated = len(wanted) - len(rows)
    return Kept(rows if masked or repeated else None, masked, repeated)


def whole(arrays: Sequence[LazyArray]) -> NumpyArray:
    """(N,) int64 One-dimensional arrays of integers, one after another."""
    import numpy

    blocks = [block.astype("int64", copy=False) for block in _blocks(arrays)]
    return numpy.concatenate(blocks) if blocks else numpy.empty(0, dtype="int64")


def in_sample_order(index: NumpyArray) -> NumpyArray:
    """The row of each sample that occurs, by the samples' numbers; of several the last."""
    import numpy

    if len(index) and int(index.min()) < 0:
        raise ValueError("a sample's index is negative")
    places = int(index.max()) + 1 if len(index) else 0
    if places > MOST_PLACES_PER_ROW * len(index):
        # The first of each value from behind is the last one.
        _, behind = numpy.unique(index[::-1], return_index=True)
        return len(index) - 1 - behind
    # A table takes O(rows); unique would sort what may be a hundred million. Of values assigned
    # to one place numpy keeps the last.
    latest = numpy.full(places, -1, dtype="int64")
    latest[index] = numpy.arange(len(index))
    return latest[latest >= 0]


def _blocks(arrays: Sequence[LazyArray]) -> Iterator[NumpyArray]:
    import numpy

    for array in arrays:
        for start in range(0, array.shape[0], BLOCK):
            yield numpy.asarray(array.rows(start, start + BLOCK))
