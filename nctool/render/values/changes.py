"""What changed between runs: dials that moved, rows with their words, and by which factor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from nctool.report.changes import Change
from nctool.report.comparison import Comparison, Row, arranged
from nctool.report.moves import moved
from nctool.report.runs import Run
from nctool.report.sentence import dial_name
from nctool.report.verdict import PREFIX, Dial

WORDS = ("more collapsed", "less collapsed", "within tolerance", "not comparable")


@dataclass(frozen=True, slots=True)
class Factors:
    """Rows with a ratio to the baseline that has a place on a logarithmic axis."""

    rows: tuple[Row, ...]
    runs: tuple[int, ...]
    """Indices of the runs that are compared with the baseline."""
    low: float
    high: float
    """Ends of the axis; one is always between them."""
    all_rows: int
    all_runs: int
    """How many there are in all, shown or not."""
    unplaced: tuple[str, ...]
    """Metrics that changed too, without a positive ratio."""


def factors(comparison: Comparison, most_rows: int, most_runs: int) -> Factors:
    """Of more rows than have room the largest changes, in the order of the document."""
    # A way to collapse is a share: its dial shows where it went, a ratio would not.
    kept = tuple(row for row in comparison.rows if not row.metric.id.startswith(PREFIX))
    comparison = replace(comparison, rows=kept)
    changed = arranged(comparison, only_changed=True).rows
    rows = [row for row in changed if _placed(row)]
    by_size = {
        row.metric.id: rank for rank, row in enumerate(arranged(comparison, by="change").rows)
    }
    largest = sorted(rows, key=lambda row: by_size[row.metric.id])[:most_rows]
    names = {row.metric.id for row in largest}
    shown = tuple(row for row in rows if row.metric.id in names)
    ratios = [change.ratio or 1.0 for row in shown for change in row.changes if has_factor(change)]
    runs = tuple(index for index, _ in others(comparison))
    return Factors(
        shown, runs[:most_runs], min([1.0, *ratios]), max([1.0, *ratios]), len(rows), len(runs),
        tuple(row.metric.id for row in changed if not _placed(row)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MovedDial:
    """One dial where the baseline has it, and where a run has it."""

    name: str
    before: Dial
    now: Dial
    change: Change


def moved_dials(comparison: Comparison, index: int) -> list[MovedDial]:
    """The dials of a run that moved, furthest first; none where nobody measured dials."""
    base, run = comparison.runs[comparison.baseline].report, comparison.runs[index].report
    before, now = base.verdict, run.verdict
    if before is None or now is None:
        return []
    out = []
    for name, change in moved(comparison, index):
        old, new = before.dial(name), now.dial(name)
        if old is not None and new is not None:
            out.append(MovedDial(dial_name(name).replace(",", ""), old, new, change))
    return out


def has_factor(change: Change) -> bool:
    """A ratio that has a logarithm: a number that changed its sign has none."""
    return change.ratio is not None and change.ratio > 0


def _placed(row: Row) -> bool:
    return any(map(has_factor, row.changes))


def others(comparison: Comparison) -> list[tuple[int, Run]]:
    """Every run but the baseline, with its index."""
    return [pair for pair in enumerate(comparison.runs) if pair[0] != comparison.baseline]


def valued(comparison: Comparison) -> tuple[list[Row], list[str]]:
    """Rows that some run has a value of, and the metrics of all others."""
    rows = [
        row for row in comparison.rows if any(change.value is not None for change in row.changes)
    ]
    kept = {row.metric.id for row in rows}
    return rows, [row.metric.id for row in comparison.rows if row.metric.id not in kept]


def tally(comparison: Comparison) -> Iterator[tuple[str, tuple[tuple[str, int], ...]]]:
    """For every run but the baseline, how often each word applies."""
    rows, _ = valued(comparison)
    for index, run in others(comparison):
        words = Counter(str(row.changes[index].word) for row in rows)
        yield run.name, tuple((word, words[word]) for word in WORDS if words[word])
