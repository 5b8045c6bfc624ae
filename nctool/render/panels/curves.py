"""NC1 to NC4 along a run or through its layers, as the papers draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from nctool.core.text import number
from nctool.render.panels import style
from nctool.render.values.curves import extent, known, randoms
from nctool.report.trajectory import NAMED, Trajectory

HEIGHT = 4.6
ROOM = 0.4
"""More height, relatively, where a long legend needs some."""
RANDOM = (0, (1.0, 2.5))
ZERO_ERROR = "zero training error"
MOST_NAMES = 14
"""Layers on the axis; of more only some are named."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A few curves that belong on one pair of axes, as the papers draw them."""

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


def draw(trajectory: Trajectory) -> Figure:
    figure = style.sheet(HEIGHT)
    grid = figure.subplots(2, 2, sharex=True)
    # The moment is on the axis: of the last point only the split is said.
    of_all = replace(trajectory.last, run={"split": trajectory.last.run.get("split")})
    style.caption(figure, of_all)
    for axes, panel in zip(grid.flat, PANELS, strict=True):
        _panel(axes, panel, trajectory)
    _along(grid[0, 0], trajectory)
    for axes in grid[1]:
        axes.set_xlabel(trajectory.axis)
        if trajectory.axis in NAMED:
            for label in axes.get_xticklabels():
                label.set(rotation=35, ha="right", rotation_mode="anchor")
    return figure


def _panel(axes: Axes, panel: Panel, trajectory: Trajectory) -> None:
    axes.set_title(panel.title)
    curves = {name: known(trajectory.curve(name)) for name, _ in panel.ids}
    values = [value for curve in curves.values() for value in curve]
    if not values:
        style.empty(axes, _why_none(panel, trajectory))
        return
    for place, (name, label) in enumerate(panel.ids):
        if curves[name]:
            _curve(axes, trajectory, name, label, place)
    axes.set_ylabel(panel.across, parse_math=True)
    if panel.share:
        axes.set_ylim(-0.04, 1.04)
        style.plain(axes.yaxis)
    else:
        levels = _randoms(axes, panel, trajectory)
        _scaled(axes, [*values, *levels])
    _landmarks(axes, panel, trajectory)
    handles = len(axes.get_legend_handles_labels()[0])
    if handles > 2 and axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        axes.set_ylim(low * (low / high) ** ROOM, high)
    if handles > 1:
        first = next(curve for curve in curves.values() if curve)
        falls = first[-1] < first[0]
        # The corner that a falling or rising curve leaves empty.
        axes.legend(loc="best" if panel.share else "lower left" if falls else "upper left")


def _randoms(axes: Axes, panel: Panel, trajectory: Trajectory) -> list[float]:
    """Where structureless features would be: a line for both sets of points where they agree."""
    results = [trajectory.last.get(name) for name, _ in panel.ids]
    levels = randoms(result for result in results if result is not None)
    names = [name for name, _ in panel.ids]
    for name, level in levels.items():
        colour = style.FAINT if len(levels) == 1 else style.COLOURS[names.index(name)]
        label = "structureless features" if panel is PANELS[0] else None
        axes.axhline(level, color=colour, lw=1, ls=RANDOM, label=label, zorder=1)
    return [*levels.values()]


def _why_none(panel: Panel, trajectory: Trajectory) -> str:
    results = [trajectory.last.get(name) for name, _ in panel.ids]
    reasons = sorted({result.reason for result in results if result and result.reason})
    text = "\n".join(map(style.folded, reasons[:3]))
    return text or "not computed: " + " ".join(name for name, _ in panel.ids)


def _curve(axes: Axes, trajectory: Trajectory, name: str, label: str, place: int) -> None:
    positions, colour = trajectory.positions, style.COLOURS[place]
    values = [math.nan if value is None else value for value in trajectory.curve(name)]
    axes.plot(
        positions, values, color=colour, label=label, ls=style.DASHES[place],
        marker=style.MARKS[place] if len(values) <= 40 else "", zorder=3,
    )  # fmt: skip
    results = [point.report.get(name) for point in trajectory.points]
    intervals = [result.ci if result else None for result in results]
    if any(intervals):
        low, high = zip(*(ci or (math.nan, math.nan) for ci in intervals), strict=True)
        axes.fill_between(positions, low, high, color=colour, alpha=0.18, lw=0)
    if (last := results[-1]) is not None and last.floor:
        axes.axhline(last.floor, color=colour, lw=0.8, ls=":", label=f"least possible, {label}")


