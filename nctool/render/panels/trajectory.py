"""NC1 to NC4 along a run or through its layers, as the papers draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from nctool.core.text import number
from nctool.render import curves
from nctool.render.panels import style
from nctool.report import Result
from nctool.report.trajectory import Point, Trajectory

HEIGHT = 4.6
WIDE = 10.0
"""From this ratio of the largest to the smallest number on, an axis is logarithmic."""
ROOM = 0.4
"""More height, relatively, where a long legend needs some."""
MOST_NAMES = 14
"""Layers on the axis; of more only some are named."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A few curves that belong on one pair of axes."""

    title: str
    across: str
    ids: tuple[tuple[str, str], ...]
    """Metrics, and what the legend calls them."""
    share: bool = False
    """Between 0 and 1, and drawn as it is."""


PANELS = (
    Panel("NC1  variability within classes", r"$\mathrm{Tr}(\Sigma_W \Sigma_B^{+})\,/\,K$",
          (("nc1.pinv", "features"),)),
    Panel(
        "NC2  distance from a simplex", r"$\Vert G/\Vert G\Vert_F - T_K\Vert_F$",
        (("nc2.etf_deviation.means", "class means"),
         ("nc2.etf_deviation.weights", "classifier rows")),
    ),
    Panel("NC3  distance from self-duality", r"$\Vert W/\Vert W\Vert_F - M/\Vert M\Vert_F\Vert_F$",
          (("nc3.distance", "classifier against means"),)),
    Panel(
        "NC4  nearest class mean", "share of samples",
        (("nc4.mismatch", "head decides otherwise"), ("nc4.ncc_accuracy", "nearest mean is right"),
         ("nc4.accuracy", "head is right")),
        share=True,
    ),
)  # fmt: skip


def draw(found: Trajectory) -> Figure:
    figure = style.sheet(HEIGHT)
    grid = figure.subplots(2, 2, sharex=True)
    style.caption(figure, style.about(found.last))
    for axes, panel in zip(grid.flat, PANELS, strict=True):
        _panel(axes, panel, found)
    _along(grid[0, 0], found)
    for axes in grid[1]:
        axes.set_xlabel(found.axis)
        if found.axis in curves.NAMED:
            for label in axes.get_xticklabels():
                label.set(rotation=35, ha="right", rotation_mode="anchor")
    return figure


def _panel(axes: Axes, panel: Panel, found: Trajectory) -> None:
    axes.set_title(panel.title)
    drawn = [
        (place, name, label)
        for place, (name, label) in enumerate(panel.ids)
        if any(one is not None for one in found.curve(name))
    ]
    if not drawn:
        style.empty(axes, _why_none(panel, found))
        return
    for place, name, label in drawn:
        _curve(axes, found, name, label, place)
    axes.set_ylabel(panel.across, parse_math=True)
    known = [one for _, name, _ in drawn for one in found.curve(name) if one is not None]
    if panel.share:
        axes.set_ylim(-0.04, 1.04)
        style.plain(axes.yaxis)
    else:
        _scaled(axes, known)
    _landmarks(axes, panel, found)
    handles = len(axes.get_legend_handles_labels()[0])
    if handles > 2 and axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        axes.set_ylim(low * (low / high) ** ROOM, high)
    if handles > 1:
        axes.legend(loc="best" if panel.share else _free(found, drawn[0][1]))


def _free(found: Trajectory, name: str) -> Literal["lower left", "upper left"]:
    """The corner that a falling or rising curve leaves empty."""
    known = [one for one in found.curve(name) if one is not None]
    return "lower left" if known[-1] < known[0] else "upper left"


def _why_none(panel: Panel, found: Trajectory) -> str:
    reasons = {
        one.reason for one in found.last if one.reason and any(one.id == n for n, _ in panel.ids)
    }
    told = "\n".join(style.folded(one) for one in sorted(reasons)[:3])
    return told or "not computed: " + " ".join(name for name, _ in panel.ids)


def _curve(axes: Axes, found: Trajectory, name: str, label: str, place: int) -> None:
    values = [math.nan if one is None else one for one in found.curve(name)]
    colour = style.COLOURS[place]
    axes.plot(
        found.positions, values, color=colour, label=label, ls=style.DASHES[place],
        marker=style.MARKS[place] if len(values) <= 40 else "", zorder=3,
    )  # fmt: skip
    ends = [_interval(point, name) for point in found.points]
    if any(one is not None for one in ends):
        low, high = ([math.nan if one is None else one[side] for one in ends] for side in (0, 1))
        axes.fill_between(found.positions, low, high, color=colour, alpha=0.18, lw=0)
    floor = _result(found.points[-1], name)
    if floor is not None and floor.floor:
        axes.axhline(floor.floor, color=colour, lw=0.8, ls=":", label=f"least possible, {label}")


