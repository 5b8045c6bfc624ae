"""How the margins of the classes spread, and the best that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nctool.core.text import count
from nctool.render.page.amounts import said
from nctool.render.page.scales import Frame, Scale, Tick, ticks
from nctool.render.values import margins as values
from nctool.render.values.margins import Margins
from nctool.report import Distribution, Report

FRAME = Frame(420, 190, 30, 406, 24, 164)
BOX = 26
"""Half the height of the bar that stands for a distribution without its values."""
NEAR_ZERO = 0.35
"""An axis whose low end is within this share of its high end of zero begins there."""


@dataclass(frozen=True, slots=True)
class Bar:
    left: float
    top: float
    width: float
    height: float
    tip: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """One drawing, in its own coordinates, and what to say below it."""

    margins: Margins
    bars: tuple[Bar, ...]
    """Of classes by margin; or, without their values, of the percentiles from 5 to 95."""
    whisker: tuple[float, float] | None
    median: float | None
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    best_x: float | None
    random_x: float | None
    """The least margin of structureless points, where it is on the axis."""
    frame: Frame = FRAME


def histograms(report: Report) -> tuple[Histogram, ...]:
    """One for each set of points whose margins were computed, on a common axis."""
    sets = values.margins(report)
    if not sets:
        return ()
    x = _axis(*values.ends(sets))
    return tuple(_histogram(margins, x) for margins in sets)


def _axis(low: float, high: float) -> Scale:
    # Two touching classes have margin zero: near it, the axis has to show how far it is.
    if low < NEAR_ZERO * high:
        low = min(low, 0.0)
    room = 0.03 * (high - low) or 0.05 * abs(high) or 1.0
    return FRAME.across(low if low == 0 else low - room, high + room)


def _histogram(margins: Margins, x: Scale) -> Histogram:
    result, spread, whole = margins.result, margins.spread, bool(margins.values)
    best, random = result.best_known, result.null_value
    bars, up = _bars(margins.values, x) if whole else ((_box(spread, x),), ())
    return Histogram(
        margins, bars,
        None if whole else (x(spread.min), x(spread.max)), None if whole else x(spread.p50),
        ticks(x, 5), up, None if best is None else x(best.value),
        None if random is None or not x.low <= random <= x.high else x(random),
    )  # fmt: skip


def _bars(margins: Sequence[float], x: Scale) -> tuple[tuple[Bar, ...], tuple[Tick, ...]]:
    bins = values.bins_for(len(margins))
    counts, edges = values.histogram(margins, x.low, x.high, bins)
    y = FRAME.up(0, max(counts))
    wide = (x.end - x.start) / bins
    bars = tuple(
        Bar(
            round(x.start + index * wide + 0.5, 1), y(size), round(wide - 1, 1),
            round(y(0) - y(size), 1),
            f"{count(size, 'class', 'classes')} from {said(edges[index])} "
            f"to {said(edges[index + 1])}",
        )
        for index, size in enumerate(counts) if size
    )  # fmt: skip
    return bars, tuple(tick for tick in ticks(y, 3) if tick.text.isdigit())


def _box(spread: Distribution, x: Scale) -> Bar:
    left, right = x(spread.p05), x(spread.p95)
    middle = (FRAME.top + FRAME.bottom) / 2
    tip = f"nine classes in ten: {said(spread.p05)} to {said(spread.p95)}"
    return Bar(left, middle - BOX, max(round(right - left, 1), 1.0), 2 * BOX, tip)
