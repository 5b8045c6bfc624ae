"""The dials of a verdict as bars: where marks, tick and end stand, for the screen and the page.

A bar shows nines, -log10 of what is left on the way to perfect: 0 at its left end, four at its
right, so that equal steps are equal factors. What is left is the number that keeps moving in the
terminal phase, where a linear bar would be full.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from nctool.report.sentence import SIDES
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import Dial, Verdict

NINES = 4
"""The nines from one end of a bar to the other."""
STOPS = ("random", "90 %", "99 %", "99.9 %", "perfect")
"""What stands at every nine."""
SIGNS = {"means": "M", "weights": "W"}
TITLES = {
    "nc1": "samples sit on their mean",
    "nc2": "a simplex",
    "nc3": "rows equal means",
    "nc4": "head = nearest mean",
    "gnc": "room of the tightest class",
    "hug": "spread over the sphere",
}
"""What a family's dial asks; unknown families go by their id."""
OF_POINTS = "nc2"
"""Its title says which points are meant, and by what they are measured."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One dial on its bar; ``at`` is from 0 to 1."""

    dial: Dial
    sign: str
    at: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The dials of one family: those of means and of rows stand on one bar."""

    family: str
    title: str
    marks: tuple[Mark, ...]
    tick: float | None
    """Where structureless features of this size stand, from 0 to 1."""
    end: float
    """Where what is left drowns in rounding: beyond it no mark can stand."""

    @property
    def weakest(self) -> Dial:
        """The dial whose number stands beside the bar."""
        return min((mark.dial for mark in self.marks), key=lambda dial: dial.way)

    @property
    def counted(self) -> bool:
        """Part of the minimum that the verdict is about."""
        return any(mark.dial.counted for mark in self.marks)


def place(left: float) -> float:
    """0 to 1 along the bar; worse than structureless is at its left end."""
    return 1.0 if left <= 0 else min(1.0, max(0.0, -math.log10(left) / NINES))


def family_of(metric_id: str) -> str:
    """``nc2`` of ``collapse.nc2.means``."""
    return metric_id.split(".")[1] if metric_id.count(".") else metric_id


def bars(verdict: Verdict) -> tuple[Bar, ...]:
    """One bar per family, in the order of the dials."""
    families = groupby(verdict.dials, key=lambda dial: family_of(dial.id))
    return tuple(_bar(family, tuple(dials), verdict) for family, dials in families)


def _bar(family: str, dials: Sequence[Dial], verdict: Verdict) -> Bar:
    # Of two sides the higher tick: a mark to the right of it is beyond chance whosever it is.
    ticks = [place(1 - dial.chance) for dial in dials if dial.chance is not None]
    end = max(place(dial.noise) if dial.noise else 1.0 for dial in dials)
    signs = [SIGNS.get(dial.side or "", "●") if len(dials) > 1 else "●" for dial in dials]
    marks = [
        Mark(dial, sign, min(place(dial.left), end))
        for dial, sign in zip(dials, signs, strict=True)
    ]
    sides = tuple(dial.side for dial in dials if dial.side)
    title = title_of(family, sides, verdict.geometry)
    return Bar(family, title, tuple(marks), max(ticks, default=None), end)


def title_of(family: str, sides: Sequence[str], geometry: str) -> str:
    """What a dial asks, of which points where that is not said by the question."""
    title = TITLES.get(family, family)
    if family != OF_POINTS:
        return title
    points = ", ".join(SIDES.get(side, side) for side in sides)
    return f"{points}: {'SELI' if geometry == 'seli' else title}"


def histories(trajectory: Trajectory) -> dict[str, tuple[float | None, ...]]:
    """By family and for every point: the nines of its weakest dial, within those of a bar."""
    points = [dict(_nines_of(point.report.verdict)) for point in trajectory.points]
    families = dict.fromkeys(family for point in points for family in point)
    return {family: tuple(point.get(family) for point in points) for family in families}


def _nines_of(verdict: Verdict | None) -> Iterator[tuple[str, float]]:
    for bar in bars(verdict) if verdict is not None else ():
        yield bar.family, NINES * place(max(bar.weakest.left, bar.weakest.noise or 0.0))
