"""The singular values of class means and classifier rows against a flat spectrum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nctool.render import Arrays
from nctool.render.page.scales import Scale, Tick, path, ticks
from nctool.report import Report

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 36, 12, 12, 30
MOST_POINTS = 400
DOTTED = 64
"""Up to so many values each is a dot of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One set of points."""

    kind: str
    path: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Everything on the drawing, in its own coordinates."""

    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    ideal: str
    ideal_y: float
    rank: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def spectrum(report: Report, arrays: Arrays | None) -> Spectrum | None:
    known = {
        kind: [float(one) for one in arrays[f"spectrum/{kind}"]]
        for kind in ("means", "weights")
        if arrays is not None and f"spectrum/{kind}" in arrays
    }
    known = {kind: values for kind, values in known.items() if any(values)}
    if not known:
        return None
    classes = report.data.get("k") or max(map(len, known.values()))
    width = report.data.get("d") or classes
    rank = max(1, min(classes - 1, width, max(map(len, known.values()))))
    relative = {kind: _relative(values, rank) for kind, values in known.items()}
    longest = max(map(len, relative.values()))
    top = max(1.25, *(max(values) * 1.05 for values in relative.values()))
    x = Scale(0.5, longest + 0.5, LEFT, WIDTH - RIGHT)
    y = Scale(0.0, top, HEIGHT - BOTTOM, TOP)
    level = y(1.0)
    whole = [one for one in ticks(Scale(1, max(longest, 2), x(1), x(longest)), 8)]
    return Spectrum(
        tuple(_line(kind, values, x, y) for kind, values in relative.items()),
        tuple(one for one in whole if one.text.isdigit()),
        ticks(y, 3),
        path([(x(0.5), level), (x(rank + 0.5), level)]),
        level,
        rank,
    )


def why_none(report: Report) -> str:
    text = "a saved report holds no singular values: run with --arrays to see the spectrum, or let "
    text += "nctool analyze write this page itself (-o report.html)"
    if report.arrays and report.arrays.get("file"):
        text += f". The arrays of this report are in {report.arrays['file']}"
    return text


def _relative(values: Sequence[float], rank: int) -> list[float]:
    """In units of the flat spectrum that has the same total energy."""
    flat = math.sqrt(sum(one * one for one in values) / rank)
    return [one / flat for one in values]


def _line(kind: str, values: Sequence[float], x: Scale, y: Scale) -> Line:
    stride = -(-len(values) // MOST_POINTS)
    places = [(x(at + 1), y(one)) for at, one in enumerate(values) if at % stride == 0]
    return Line(kind, path(places), tuple(places) if len(values) <= DOTTED else ())
