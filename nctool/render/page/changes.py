"""Every metric of every run against the baseline's, with an arrow and a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nctool.render.page.amounts import said
from nctool.render.page.dials import MOST_RUNS, Sign
from nctool.render.page.numbers import Headed, headed
from nctool.render.page.scales import Scale, Tick, spread_out, ticks
from nctool.render.values.changes import factors, has_factor, tally, valued
from nctool.report.changes import Change
from nctool.report.comparison import Comparison, Row

MOST_ROWS = 24
LABEL = 12
"""Percent of the axis that a label takes."""
QUIET = ("baseline", "within tolerance")


def table(
    comparison: Comparison,
) -> tuple[list[Headed[Row]], list[str], Iterator[tuple[str, tuple[tuple[str, int], ...]]]]:
    """Rows by family, the metrics that no run has, and how often each word applies."""
    rows, nowhere = valued(comparison)
    return headed((row.metric.id, row) for row in rows), nowhere, tally(comparison)


def quiet(row: Row) -> bool:
    """Nothing but the baseline and what is within tolerance of it."""
    return all(change.word in QUIET for change in row.changes)


def direction(change: Change) -> str:
    """Where a number went that is not within tolerance."""
    if change.delta is None or change.word in QUIET:
        return ""
    return "↑" if change.delta > 0 else "↓" if change.delta < 0 else "="


def notes(change: Change) -> Iterator[str]:
    """Difference and ratio; the spread of a group and the intervals, where there are any."""
    if change.delta is not None:
        yield f"{'+' if change.delta > 0 else ''}{said(change.delta, 3)}"
    if change.ratio is not None:
        yield f"×{said(change.ratio, 3)}"
    if change.spread is not None:
        yield f"± {said(change.spread, 2)} over the group"
    if change.ci is not None:
        yield f"interval {said(change.ci[0], 3)} to {said(change.ci[1], 3)}"
    if change.overlap is not None:
        yield "intervals overlap" if change.overlap else "intervals apart"


@dataclass(frozen=True, slots=True)
class Chart:
    """By which factor every run differs from the baseline; places in percent of the axis."""

    one: float
    """Where nothing changes."""
    across: tuple[Tick, ...]
    rows: tuple[tuple[Row, tuple[Sign, ...]], ...]
    more: int
    """Changed metrics that are not drawn."""


def chart(comparison: Comparison) -> Chart | None:
    """None where no ratio moved by more than the tolerance."""
    found = factors(comparison, MOST_ROWS, MOST_RUNS - 1)
    if not found.rows:
        return None
    room = max((found.high / found.low) ** 0.04, 1.02)
    x = Scale(found.low / room, found.high * room, 0, 100, log=True)
    names = {index: comparison.runs[index].name for index in found.runs}
    rows = tuple(
        (row, tuple(
            Sign(x(change.ratio or 1.0), f"run{place}", "", _said(names[index], change))
            for place, index in enumerate(found.runs, 1)
            if has_factor(change := row.changes[index])
        ))
        for row in found.rows
    )  # fmt: skip
    across = sorted(ticks(x, 5), key=lambda tick: tick.place)
    return Chart(x(1.0), spread_out(across, LABEL), rows, found.all_rows - len(rows))


def _said(name: str, change: Change) -> str:
    return f"{name}: × {said(change.ratio, 3)}"
