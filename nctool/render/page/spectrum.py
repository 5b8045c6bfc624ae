"""The singular values of class means and classifier rows against a flat spectrum."""

from __future__ import annotations

from dataclasses import dataclass

from nctool.render import Arrays
from nctool.render.page.scales import Frame, Scale, Tick, path, ticks
from nctool.render.values import spectrum as values
from nctool.report import Report

FRAME = Frame(640, 240, 36, 628, 12, 210)
MOST_POINTS = 120
DOTTED = 64
"""Up to so many values each is a dot of its own."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Everything on the drawing, in its own coordinates."""

    lines: list[tuple[str, str, list[tuple[float, float]]]]
    """Of each set of points: which, its curve, and its dots where they are few."""
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
    x, y = FRAME.across(0.5, longest + 0.5), FRAME.up(0.0, top)
    level = y(1.0)
    lines = []
    for kind, relative in known.relative.items():
        stride = -(-len(relative) // MOST_POINTS)
        shown = range(0, len(relative), stride)
        places = [(x(index + 1), y(relative[index])) for index in shown]
        lines.append((kind, path(places), places if len(relative) <= DOTTED else []))
    numbers = ticks(Scale(1, max(longest, 2), x(1), x(longest)), 8)
    return Spectrum(
        lines,
        tuple(tick for tick in numbers if tick.text.isdigit()),
        ticks(y, 3),
        path([(x(0.5), level), (x(rank + 0.5), level)]),
        level,
        rank,
    )
