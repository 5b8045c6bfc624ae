"""How the margins of the classes spread, and the best that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nctool.core.text import count
from nctool.render import margins
from nctool.render.page.amounts import said
from nctool.render.page.scales import Scale, Tick, ticks
from nctool.report import Report, Result

PREFIX = "gnc2.margin."
NAMES = {"means": "Class means", "weights": "Classifier rows"}
WIDTH, HEIGHT = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 30, 14, 24, 26
UNFOLDED = 1 << 20
BOX = 26
"""Half the height of the bar that stands for a distribution without its values."""


@dataclass(frozen=True, slots=True)
class Bar:
    left: float
    top: float
    width: float
    height: float
    told: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """One drawing, in its own coordinates, and what to say below it."""

    kind: str
    title: str
    bars: tuple[Bar, ...]
    """Of classes by margin; or, without their values, of the percentiles from 5 to 95."""
    whisker: tuple[float, float] | None
    median: float | None
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    best: float | None
    best_text: str
    best_source: str
    best_side: str
    words: tuple[str, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def histograms(report: Report) -> tuple[Histogram, ...]:
    """One for each set of points whose margins were computed, on a common axis."""
    known = [one for one in report if one.id.startswith(PREFIX) and one.distribution]
    if not known:
        return ()
    x = _axis(known)
    return tuple(_histogram(one, x, report) for one in known)


def why_none(report: Report) -> str:
    """The reasons of the results themselves."""
    found = {one.reason for one in report if one.id.startswith(PREFIX) and one.reason}
    return "no margins: " + ("; ".join(sorted(found)) or "they were not asked for (--metrics)")


def _axis(known: Sequence[Result]) -> Scale:
    ends = [end for one in known if (s := one.distribution) for end in (s.min, s.max)]
    ends += [value for one in known for value in one.per_class or () if value is not None]
    ends += [one.best_known.value for one in known if one.best_known is not None]
    low, high = min(ends), max(ends)
    if low < 0.35 * high:
        low = min(low, 0.0)
    room = 0.03 * (high - low) or 0.05 * abs(high) or 1.0
    return Scale(low if low == 0 else low - room, high + room, LEFT, WIDTH - RIGHT)


def _histogram(one: Result, x: Scale, report: Report) -> Histogram:
    kind = one.id.removeprefix(PREFIX)
    values = [value for value in one.per_class or () if value is not None]
    best = one.best_known
    place = None if best is None else x(best.value)
    bars, up = _bars(values, x) if values else (_box(one, x), ())
    spread = one.distribution
    assert spread is not None
    return Histogram(
        kind, NAMES.get(kind, kind), bars,
        None if values else (x(spread.min), x(spread.max)),
        None if values else x(spread.p50),
        ticks(x, 5), up, place,
        "" if best is None else said(best.value),
        "" if best is None else best.source,
        "end" if place is not None and place > WIDTH / 2 else "start",
        _words(one, kind, report),
    )  # fmt: skip


def _bars(values: Sequence[float], x: Scale) -> tuple[tuple[Bar, ...], tuple[Tick, ...]]:
    bins = max(12, min(40, round(2 * math.sqrt(len(values)))))
    size = (x.high - x.low) / bins
    counts = [0] * bins
    for value in values:
        counts[min(int((value - x.low) / size), bins - 1)] += 1
    y = Scale(0, max(counts), HEIGHT - BOTTOM, TOP)
    wide = (x.end - x.start) / bins
    bars = tuple(
        Bar(
            round(x.start + place * wide + 0.5, 1), y(many), round(wide - 1, 1),
            round(y(0) - y(many), 1),
            f"{count(many, 'class', 'classes')} from {said(x.low + place * size)} "
            f"to {said(x.low + (place + 1) * size)}",
        )
        for place, many in enumerate(counts) if many
    )  # fmt: skip
    whole = [one for one in ticks(y, 3) if one.text.isdigit()]
    return bars, tuple(whole)


def _box(one: Result, x: Scale) -> tuple[Bar, ...]:
    spread = one.distribution
    assert spread is not None
    left, right = x(spread.p05), x(spread.p95)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    told = f"nine classes in ten: {said(spread.p05)} to {said(spread.p95)}"
    return (Bar(left, middle - BOX, max(round(right - left, 1), 1.0), 2 * BOX, told),)


def _words(one: Result, kind: str, report: Report) -> tuple[str, ...]:
    """The sentences of the text report."""
    _, *found = [*margins.lines(replace(report, metrics=(one,)), UNFOLDED)] or [()]
    texts = ["".join(part for part, _ in parts).strip() for parts in found]
    return tuple(text.removeprefix(kind).strip() for text in texts)
