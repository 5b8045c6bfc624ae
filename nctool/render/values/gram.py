"""The cosines between all classes, as cells of a picture, and the pairs that are most alike."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from nctool.render import Arrays
from nctool.render.values.words import of_points
from nctool.report import Report

RANGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0)
"""How far a colour scale may reach: few values, so that pictures of one run can be compared."""
CLUSTERED = 200
"""More classes than this stand in the order of their clusters."""
CLOSEST = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """Two classes and the cosine between them."""

    first: int
    second: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Gram:
    """Cells of ``block`` x ``block`` classes: the mean of their pairs, None where there is none."""

    kind: str
    size: int
    block: int
    order: tuple[int, ...]
    """The class of each row, from the top."""
    clustered: bool
    cells: tuple[tuple[float | None, ...], ...]
    centre: float
    """The cosine of a simplex, and the mean of all pairs where unit vectors sum to zero."""
    reach: float
    """How far the colour scale reaches to both sides of its centre."""
    fits: bool
    """These classes have room for a simplex."""
    closest: tuple[Pair, ...]
    """The most similar pairs, the closest first."""


def grams(report: Report, arrays: Arrays | None, most_cells: int) -> list[Gram]:
    """For class means and classifier rows, those whose Gram matrix is at hand."""
    width = report.data.get("d") or 0
    classes, orders = of_points(arrays, "classes"), of_points(arrays, "order")
    return [
        gram(kind, rows, width, most_cells, classes.get(kind), orders.get(kind))
        for kind, rows in of_points(arrays, "gram").items() if len(rows) > 1
    ]  # fmt: skip


def gram(
    kind: str,
    cosines: Sequence[Sequence[float]],
    width: int,
    most_cells: int,
    classes: Sequence[int] | None = None,
    order: Sequence[int] | None = None,
) -> Gram:
    """``classes`` are those of the rows, ``order`` has clusters of rows together.

    Up to ``CLUSTERED`` classes each has a row of its own, of more there are ``most_cells`` rows.
    """
    size = len(cosines)
    block = 1 if size <= CLUSTERED else -(-size // most_cells)
    rows = order if size > CLUSTERED and order is not None else range(size)
    cells = tuple(_cells(cosines, rows, block))
    centre = -1 / (size - 1)
    shown = [value for row in cells for value in row if value is not None]
    farthest = max((abs(value - centre) for value in shown), default=1.0)
    names = range(size) if classes is None else classes
    return Gram(
        kind, size, block, tuple(names[row] for row in rows), rows is order, cells, centre,
        next((end for end in RANGES if farthest <= end), RANGES[-1]),
        # K vectors of one angle need K - 1 dimensions.
        size <= width + 1,
        tuple(Pair(names[a], names[b], cosine) for cosine, a, b in _closest(cosines)),
    )  # fmt: skip


def _cells(
    cosines: Sequence[Sequence[float]], order: Sequence[int], block: int
) -> Iterator[tuple[float | None, ...]]:
    """The mean cosine of each block's pairs; a class with itself is no pair."""
    size = len(order)
    across = itemgetter(*order)
    starts = range(0, size, block)
    for top in starts:
        sums = [0.0] * len(starts)
        inside = order[top : top + block]
        for index in inside:
            row = across(cosines[index])
            for place, left in enumerate(starts):
                sums[place] += sum(row[left : left + block])
        own = top // block
        sums[own] -= sum(cosines[index][index] for index in inside)
        pairs = [len(inside) * min(block, size - left) for left in starts]
        pairs[own] -= len(inside)
        yield tuple(total / many if many else None for total, many in zip(sums, pairs, strict=True))


def _closest(cosines: Sequence[Sequence[float]]) -> list[tuple[float, int, int]]:
    """The largest cosines off the diagonal, each pair once."""
    best: list[tuple[float, int, int]] = []
    for first, row in enumerate(cosines):
        after = row[first + 1 :]
        # Most rows hold nothing near the largest: one look at their maximum passes them over.
        if len(best) == CLOSEST and max(after, default=-1.0) <= best[0][0]:
            continue
        pairs = ((cosine, first, second) for second, cosine in enumerate(after, first + 1))
        best = sorted(heapq.nlargest(CLOSEST, [*best, *pairs], key=itemgetter(0)))
    return sorted(best, key=lambda pair: (-pair[0], pair[1:]))
