"""From a document to a file, a table or a notebook cell: what its methods in Python call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nctool.core import files
from nctool.core.errors import UsageError
from nctool.core.extras import Extra
from nctool.render import figure, notebook, rendered, renderer_for
from nctool.render.csv_file import COLUMNS, cells
from nctool.report import Report
from nctool.report.documents import Document, report_of, table
from nctool.report.shown import Arrays
from nctool.report.trajectory import Trajectory

PANDAS = Extra("pandas", ("pandas",))


def save(document: Document, path: str | Path, arrays: Arrays = None) -> None:
    """Write a file, its kind by suffix; whole or not at all."""
    target = str(path)
    renderer_for(target)
    files.check_writable(target)
    files.write(target, rendered(document, target, _at_hand(document, arrays)))


def plot(document: Document, path: str | Path, arrays: Arrays = None) -> None:
    """Draw a figure; a suffix of another kind is refused, and not written as what it says."""
    if renderer_for(str(path)) is not figure.RENDERER:
        kinds = " ".join(figure.RENDERER.suffixes)
        message = f"{str(path)!r} is no figure"
        raise UsageError("no-figure", message, f"end it in one of: {kinds}; save writes the others")
    save(document, path, arrays)


def _at_hand(document: Document, arrays: Arrays) -> Mapping[str, Any] | None:
    """The arrays that are given, or else those that were kept when the report was measured."""
    if arrays is None:
        report = report_of(document)
        return None if report is None else report.behind
    if not isinstance(arrays, str | Path):
        return arrays
    from nctool.analysis.saved_arrays import Saved

    return Saved(Path(arrays))


def frame(document: Document) -> Any:
    """The numbers as a pandas DataFrame."""
    PANDAS.demand("a table")
    import pandas

    if isinstance(document, Report):
        columns = [*COLUMNS[COLUMNS.index("id") : COLUMNS.index("delta")]]
        rows = [cells("", document, result)[-len(columns) :] for result in document]
        return pandas.DataFrame(rows, columns=columns).set_index("id")
    columns, whole = table(document)
    sheet = pandas.DataFrame(whole, columns=columns)
    axis = document.axis if isinstance(document, Trajectory) else "run"
    numbers = columns[columns.index("split") + 1 :]
    # A column of None alone would be one of objects, which no plot and no mean takes.
    return sheet.astype(dict.fromkeys(numbers, float)).set_index(axis)


def sentence(document: Document) -> str:
    """One line: the verdict, or what there is where nothing asked for one."""
    return notebook.headline(document)


def fragment(document: Document) -> str:
    """HTML for the cell of a notebook."""
    return notebook.fragment(document)
