"""One row per metric and point or run: for spreadsheets, which must not run what a name says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from nctool.core.text import one_line
from nctool.render import Arrays, Renderer
from nctool.report import Report, Result
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

COLUMNS = (
    "run", "epoch", "step", "split", "id", "value", "status", "reason", "toward_collapse", "ideal",
    "floor", "best_known", "null_value", "noise_floor", "lower", "upper", "ci_low", "ci_high",
    "delta", "ratio", "change",
)  # fmt: skip
FORMULA = tuple("=+-@＝＋－＠")
"""Their wide forms too: some spreadsheets take them for the same."""


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        [safe(cell) if isinstance(cell, str) else cell for cell in row] for row in _rows(document)
    )
    return sheet.getvalue()


def _rows(document: Document) -> Iterator[list[object]]:
    if isinstance(document, Comparison):
        for place, run in enumerate(document.runs):
            found = {one.id: one for one in run.report}
            for row in document.rows:
                change = row.changes[place]
                if row.metric.id in found:
                    cells = _cells(run.name, run.report, found[row.metric.id])
                    yield [*cells, change.delta, change.ratio, change.word]
    elif isinstance(document, Trajectory):
        for point in document.points:
            for one in point.report:
                yield [*_cells(point.label, point.report, one), None, None, None]
    else:
        for one in document:
            yield [*_cells(str(document.run.get("id") or ""), document, one), None, None, None]


def _cells(name: str, report: Report, one: Result) -> list[object]:
    low, high = one.bounds or (None, None)
    first, last = one.ci or (None, None)
    return [
        name, report.run.get("epoch"), report.run.get("step"),
        str(report.run.get("split") or ""), one.id, one.value, one.status,
        one.reason or "", one.toward_collapse, one.ideal, one.floor,
        None if one.best_known is None else one.best_known.value, one.null_value, one.noise_floor,
        low, high, first, last,
    ]  # fmt: skip


def safe(text: str) -> str:
    """A cell that begins like a formula is text, and stays so."""
    text = one_line(text)
    return "'" + text if text.startswith(FORMULA) else text


RENDERER = Renderer("CSV", (".csv",), render)
