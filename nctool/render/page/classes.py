"""The table with a row for every class and a column for every metric that has values by class."""

from __future__ import annotations

import json
from dataclasses import dataclass

from markupsafe import Markup, escape

from nctool.core.text import one_line
from nctool.render.page.amounts import decimals_for, fixed
from nctool.render.values.classes import Classes, classes, names_of, value_of, values_of
from nctool.report import Report, Result, result_to_dict

MOST_CELLS = 4000
"""A larger table is written by the script, from the data in the page."""
WIDE = 8
"""Cells that a row and the name in it count for."""


@dataclass(frozen=True, slots=True)
class Table:
    classes: Classes
    columns: list[tuple[Result, int | None]]
    """Each metric, and its decimals; None for powers of ten."""
    families: list[str]
    rows: range
    """Of the classes; empty in a table that is too large to be written twice."""


def table(report: Report) -> Table | None:
    """None where neither values by class nor the names of all classes are known."""
    known = classes(report)
    if known is None and report.data.get("class_names"):
        names = names_of(report)
        known = Classes((), len(names), names)
    if known is None:
        return None
    columns = [(result, decimals_for(values_of(result))) for result in known.results]
    families = dict.fromkeys(result.id.split(".")[0] for result in known.results)
    small = known.size * (WIDE + len(columns)) <= MOST_CELLS
    return Table(known, columns, [*families], range(known.size if small else 0))


def cell(result: Result, index: int, decimals: int | None) -> str:
    return fixed(value_of(result, index), decimals)


def values(report: Report) -> str:
    """What the script sorts by, as JSON, under the names that the report itself has for it."""
    metrics = [result_to_dict(result) for result in report if result.per_class]
    kept = [{key: metric.get(key) for key in ("id", "per_class", "worst")} for metric in metrics]
    return json.dumps({"metrics": kept}, separators=(",", ":"), allow_nan=False)


def breakable(name: str) -> Markup:
    """An id with places where a line may be broken."""
    mark = Markup("<wbr>")
    return escape(one_line(name)).replace(".", "." + mark).replace("_", "_" + mark)