def _result(point: Point, name: str) -> Result | None:
    return next((one for one in point.report if one.id == name), None)


def _interval(point: Point, name: str) -> tuple[float, float] | None:
    one = _result(point, name)
    return None if one is None else one.ci


def _scaled(axes: Axes, known: Sequence[float]) -> None:
    """Logarithmic where the numbers span much; zeros have a place below all others."""
    above = [one for one in known if one > 0]
    if not above or min(known) < 0 or max(above) / min(above) <= WIDE:
        style.plain(axes.yaxis)
        if min(known) >= 0:
            axes.set_ylim(0, 1.08 * max(known) or 1.0)
        return
    low, high = min(above), max(above)
    if len(above) < len(known):
        axes.set_yscale("symlog", linthresh=10.0 ** math.floor(math.log10(low)), linscale=0.5)
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        step = max(1, len(powers) // 5)
        style.decades(axes.yaxis, low, high)
        axes.yaxis.set_major_locator(FixedLocator([0, *(10.0**one for one in powers[::step])]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
        style.decades(axes.yaxis, low, high)


def _landmarks(axes: Axes, panel: Panel, found: Trajectory) -> None:
    """What only the whole course tells, where it happened."""
    facts = found.facts
    first = panel.title.startswith("NC1")
    if "zero_error" in facts:
        _upright(axes, facts["zero_error"], "zero training error" if first else None)
    if "as_good_as_the_head" in facts:
        place = facts["as_good_as_the_head"]["position"]
        _upright(axes, place, "as good as the head" if first else None)
    if "separation" in facts and any(facts["separation"]["metric"] == one for one, _ in panel.ids):
        _law(axes, found)


def _upright(axes: Axes, place: float, label: str | None) -> None:
    axes.axvline(place, color=style.INK, lw=0.8, ls=style.UPRIGHT, label=label, zorder=2)


def _law(axes: Axes, found: Trajectory) -> None:
    """The straight line through the logarithms: one factor for every layer."""
    one = found.facts["separation"]
    known = [
        (x, math.log(y))
        for x, y in zip(found.positions, found.curve(one["metric"]), strict=True)
        if y is not None and y > 0
    ]
    if len(known) < 2 or not one["rate"] > 0:
        return
    middle = sum(x for x, _ in known) / len(known)
    height = sum(y for _, y in known) / len(known)
    ends = [known[0][0], known[-1][0]]
    fit = "" if one["r_squared"] is None else f", R² = {one['r_squared']:.3f}"
    axes.plot(
        ends, [math.exp(height + math.log(one["rate"]) * (x - middle)) for x in ends],
        color=style.FAINT, lw=1, ls=style.DASHES[2], zorder=2,
        label=f"× {number(one['rate'], 3)} per layer{fit}",
    )  # fmt: skip


def _along(axes: Axes, found: Trajectory) -> None:
    """The shared axis: names of layers and checkpoints, or numbers of epochs and steps."""
    places = found.positions
    if found.axis in curves.NAMED:
        stride = -(-len(places) // MOST_NAMES)
        names = _names([curves.place(found, one) for one in places])
        axes.set_xticks(places[::stride], names[::stride])
        axes.xaxis.set_minor_locator(NullLocator())
        return
    above = [one for one in places if one > 0]
    low, high = (min(above), max(above)) if above else (0.0, 0.0)
    if min(places) < 0 or not above or high / low <= WIDE:
        style.plain(axes.xaxis, whole=all(one % 1 == 0 for one in places))
    elif len(above) < len(places):
        axes.set_xscale("symlog", linthresh=low, linscale=0.4)
        style.decades(axes.xaxis, low, high)
        powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        axes.xaxis.set_major_locator(FixedLocator([0, *(10.0**one for one in powers)]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(-0.3 * low, high * (high / low) ** 0.05)
    else:
        axes.set_xscale("log")
        style.decades(axes.xaxis, low, high)


def _names(names: Sequence[str]) -> list[str]:
    """Names of layers, without the part in front that all of them share."""
    first, last = min(names), max(names)
    same = (at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
    shared = first[: next(same, 0)]
    cut = max(shared.rfind(one) for one in "./_") + 1
    if cut > 3 and max(map(len, names)) > 12:
        names = ["…" + one[cut:] for one in names]
    return [style.short(one, 20) for one in names]
