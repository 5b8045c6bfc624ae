"""The cosines between all classes, as cells of a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nctool.render import Arrays
from nctool.render.values.words import of_points
from nctool.report import Report

RANGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
"""Where a colour scale may end: few ends, so that pictures of one run can be compared."""


@dataclass(frozen=True, slots=True)
class Gram:
    """Cells of ``block`` x ``block`` classes: their most similar pair, None where there is none."""

    kind: str
    size: int
    block: int
    cells: tuple[list[float | None], ...]
    largest: float
    """The largest cosine in size."""
    limit: float
    """The end of the colour scale."""
    simplex: float | None
    """The cosine of a simplex, if these classes have room for one and the scale reaches it."""


def grams(report: Report, arrays: Arrays | None, most_cells: int) -> list[Gram]:
    """For class means and classifier rows, those whose Gram matrix is at hand."""
    width = report.data.get("d") or 0
    at_hand = of_points(arrays, "gram").items()
    return [gram(kind, rows, width, most_cells) for kind, rows in at_hand if len(rows) > 1]


def gram(kind: str, cosines: Sequence[Sequence[float]], width: int, most_cells: int) -> Gram:
    size = len(cosines)
    block = -(-size // most_cells)
    cells = tuple(_cells(cosines, block))
    largest = max((abs(value) for row in cells for value in row if value is not None), default=1.0)
    limit = next((end for end in RANGES if largest <= end), 1.0)
    # K vectors of one angle need K - 1 dimensions: in fewer there is no simplex to compare with.
    simplex = -1 / (size - 1)
    fits = size <= width + 1 and -simplex <= limit
    return Gram(kind, size, block, cells, largest, limit, simplex if fits else None)


def _cells(cosines: Sequence[Sequence[float]], block: int) -> Iterator[list[float | None]]:
    """The largest cosine of each block, so that no pair of duplicates is lost between dots."""
    starts = range(0, len(cosines), block)
    for top in starts:
        best = [-math.inf] * len(starts)
        for index in range(top, min(top + block, len(cosines))):
            row = list(cosines[index])
            row[index] = -math.inf  # a class with itself is no pair
            here = (max(row[left : left + block]) for left in starts)
            best = list(map(max, best, here))
        yield [None if value == -math.inf else value for value in best]
