"""Every metric of every run against the baseline's, with an arrow and a word."""

from __future__ import annotations

from collections.abc import Iterator

from nctool.render.page.amounts import said
from nctool.render.page.numbers import Headed, headed
from nctool.render.values.changes import tally, valued
from nctool.report.changes import Change
from nctool.report.comparison import Comparison, Row

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
