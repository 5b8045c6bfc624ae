"""Any document as lines for a terminal."""

from __future__ import annotations

from nctool.render import answer, curves, gates, moved, screen, side_by_side, summary
from nctool.render.lines import BLANK, Line, line, table
from nctool.report.comparison import Comparison
from nctool.report.documents import Document, report_of
from nctool.report.moves import has_dials
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import WEAKEST


def lines(
    document: Document,
    width: int,
    *,
    everything: bool = False,
    every_gate: bool = False,
    per_class: bool = False,
    plot: bool = False,
    verbose: bool = False,
) -> list[Line]:
    """What a person reads: the answer on one screen, or with ``everything`` all numbers.

    Where the answer was not asked for, it is the numbers that were.
    """
    whole = everything or not _answered(document)
    if isinstance(document, Comparison):
        out = (
            side_by_side.lines(document, width) if whole
            else moved.lines(document, width, gated=not every_gate)
        )  # fmt: skip
    elif not whole and (verdict := document.verdict) is not None:
        out = screen.lines(
            document, verdict, width, gated=not every_gate, per_class=per_class, plot=plot,
            verbose=verbose,
        )  # fmt: skip
    else:
        said = answer.lines(document, width)
        out = [*said, BLANK] if said else []
        if isinstance(document, Trajectory):
            out += curves.lines(document, width, per_class=per_class, plot=plot)
        else:
            out += summary.lines(document, width, per_class)
    if verbose:
        out += [BLANK, *_timing(document)]
    table = gates.lines(document, width) if whole or every_gate else []
    return [*out, BLANK, *table] if table else out


def _answered(document: Document) -> bool:
    """Whether the weakest of all parts was asked for; of runs, whether each has any part."""
    if isinstance(document, Comparison):
        return has_dials(document)
    report = report_of(document)
    return report is not None and report.get(WEAKEST) is not None


def _timing(document: Document) -> list[Line]:
    """What took how long, longest first; of a trajectory, its last point."""
    report = report_of(document)
    if report is None:
        return []
    spent = sorted(report.timing_s.items(), key=lambda step: -step[1])
    rows = [[name.replace("_", " "), f"{seconds:.3f} s"] for name, seconds in spent]
    return [line(("Time", "title")), *table(rows, "<>")]
