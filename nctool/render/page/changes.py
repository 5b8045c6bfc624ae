"""Every metric of every run against the baseline's, with an arrow and a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from nctool.render.page.amounts import aligned, said
from nctool.render.page.results import heading
from nctool.render.summary import heading_of
from nctool.report.comparison import Change, Comparison

WORDS = ("more collapsed", "less collapsed", "within tolerance", "not comparable")
QUIET = ("baseline", "within tolerance")


@dataclass(frozen=True, slots=True)
class Cell:
    value: Markup
    word: str
    slug: str
    arrow: str
    notes: tuple[str, ...]


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
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """The table; metrics that no run has are named below it."""

    runs: tuple[str, ...]
    baseline: int
    groups: tuple[Group, ...]
    nowhere: tuple[str, ...]
    tally: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    """For every run but the baseline, how often each word was said."""


def changes(found: Comparison) -> Changes:
    groups: dict[str, list[Line]] = {}
    nowhere = []
    for row in found.rows:
        if all(one.value is None for one in row.changes):
            nowhere.append(row.metric.id)
            continue
        cells = tuple(_cell(one) for one in row.changes)
        quiet = all(one.word in QUIET for one in row.changes)
        toward = {"down": "↓", "up": "↑"}.get(row.metric.toward_collapse, "")
        line = Line(row.metric.id, row.metric.title, toward, cells, quiet)
        groups.setdefault(heading_of(row.metric.id), []).append(line)
    return Changes(
        tuple(run.name for run in found.runs),
        found.baseline,
        tuple(Group(*heading(text), tuple(lines)) for text, lines in groups.items()),
        tuple(nowhere),
        tuple(_tally(found)),
    )


def _tally(found: Comparison) -> Iterator[tuple[str, tuple[tuple[str, int], ...]]]:
    rows = [row for row in found.rows if any(one.value is not None for one in row.changes)]
    for place, run in enumerate(found.runs):
        if place != found.baseline:
            words = Counter(str(row.changes[place].word) for row in rows)
            yield run.name, tuple((word, words[word]) for word in WORDS if words[word])


def _cell(one: Change) -> Cell:
    arrow = ""
    if one.delta is not None and one.word not in QUIET:
        arrow = "↑" if one.delta > 0 else "↓" if one.delta < 0 else "="
    return Cell(aligned(one.value), one.word, one.word.replace(" ", "-"), arrow, _notes(one))


def _notes(one: Change) -> tuple[str, ...]:
    """Difference and ratio; the spread of a group and the intervals, where there are any."""
    notes = []
    if one.delta is not None:
        sign = "+" if one.delta > 0 else ""
        notes.append(f"{sign}{said(one.delta, 3)}")
    if one.ratio is not None:
        notes.append(f"×{said(one.ratio, 3)}")
    if one.spread is not None:
        notes.append(f"± {said(one.spread, 2)} over the group")
    if one.ci is not None:
        notes.append(f"interval {said(one.ci[0], 3)} to {said(one.ci[1], 3)}")
    if one.overlap is not None:
        notes.append("intervals overlap" if one.overlap else "intervals apart")
    return tuple(notes)
