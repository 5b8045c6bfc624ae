"""Where values lie on a drawing, and which of them are written at its edge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nctool.render.page.amounts import power_of_ten, said


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places; what lies beyond an end is put there."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, here = self.low, self.high, max(min(value, self.high), self.low)
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(here)
        share = (here - low) / (high - low) if high > low else 0.5
        return round(self.start + share * (self.end - self.start), 1)


@dataclass(frozen=True, slots=True)
class Tick:
    """A label and where it stands."""

    place: float
    text: str


def rounds(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between two values."""
    if not high > low:
        return [low]
    step = 10 ** math.floor(math.log10((high - low) / about))
    size = next(one * step for one in (1, 2, 5, 10) if (high - low) / (one * step) <= about)
    first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
    return [float(f"{one * size:.12g}") for one in range(first, last + 1)]


def ticks(scale: Scale, about: int = 4) -> tuple[Tick, ...]:
    """Powers of ten where there are enough of them on a logarithmic scale, else round numbers."""
    if scale.log:
        first = math.ceil(math.log10(scale.low) - 1e-9)
        last = math.floor(math.log10(scale.high) + 1e-9)
        if last > first:
            step = math.ceil((last - first + 1) / about)
            powers = range(last, first - 1, -step)
            return tuple(Tick(scale(10.0**one), power_of_ten(one)) for one in powers)
    inside = rounds(scale.low, scale.high, about)
    return tuple(Tick(scale(one), said(one)) for one in inside if one > 0 or not scale.log)


def spread_out(wanted: Sequence[Tick], apart: float) -> tuple[Tick, ...]:
    """Labels that do not touch: the first and the last, and of the others what has room."""
    if len(wanted) < 3:
        return tuple(wanted)
    first, *inner, last = wanted
    kept = [first]
    for one in inner:
        if abs(one.place - kept[-1].place) >= apart and abs(last.place - one.place) >= 1.4 * apart:
            kept.append(one)
    return (*kept, last)


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """An SVG path through places; None is a gap."""
    words, pen = [], "M"
    for one in points:
        if one is None:
            pen = "M"
            continue
        words.append(f"{pen}{one[0]:g} {one[1]:g}")
        pen = "L"
    return "".join(words)
