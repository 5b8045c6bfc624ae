"""A trajectory as lines: the last point, and how every number got there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nctool.core.text import count, number, one_line
from nctool.render import summary
from nctool.render.lines import BLANK, Line, line, wrapped
from nctool.report.trajectory import Trajectory

BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 24
NAMED = ("layer", "checkpoint")
"""Axes whose points go by their names."""


def lines(
    trajectory: Trajectory, width: int, *, per_class: bool = False, plot: bool = False
) -> list[Line]:
    """The last point's report, with where it all began and how it went in place of classes."""
    between = [*_heading(trajectory, width), BLANK]
    if plot:
        from nctool.render import plots

        between += [*plots.lines(trajectory, width), BLANK]
    courses = {
        one.id: (number(curve[0]), sparkline(curve))
        for one in trajectory.last
        if (curve := trajectory.curve(one.id))
    }
    return summary.lines(trajectory.last, width, per_class, between, courses)


def sparkline(values: Sequence[float | None]) -> str:
    """One bar per point, on a logarithmic scale where values span more than a factor of ten."""
    from math import log10

    kept = list(values)
    while len(kept) > MOST_BARS:
        kept = [*kept[:-1:2], kept[-1]]
    known = [one for one in kept if one is not None]
    if not known:
        return ""
    if min(known) > 0 and max(known) / min(known) > 10:
        kept = [None if one is None else log10(one) for one in kept]
        known = [one for one in kept if one is not None]
    low, high = min(known), max(known)
    span, most = high / 2 - low / 2, len(BARS) - 1
    return "".join(
        " " if one is None else BARS[round((one / 2 - low / 2) / span * most) if span else 0]
        for one in kept
    )


def place(trajectory: Trajectory, position: object) -> str:
    """``epoch 30``, or the name of a layer."""
    for point in trajectory.points:
        if trajectory.axis in NAMED and point.position == position:
            return one_line(point.label)
    shown = int(position) if isinstance(position, float) and position % 1 == 0 else position
    return f"{trajectory.axis} {shown}"


def told(trajectory: Trajectory) -> Iterator[str]:
    """What only the whole course tells, in words."""
    facts = trajectory.facts
    if "zero_error" in facts:
        yield f"the head makes no training error from {place(trajectory, facts['zero_error'])} on"
    if "separation" in facts:
        one = facts["separation"]
        fit = "" if one["r_squared"] is None else f" (R² = {one['r_squared']:.3f})"
        yield f"{one['metric']} falls by a factor of {number(one['rate'])} per layer{fit}"
    if "as_good_as_the_head" in facts:
        layer = one_line(str(facts["as_good_as_the_head"]["layer"]))
        yield f"from {layer} on the nearest class mean is as good as the head"


def _heading(trajectory: Trajectory, width: int) -> Iterator[Line]:
    first, last = trajectory.positions[0], trajectory.positions[-1]
    size = count(len(trajectory.points), "point")
    span = f"{place(trajectory, first)} to {place(trajectory, last)}"
    yield line((f"{size}, {span}", "title"))
    for text in told(trajectory):
        yield from wrapped(text, width - 2, "  ")
    legend = "Courses that span more than a factor of ten are drawn on a logarithmic scale."
    yield from wrapped(legend, width - 2, "  ", "faint")
