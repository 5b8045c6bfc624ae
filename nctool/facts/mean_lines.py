"""The lines through every two class means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.engine.cost import afford
from nctool.engine.fact import Accumulator, Undefined, fact, sweep
from nctool.facts import costs
from nctool.facts.names import class_list

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes
    from nctool.geometry.pairs import Pairs
    from nctool.geometry.points import Points
    from nctool.settings.budget import Budget
    from nctool.statistics.mean_lines import MeanLines
    from nctool.statistics.moments import Moments
    from nctool.statistics.parts import Residual


@fact(of="means", cost=costs.lines, during="present_samples")
def mean_lines(
    sizes: Sizes,
    pairs: Pairs,
    all_points: Points,
    class_names: tuple[str, ...],
    residual: Residual,
    budget: Budget,
) -> MeanLines:
    """The lines through every two class means."""
    from nctool.statistics.mean_lines import MeanLines

    if pairs.coincident_count:
        raise coincidence(pairs, all_points, class_names)
    size = residual.centres.table.dtype.itemsize
    afford(costs.line_bytes(sizes.classes, size), budget.memory, "distances of all class means")
    return MeanLines(all_points.vectors, residual)


@sweep(over="present_samples", cost=costs.counted)
def raw_along_lines(mean_lines: MeanLines, class_counts: Tensor) -> Accumulator[Tensor]:
    """(K,) Sums of squared places of samples on the lines from their class mean to the others."""
    from nctool.statistics.sums import ClassSums

    return ClassSums(mean_lines, class_counts, width=2 * len(class_counts))


@fact()
def along_lines(
    raw_along_lines: Tensor, mean_lines: MeanLines, moments: Moments, variances: Tensor
) -> Tensor:
    """(K,) The same from the class means themselves."""
    return mean_lines.corrected(raw_along_lines, moments.mean, variances, moments.count)


def coincidence(pairs: Pairs, means: Points, class_names: tuple[str, ...]) -> Undefined:
    first, second = pairs.coincident[0]
    pair = " and ".join(class_list(class_names, [means.classes[row]]) for row in (first, second))
    more = pairs.coincident_count - 1
    return Undefined(
        f"class means coincide: {pair}" + (f", and {more:,} more pairs" if more else "")
    )
