"""The one-vs-rest margins of the classes: their values, their spread, their common axis."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from nctool.render.values.classes import values_of
from nctool.report import Distribution, Report, Result

PREFIX = "gnc2.margin."


@dataclass(frozen=True, slots=True)
class Margins:
    """Those of one set of points."""

    result: Result
    kind: str
    """``means`` or ``weights``."""
    spread: Distribution
    values: list[float]
    """Of every class; empty where the report holds the distribution alone."""


def margins(report: Report) -> tuple[Margins, ...]:
    return tuple(
        Margins(
            result, result.id.removeprefix(PREFIX), result.distribution, values_of(result)
        )
        for result in report if result.id.startswith(PREFIX) and result.distribution is not None
    )  # fmt: skip


def reasons(report: Report) -> list[str]:
    """Why there are none, in the words of the results."""
    return sorted({each.reason for each in report if each.id.startswith(PREFIX) and each.reason})


def ends(sets: Sequence[Margins]) -> tuple[float, float]:
    """The smallest and the largest number on a common axis, the best known margin included."""
    numbers = [end for each in sets for end in (each.spread.min, each.spread.max, *each.values)]
    best = [each.result.best_known for each in sets]
    numbers += [reference.value for reference in best if reference is not None]
    return min(numbers), max(numbers)


def bins_for(size: int) -> int:
    """2 sqrt(n), within 12 to 40: fine enough to tell two groups of classes, not single ones."""
    return max(12, min(40, round(2 * math.sqrt(size))))


def histogram(
    values: Sequence[float], low: float, high: float, bins: int
) -> tuple[list[int], list[float]]:
    """How many values are in each bin, and the edges of the bins, one more than these."""
    edges = [low + index * ((high - low) / bins) for index in range(bins)]
    counts = [0] * bins
    for value in values:
        counts[bisect_right(edges, value) - 1] += 1
    return counts, [*edges, high]
