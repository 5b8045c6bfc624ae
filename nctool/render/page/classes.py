"""The table with a row for every class and a column for every metric that has values by class."""

from __future__ import annotations

import json
from dataclasses import dataclass

from markupsafe import Markup, escape

from nctool.core.text import one_line
from nctool.render.page.amounts import decimals_for, fixed
from nctool.render.values.classes import classes, value_of
from nctool.render.values.curves import known
from nctool.render.values.words import ARROWS
from nctool.report import Report, Result, result_to_dict

MOST_CELLS = 4000
"""A larger table is written by the script, from the data in the page."""


@dataclass(frozen=True, slots=True)
class Column:
    id: str
    head: Markup
    """The id, with places where it may be broken."""
    title: str
    family: str
    arrow: str
    decimals: int | None


@dataclass(frozen=True, slots=True)
class Row:
    index: int
    name: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    columns: list[Column]
    families: list[str]
    rows: list[Row]
    """Empty in a table that is too large to be written twice."""
    size: int


def table(report: Report) -> Table | None:
    by_class = classes(report)
    if by_class is None:
        return None
    columns = [_column(result) for result in by_class.results]
    pairs = [*zip(by_class.results, columns, strict=True)]
    written = range(by_class.size if by_class.size * len(columns) <= MOST_CELLS else 0)
    rows = [
        Row(
            index, by_class.names.get(index, ""),
            [fixed(value_of(result, index), column.decimals) for result, column in pairs],
        )
        for index in written
    ]  # fmt: skip
    families = [*dict.fromkeys(column.family for column in columns)]
    return Table(columns, families, rows, by_class.size)


def values(report: Report) -> str:
    """What the script sorts by, as JSON, under the names that the report itself has for it."""
    metrics = [result_to_dict(result) for result in report if result.per_class]
    kept = [{key: metric.get(key) for key in ("id", "per_class", "worst")} for metric in metrics]
    return json.dumps({"metrics": kept}, separators=(",", ":"), allow_nan=False)


def _column(result: Result) -> Column:
    arrow, family = ARROWS.get(result.toward_collapse, ""), result.id.split(".")[0]
    decimals = decimals_for(known(result.per_class or ()))
    return Column(result.id, _breakable(result.id), result.title, family, arrow, decimals)


def _breakable(name: str) -> Markup:
    mark = Markup("<wbr>")
    return escape(one_line(name)).replace(".", "." + mark).replace("_", "_" + mark)
