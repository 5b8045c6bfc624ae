"""One row per point or run and a column per metric: for plots, and for tables of many runs."""

from __future__ import annotations

import csv
import io

from nctool.render import Arrays, Renderer
from nctool.render.csv_file import safe
from nctool.report.documents import Document, table


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    columns, rows = table(document)
    writer.writerow([safe(name) for name in columns])
    writer.writerows(
        [safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return sheet.getvalue()


RENDERER = Renderer("wide CSV", (".wide.csv",), render)
