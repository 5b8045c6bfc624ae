"""Where values lie on a drawing, and which of them are written at its edge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nctool.render.page.amounts import said
from nctool.render.values.words import power_of_ten


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places; what lies beyond an end is put there."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    shift: float = 0
    """Added to every value first: a logarithmic axis that begins at zero needs it."""

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        here = max(min(value + self.shift, high), low)
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(here)
        share = (here - low) / (high - low) if high > low else 0.5
        # A tenth of a pixel is less than anybody sees, and keeps the page small.
        return round(self.start + share * (self.end - self.start), 1)


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a drawing, and the edges of the room inside its axes."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    def across(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.left, self.right)

    def up(self, low: float, high: float, log: bool = False) -> Scale:
        return Scale(low, high, self.bottom, self.top, log)


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
    size = next(by * step for by in (1, 2, 5, 10) if (high - low) / (by * step) <= about)
    # An end that is itself round stays inside, whichever way its quotient was rounded.
    first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
    return [float(f"{index * size:.12g}") for index in range(first, last + 1)]


def ticks(scale: Scale, about: int = 4) -> tuple[Tick, ...]:
    """Powers of ten where there are enough of them on a logarithmic scale, else round numbers."""
    if scale.log:
        first = math.ceil(math.log10(scale.low) - 1e-9)
        last = math.floor(math.log10(scale.high) + 1e-9)
        if last > first:
            step = math.ceil((last - first + 1) / about)
            powers = range(last, first - 1, -step)
            return tuple(Tick(scale(10.0**power), power_of_ten(power)) for power in powers)
    inside = rounds(scale.low, scale.high, about)
    return tuple(Tick(scale(at), said(at)) for at in inside if at > 0 or not scale.log)


def spread_out(labels: Sequence[Tick], apart: float) -> tuple[Tick, ...]:
    """Labels that do not touch: the first and the last, and of the others what has room."""
    if len(labels) < 3:
        return tuple(labels)
    first, *inner, last = labels
    kept = [first]
    for tick in inner:
        near, far = abs(tick.place - kept[-1].place), abs(last.place - tick.place)
        if near >= apart and far >= 1.4 * apart:  # the last label ends at its place
            kept.append(tick)
    return (*kept, last)


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """An SVG path through places; None is a gap."""
    words, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        words.append(f"{pen}{point[0]:g} {point[1]:g}")
        pen = "L"
    return "".join(words)
