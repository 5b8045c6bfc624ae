"""Several arrays one below the other, seen as one, perhaps of some of its rows in an order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain
from math import prod
from pathlib import Path
from typing import TypeAlias

from nctool.arrays import LazyArray, NumpyArray, Rows
from nctool.readers.shared.pile import Pile
from nctool.readers.shared.region import Region, lazy_array

Placed: TypeAlias = "tuple[slice | NumpyArray, Rows]"
"""Rows, and at which places of the result they are."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts of one kind in their order; ``kept`` are the rows that count, in any order, or all."""

    parts: Sequence[LazyArray]
    kept: NumpyArray | None = None

    def lazy(self, key: str, path: Path, format: str) -> LazyArray:
        first = self.parts[0]
        ends = list(accumulate(part.shape[0] for part in self.parts))
        count = ends[-1] if self.kept is None else len(self.kept)

        shape = (count, *first.shape[1:])
        rows = partial(self._rows if self.kept is None else self._kept_rows, ends)
        return lazy_array(key, shape, first.dtype, path, format, rows)

    def _rows(self, ends: Sequence[int], low: int, high: int) -> Rows:
        if low == high:
            return self.parts[0].rows(0, 0)
        return in_place(self._ranges(ends, low, high), high - low, self.parts[0].key)

    def _ranges(self, ends: Sequence[int], low: int, high: int) -> Iterator[Placed]:
        # Only the parts that hold these rows are asked, so that their files alone are touched.
        for number in range(bisect_right(ends, low), bisect_right(ends, high - 1) + 1):
            above = ends[number - 1] if number else 0
            first, last = max(low, above), min(high, ends[number])
            if first < last:
                yield (
                    slice(first - low, last - low),
                    self.parts[number].rows(first - above, last - above),
                )

    def _kept_rows(self, ends: Sequence[int], low: int, high: int) -> Rows:
        assert self.kept is not None
        kept = self.kept[low:high]
        if not len(kept):
            return self.parts[0].rows(0, 0)
        return in_place(self._chosen_ranges(ends, kept), len(kept), self.parts[0].key)

    def _chosen_ranges(self, ends: Sequence[int], kept: NumpyArray) -> Iterator[Placed]:
        """From each part those of its rows that are wanted, with the places they are wanted at."""
        import numpy

        numbers = numpy.searchsorted(numpy.asarray(ends), kept, side="right")
        for number in numpy.unique(numbers).tolist():
            places = numpy.flatnonzero(numbers == number)
            above = ends[number - 1] if number else 0
            rows = _chosen(self.parts[number], kept[places] - above)
            yield (slice(len(kept)) if len(places) == len(kept) else places), rows


def in_place(pieces: Iterator[Placed], count: int, key: str) -> Rows:
    """So many rows from several arrays, each at its places; of one array its own, uncopied.

    One after another: mapped rows keep their file open for as long as somebody holds them.
    """
    import numpy
    import torch

    places, first = next(pieces)
    if isinstance(places, slice) and len(first) == count:
        return first
    everything = chain([(places, first)], pieces)
    if isinstance(first, numpy.ndarray):
        texts, order = Pile(key, "str", ()), numpy.empty(count, dtype="int64")
        for places, piece in everything:
            order[places] = texts.rows + numpy.arange(len(piece))
            texts.add(numpy.asarray(piece))
        return texts.array()[order]
    rows = torch.empty((count, *first.shape[1:]), dtype=first.dtype)
    for places, piece in everything:
        rows[places] = torch.as_tensor(piece)
    return rows


def _chosen(part: LazyArray, rows: NumpyArray) -> Rows:
    """These rows of a part; without a copy where they follow one another."""
    first, last = int(rows.min()), int(rows.max())
    between = part.rows(first, last + 1)
    steps = rows[1:] - rows[:-1]
    return between if bool((steps == 1).all()) else between[rows - first]


def stitched(key: str, shape: tuple[int, ...], regions: Sequence[Region], format: str) -> LazyArray:
    """Flat regions of one type as an array of this shape; rows within one of them are mapped."""
    path, width = regions[0].path, prod(shape[1:])
    flat = Joined([region.lazy(key, format) for region in regions]).lazy(key, path, format)

    def rows(low: int, high: int) -> Rows:
        return flat.rows(low * width, high * width).reshape((high - low, *shape[1:]))

    return lazy_array(key, shape, regions[0].dtype, path, format, rows)
