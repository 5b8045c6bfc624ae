"""Every metric of every run against the baseline's, with an arrow and a word."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from nctool.render.page.amounts import aligned, said
from nctool.render.page.numbers import heading
from nctool.render.values.changes import tally, valued
from nctool.render.values.words import ARROWS, by_heading
from nctool.report.comparison import Change, Comparison, Row

QUIET = ("baseline", "within tolerance")


@dataclass(frozen=True, slots=True)
class Cell:
    value: Markup
    word: str
    slug: str
    arrow: str
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Line:
    id: str
    title: str
    toward: str
    cells: tuple[Cell, ...]
    quiet: bool
    """Nothing but the baseline and what is within tolerance of it."""


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    question: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Changes:
    """The table; metrics that no run has are named below it."""

    runs: tuple[str, ...]
    baseline: int
    groups: list[Group]
    nowhere: list[str]
    tally: list[tuple[str, tuple[tuple[str, int], ...]]]


def changes(comparison: Comparison) -> Changes:
    rows, nowhere = valued(comparison)
    groups = by_heading((row.metric.id, _line(row)) for row in rows)
    return Changes(
        tuple(run.name for run in comparison.runs),
        comparison.baseline,
        [Group(*heading(text), lines) for text, lines in groups.items()],
        nowhere,
        [*tally(comparison)],
    )


def _line(row: Row) -> Line:
    metric, toward = row.metric, ARROWS.get(row.metric.toward_collapse, "")
    quiet = all(change.word in QUIET for change in row.changes)
    return Line(metric.id, metric.title, toward, tuple(map(_cell, row.changes)), quiet)


def _cell(change: Change) -> Cell:
    delta, word, arrow = change.delta, change.word, ""
    if delta is not None and word not in QUIET:
        arrow = "↑" if delta > 0 else "↓" if delta < 0 else "="
    return Cell(aligned(change.value), word, word.replace(" ", "-"), arrow, _notes(change))


def _notes(change: Change) -> list[str]:
    """Difference and ratio; the spread of a group and the intervals, where there are any."""
    notes = []
    if change.delta is not None:
        notes.append(f"{'+' if change.delta > 0 else ''}{said(change.delta, 3)}")
    if change.ratio is not None:
        notes.append(f"×{said(change.ratio, 3)}")
    if change.spread is not None:
        notes.append(f"± {said(change.spread, 2)} over the group")
    if change.ci is not None:
        notes.append(f"interval {said(change.ci[0], 3)} to {said(change.ci[1], 3)}")
    if change.overlap is not None:
        notes.append("intervals overlap" if change.overlap else "intervals apart")
    return notes
