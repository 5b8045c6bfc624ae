"""Any document as lines for a terminal."""

from __future__ import annotations

from nctool.render import curves, side_by_side, summary, verdict
from nctool.render.lines import BLANK, Line, line, table
from nctool.report.comparison import Comparison
from nctool.report.documents import Document, report_of
from nctool.report.trajectory import Trajectory


def lines(
    document: Document,
    width: int,
    *,
    per_class: bool = False,
    plot: bool = False,
    verbose: bool = False,
) -> list[Line]:
    """What a person reads: the numbers, then the gates if there were any."""
    if isinstance(document, Comparison):
        out = side_by_side.lines(document, width)
    elif isinstance(document, Trajectory):
        out = curves.lines(document, width, per_class=per_class, plot=plot)
    else:
        out = summary.lines(document, width, per_class)
    if verbose:
        out += [BLANK, *_timing(document)]
    gates = verdict.lines(document, width)
    return [*out, BLANK, *gates] if gates else out


def _timing(document: Document) -> list[Line]:
    """What took how long, longest first; of a trajectory, its last point."""
    report = report_of(document)
    if report is None:
        return []
    spent = sorted(report.timing_s.items(), key=lambda step: -step[1])
    rows = [[name.replace("_", " "), f"{seconds:.3f} s"] for name, seconds in spent]
    return [line(("Time", "title")), *table(rows, "<>")]
