"""A trajectory as lines: the last point, and a sparkline of how every number got there."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nctool.core.text import count, number
from nctool.render import plots, summary
from nctool.render.lines import BLANK, Line, line, wrapped
from nctool.render.values.curves import Values, extent, known
from nctool.render.values.sentences import ends_of, of_trajectory
from nctool.report.trajectory import Trajectory

BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 24


def lines(
    trajectory: Trajectory, width: int, *, per_class: bool = False, plot: bool = False
) -> list[Line]:
    """The last point's report, with its first values and sparklines in place of classes."""
    between = [*_heading(trajectory, width), BLANK]
    if plot:
        between += [*plots.lines(trajectory, width), BLANK]
    histories = {}
    for result in trajectory.last:
        curve = trajectory.curve(result.id)
        histories[result.id] = number(curve[0]), sparkline(curve)
    return summary.lines(trajectory.last, width, per_class, between, histories)


def sparkline(values: Values) -> str:
    """One bar per point, on a logarithmic scale where values span more than a factor of ten."""
    kept = thinned(values, MOST_BARS)
    if not known(kept):
        return ""
    span = extent(known(kept))
    if span.log and not span.zeros:
        kept = [None if value is None else math.log10(value) for value in kept]
        span = extent(known(kept))
    return heights(kept, span.low, span.high)


def thinned(values: Values, most: int) -> list[float | None]:
    """Every other point until no more are left than have room, and always the last."""
    kept = list(values)
    while len(kept) > most:
        kept = [*kept[:-1:2], kept[-1]]
    return kept


def heights(values: Values, low: float, high: float) -> str:
    """One bar per value, from the lowest at ``low`` to the highest at ``high``."""
    # Halved first: the difference of two large numbers of opposite sign would overflow.
    height, most = high / 2 - low / 2, len(BARS) - 1
    shares = (None if value is None else (value / 2 - low / 2) for value in values)
    return "".join(
        " " if share is None else BARS[round(share / height * most) if height else 0]
        for share in shares
    )


def _heading(trajectory: Trajectory, width: int) -> Iterator[Line]:
    size = count(len(trajectory.points), "point")
    yield line((f"{size}, {' to '.join(ends_of(trajectory))}", "title"))
    for text in of_trajectory(trajectory):
        yield from wrapped(text, width - 2, "  ")
    legend = "Courses that span more than a factor of ten are drawn on a logarithmic scale."
    yield from wrapped(legend, width - 2, "  ", "faint")
