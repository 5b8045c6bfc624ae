"""Several arrays one below the other, seen as one, perhaps without some of its rows."""

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
    """Parts of one kind in their order; ``kept`` are the rows that count, ascending, or all."""

    parts: Sequence[LazyArray]
    kept: NumpyArray | None = None

    def lazy(self, key: str, path: Path, format: str) -> LazyArray:
        first = self.parts[0]
        ends = list(accumulate(part.shape[0] for part in self.parts))
        count = ends[-1] if self.kept is None else len(self.kept)

        shape = (count, *first.shape[1:])
        return lazy_array(key, shape, first.dtype, path, format, partial(self._rows, ends))

    def _rows(self, ends: Sequence[int], low: int, high: int) -> Rows:
        import numpy
        import torch

        if low == high:
            return self.parts[0].rows(0, 0)
        kept = None if self.kept is None else self.kept[low:high]
        begin, end = (low, high) if kept is None else (int(kept[0]), int(kept[-1]) + 1)
        pieces = []
        # Only the parts that hold these rows are asked, so that their files alone are touched.
        for number in range(bisect_right(ends, begin), bisect_right(ends, end - 1) + 1):
            above = ends[number - 1] if number else 0
            first, last = max(begin, above), min(end, ends[number])
            if kept is None:
                pieces.append(self.parts[number].rows(first - above, last - above))
                continue
            here = kept[(kept >= first) & (kept < last)]
            if len(here):
                pieces.append(_chosen(self.parts[number], here - above))
        if isinstance(pieces[0], numpy.ndarray):
            texts = Pile(self.parts[0].key, "str", ())
            for piece in pieces:
                texts.add(numpy.asarray(piece))
            return texts.array()
        tensors = [torch.as_tensor(piece) for piece in pieces]
        return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def _chosen(part: LazyArray, rows: NumpyArray) -> Rows:
    """These ascending rows; without a copy where none between them is left out."""
    first, last = int(rows[0]), int(rows[-1])
    between = part.rows(first, last + 1)
    return between if last - first + 1 == len(rows) else between[rows - first]


def stitched(key: str, shape: tuple[int, ...], regions: Sequence[Region], format: str) -> LazyArray:
    """Flat regions of one type as an array of this shape; rows within one of them are mapped."""
    path, width = regions[0].path, prod(shape[1:])
    flat = Joined([region.lazy(key, format) for region in regions]).lazy(key, path, format)

    def rows(low: int, high: int) -> Rows:
        return flat.rows(low * width, high * width).reshape((high - low, *shape[1:]))

    return lazy_array(key, shape, regions[0].dtype, path, format, rows)
