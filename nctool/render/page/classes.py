"""The table with a row for every class and a column for every metric that has values by class."""

from __future__ import annotations

import json
from dataclasses import dataclass

from markupsafe import Markup, escape

from nctool.core.text import one_line
from nctool.render.page.amounts import decimals_for, fixed
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
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[Column, ...]
    families: tuple[str, ...]
    rows: tuple[Row, ...]
    """Empty in a table that is too large to be written twice."""
    size: int


def table(report: Report) -> Table | None:
    known = [one for one in report if one.per_class]
    if not known:
        return None
    columns = tuple(_column(one) for one in known)
    size = max(len(one.per_class or ()) for one in known)
    names = {worst.index: worst.name for one in report for worst in one.worst or ()}
    rows: tuple[Row, ...] = ()
    if size * len(columns) <= MOST_CELLS:
        rows = tuple(
            Row(
                index, names.get(index, ""),
                tuple(
                    fixed(_value(one, index), column.decimals)
                    for one, column in zip(known, columns, strict=True)
                ),
            )
            for index in range(size)
        )  # fmt: skip
    families = tuple(dict.fromkeys(column.family for column in columns))
    return Table(columns, families, rows, size)


def values(report: Report) -> str:
    """What the script sorts by, as JSON, under the names that the report itself has for it."""
    known = [result_to_dict(one) for one in report if one.per_class]
    kept = [{key: one.get(key) for key in ("id", "per_class", "worst")} for one in known]
    return json.dumps({"metrics": kept}, separators=(",", ":"), allow_nan=False)


def breakable(name: str) -> Markup:
    mark = Markup("<wbr>")
    return escape(one_line(name)).replace(".", "." + mark).replace("_", "_" + mark)


def _column(one: Result) -> Column:
    values = [value for value in one.per_class or () if value is not None]
    arrow = {"down": "↓", "up": "↑"}.get(one.toward_collapse, "")
    return Column(
        one.id, breakable(one.id), one.title, one.id.split(".")[0], arrow, decimals_for(values)
    )


def _value(one: Result, index: int) -> float | None:
    values = one.per_class or ()
    return values[index] if index < len(values) else None