def _scaled(axes: Axes, values: Sequence[float]) -> None:
    """Logarithmic where the numbers span much; zeros have a place below all others."""
    span = extent(values)
    low, high = span.least, span.high
    if low is None or not span.log:
        style.plain(axes.yaxis)
        if span.low >= 0:
            axes.set_ylim(0, 1.08 * high or 1.0)
        return
    if span.zeros:
        # Linear below the smallest power of ten: a zero lies on the axis, not at minus infinity.
        axes.set_yscale("symlog", linthresh=10.0 ** math.floor(math.log10(low)), linscale=0.5)
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        step = max(1, len(powers) // 5)
        style.decades(axes.yaxis, low, high)
        axes.yaxis.set_major_locator(FixedLocator([0, *(10.0**power for power in powers[::step])]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
        style.decades(axes.yaxis, low, high)


def _landmarks(axes: Axes, panel: Panel, trajectory: Trajectory) -> None:
    """What only the whole trajectory shows, where it happened; named in the first panel alone."""
    facts = trajectory.facts
    landmarks = []
    if "zero_error" in facts:
        landmarks.append((facts["zero_error"], ZERO_ERROR))
    if "as_good_as_the_head" in facts:
        landmarks.append((facts["as_good_as_the_head"]["position"], "as good as the head"))
    for position, text in landmarks:
        label = text if panel is PANELS[0] else None
        # Beyond the first epoch without an error only the geometry still changes.
        if text == ZERO_ERROR:
            axes.axvspan(position, trajectory.positions[-1], color=style.PHASE, lw=0, zorder=0)
        axes.axvline(position, color=style.INK, lw=0.8, ls=style.UPRIGHT, label=label, zorder=2)
    if "separation" in facts and facts["separation"]["metric"] in dict(panel.ids):
        _law(axes, trajectory)


def _law(axes: Axes, trajectory: Trajectory) -> None:
    """The straight line through the logarithms: one factor for every layer."""
    law = trajectory.facts["separation"]
    logs = [
        (x, math.log(y))
        for x, y in zip(trajectory.positions, trajectory.curve(law["metric"]), strict=True)
        if y is not None and y > 0
    ]
    if len(logs) < 2 or not law["rate"] > 0:
        return
    # A least-squares line of this slope goes through the mean of its points.
    middle = sum(x for x, _ in logs) / len(logs)
    height = sum(y for _, y in logs) / len(logs)
    ends = [logs[0][0], logs[-1][0]]
    fit = "" if law["r_squared"] is None else f", R² = {law['r_squared']:.3f}"
    axes.plot(
        ends, [math.exp(height + math.log(law["rate"]) * (x - middle)) for x in ends],
        color=style.FAINT, lw=1, ls=style.DASHES[2], zorder=2,
        label=f"× {number(law['rate'], 3)} per layer{fit}",
    )  # fmt: skip


def _along(axes: Axes, trajectory: Trajectory) -> None:
    """The shared axis: names of layers and checkpoints, or numbers of epochs and steps."""
    positions = trajectory.positions
    if trajectory.axis in NAMED:
        stride = -(-len(positions) // MOST_NAMES)
        names = _names([trajectory.label_of(position) for position in positions])
        axes.set_xticks(positions[::stride], names[::stride])
        axes.xaxis.set_minor_locator(NullLocator())
        return
    span = extent(positions)
    low, high = span.least, span.high
    if low is None or not span.log:
        style.plain(axes.xaxis, whole=all(position % 1 == 0 for position in positions))
    elif span.zeros:
        axes.set_xscale("symlog", linthresh=low, linscale=0.4)
        style.decades(axes.xaxis, low, high)
        powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        axes.xaxis.set_major_locator(FixedLocator([0, *(10.0**power for power in powers)]))
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
    cut = max(shared.rfind(sign) for sign in "./_") + 1
    if cut > 3 and max(map(len, names)) > 12:
        names = ["…" + name[cut:] for name in names]
    return [style.short(name, 20) for name in names]
