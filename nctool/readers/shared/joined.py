"""Several arrays one below the other, seen as one, perhaps without some of its rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.arrays import LazyArray
from nctool.readers.shared.edge import edge
from nctool.readers.shared.pile import Pile
from nctool.readers.shared.region import Region

if TYPE_CHECKING:
    from numpy import ndarray

    from nctool.arrays import Rows


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts of one kind in their order; ``kept`` are the rows that count, ascending, or all."""

    parts: Sequence[LazyArray]
    kept: ndarray | None = None

    def lazy(self, key: str, path: Path, format: str) -> LazyArray:
        first = self.parts[0]
        ends = list(accumulate(part.shape[0] for part in self.parts))
        count = ends[-1] if self.kept is None else len(self.kept)

        def read(start: int, stop: int) -> Rows:
            with edge(path, format):
                low, high, _ = slice(start, stop).indices(count)
                return self._rows(low, max(low, high), ends)

        return LazyArray(key, (count, *first.shape[1:]), first.dtype, str(path), format, read)

    def _rows(self, low: int, high: int, ends: Sequence[int]) -> Rows:
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


def _chosen(part: LazyArray, rows: ndarray) -> Rows:
    """These ascending rows; without a copy where none between them is left out."""
    first, last = int(rows[0]), int(rows[-1])
    between = part.rows(first, last + 1)
    return between if last - first + 1 == len(rows) else between[rows - first]


def stitched(key: str, shape: tuple[int, ...], regions: Sequence[Region], format: str) -> LazyArray:
    """Flat regions of one type as an array of this shape; rows within one of them are mapped."""
    path, width = regions[0].path, prod(shape[1:])
    flat = Joined([region.lazy(key, format) for region in regions]).lazy(key, path, format)

    def read(start: int, stop: int) -> Rows:
        low, high, _ = slice(start, stop).indices(shape[0])
        count = max(0, high - low)
        return flat.rows(low * width, (low + count) * width).reshape((count, *shape[1:]))

    return LazyArray(key, shape, regions[0].dtype, str(path), format, read)
