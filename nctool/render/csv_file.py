"""One row per metric and point or run: for spreadsheets, which must not run what a name says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from nctool.core.text import one_line
from nctool.render import Arrays, Renderer
from nctool.report import Report, Result
from nctool.report.comparison import Comparison
from nctool.report.documents import Document, named_reports

COLUMNS = (
    "run", "epoch", "step", "split", "id", "value", "status", "reason", "toward_collapse", "ideal",
    "floor", "best_known", "null_value", "null_sd", "noise_floor", "lower", "upper",
    "ci_low", "ci_high", "delta", "ratio", "change",
)  # fmt: skip
FORMULA = tuple("=+-@＝＋－＠")
"""What a formula begins with; wide forms too, which some spreadsheets take for the same."""


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
        for index, run in enumerate(document.runs):
            for row in document.rows:
                change, result = row.changes[index], run.report.get(row.metric.id)
                if result is not None:
                    own = cells(run.name, run.report, result)
                    yield [*own, change.delta, change.ratio, change.word]
    else:
        for name, report in named_reports(document):
            for result in report:
                yield [*cells(name, report, result), None, None, None]


def cells(name: str, report: Report, result: Result) -> list[object]:
    """Of one metric of one report every column but those of a change."""
    best = None if result.best_known is None else result.best_known.value
    return [
        name, report.run.get("epoch"), report.run.get("step"),
        str(report.run.get("split") or ""), result.id, result.value, result.status,
        result.reason or "", result.toward_collapse, result.ideal, result.floor, best,
        result.null_value, result.null_sd, result.noise_floor,
        *(result.bounds or (None, None)), *(result.ci or (None, None)),
    ]  # fmt: skip


def safe(text: str) -> str:
    """A cell that begins like a formula is text, and stays so."""
    text = one_line(text)
    # The apostrophe of OWASP's advice on CSV injection: a spreadsheet shows it as text.
    return "'" + text if text.startswith(FORMULA) else text


RENDERER = Renderer("CSV", (".csv",), render)
