"""The dials as lines: bars in nines with a tick at chance, percentages, and sparklines."""

from __future__ import annotations

from collections.abc import Iterable

from nctool.render.curves import MOST_BARS, heights, thinned
from nctool.render.lines import Line, Style, line
from nctool.render.values.dials import NINES, Bar, bars, histories
from nctool.report.sentence import percent
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import Verdict

STEP = 6
"""Characters from one nine to the next."""
CELLS = NINES * STEP + 1
HEADS = "random 90%  99% 99.9% perfect"
"""Over the ends and the nines of a bar, from one character before it."""
WIDTH_OF_WAY = 5
"""Room for its heading, clear of the word before it."""
FEWEST_BARS = 8
"""Less room than this shows no course."""


def lines(verdict: Verdict, width: int, trajectory: Trajectory | None = None) -> list[Line]:
    """One line per family. Of too little room the sparklines go first, then the bars."""
    shown = bars(verdict)
    if not shown:
        return []
    ways = [way(bar) for bar in shown]
    names = [f"{bar.family.upper():<5}{bar.title}" for bar in shown]
    aside, wide = max(map(len, names)), max(WIDTH_OF_WAY, *map(len, ways))
    if aside + 1 + wide > width:
        names = [bar.family.upper() for bar in shown]
        aside = max(map(len, names))
    room = width - (aside + 1 + CELLS + 2 + wide)
    most = min(MOST_BARS, room - 2)
    courses = {} if trajectory is None or most < FEWEST_BARS else histories(trajectory)
    out = []
    if room >= 0:
        over = f"  over {trajectory.axis}s" if courses and trajectory is not None else ""
        heads = f"{'':{aside}}{HEADS}{'way':>{wide + CELLS + 3 - len(HEADS)}}"
        heads += over if len(heads) + len(over) <= width else ""
        out.append(line((heads[:width].rstrip(), "faint")))
    for bar, name, text in zip(shown, names, ways, strict=True):
        course = thinned(courses.get(bar.family, ()), max(most, 0))
        parts = [f"{text:>{wide}}", f"  {heights(course, 0, NINES)}" if course else ""]
        marks = [(mark.sign, mark.at) for mark in bar.marks]
        middle = f" {drawn(marks, bar.tick, bar.end)}  " if room >= 0 else " "
        out.append(line((f"{name:<{aside}}", _style(bar, verdict)), middle, *parts))
    return out


def drawn(marks: Iterable[tuple[str, float]], tick: float | None = None, end: float = 1.0) -> str:
    """``├─╵───┼─────┼──M──┼─W───┤``: signs at their places, all from 0 to 1, up to its end."""
    last = round(end * (CELLS - 1))
    cells = ["┼" if cell % STEP == 0 else "─" for cell in range(last + 1)]
    cells[0], cells[last] = "├", "┤"
    at_chance = min(round((tick or 0) * (CELLS - 1)), last)
    if at_chance:  # at the left end it would say no more than the end itself
        cells[at_chance] = "╵"
    taken = set()
    for sign, at in marks:
        cell = min(round(at * (CELLS - 1)), last)
        cells[cell] = "●" if cell in taken else sign
        taken.add(cell)
    return "".join(cells).ljust(CELLS)


def way(bar: Bar) -> str:
    """The number of the weakest dial; of few samples a class it is a bound."""
    weakest = bar.weakest
    return ("≥ " if weakest.bound and weakest.way > 0 else "") + percent(weakest.way, weakest.left)


def _style(bar: Bar, verdict: Verdict) -> Style:
    if bar.weakest.id == verdict.weakest:
        return "title"
    return "" if bar.counted else "faint"
