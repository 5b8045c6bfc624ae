"""Several arrays one below the other, seen as one, perhaps of some of its rows in an order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import prod
from pathlib import Path

from nctool.arrays import LazyArray, NumpyArray, Rows
from nctool.readers.shared.pile import Pile
from nctool.readers.shared.region import Region, lazy_array


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
        pieces = []
        # Only the parts that hold these rows are asked, so that their files alone are touched.
        for number in range(bisect_right(ends, low), bisect_right(ends, high - 1) + 1):
            above = ends[number - 1] if number else 0
            first, last = max(low, above), min(high, ends[number])
            if first < last:
                pieces.append(self.parts[number].rows(first - above, last - above))
        return together(pieces, self.parts[0].key)

    def _kept_rows(self, ends: Sequence[int], low: int, high: int) -> Rows:
        """From each part those of its rows that are wanted, and then all in the order wanted."""
        import numpy

        assert self.kept is not None
        kept = self.kept[low:high]
        if not len(kept):
            return self.parts[0].rows(0, 0)
        places = numpy.searchsorted(numpy.asarray(ends), kept, side="right")
        order = numpy.argsort(places, kind="stable")
        pieces = []
        for number in numpy.unique(places).tolist():
            above = ends[number - 1] if number else 0
            pieces.append(_chosen(self.parts[number], kept[places == number] - above))
        rows = together(pieces, self.parts[0].key)
        if bool((order[1:] > order[:-1]).all()):
            return rows
        back = numpy.empty_like(order)
        back[order] = numpy.arange(len(order))
        return rows[back]


def together(pieces: Sequence[Rows], key: str) -> Rows:
    """Rows one below the other."""
    import numpy
    import torch

    if isinstance(pieces[0], numpy.ndarray):
        texts = Pile(key, "str", ())
        for piece in pieces:
            texts.add(numpy.asarray(piece))
        return texts.array()
    tensors = [torch.as_tensor(piece) for piece in pieces]
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


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
