"""The singular values of class means and classifier rows against a flat spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nctool.render import Arrays
from nctool.render.page.scales import Frame, Scale, Tick, path, ticks
from nctool.render.values import spectrum as values
from nctool.report import Report

FRAME = Frame(640, 240, 36, 628, 12, 210)
MOST_POINTS = 400
DOTTED = 64
"""Up to so many values each is a dot of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One set of points."""

    kind: str
    path: str
    dots: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Everything on the drawing, in its own coordinates."""

    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    ideal: str
    ideal_y: float
    rank: int
    frame: Frame = FRAME


def spectrum(report: Report, arrays: Arrays | None) -> Spectrum | None:
    known = values.spectrum(report, arrays)
    if known is None:
        return None
    longest, rank = known.longest, known.rank
    top = max(1.25, *(max(each) * 1.05 for each in known.relative.values()))
    x = FRAME.across(0.5, longest + 0.5)
    y = FRAME.up(0.0, top)
    level = y(1.0)
    numbers = ticks(Scale(1, max(longest, 2), x(1), x(longest)), 8)
    return Spectrum(
        tuple(_line(kind, each, x, y) for kind, each in known.relative.items()),
        tuple(tick for tick in numbers if tick.text.isdigit()),
        ticks(y, 3),
        path([(x(0.5), level), (x(rank + 0.5), level)]),
        level,
        rank,
    )


def _line(kind: str, each: Sequence[float], x: Scale, y: Scale) -> Line:
    stride = -(-len(each) // MOST_POINTS)
    places = [(x(index + 1), y(each[index])) for index in range(0, len(each), stride)]
    return Line(kind, path(places), places if len(each) <= DOTTED else ())
