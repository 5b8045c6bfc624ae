"""Tables for other tools: a row per point or run, and numbers by id alone."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

import pytest

from nctool.render import rendered, suffix_of
from nctool.render.csv_file import FORMULA
from nctool.report.documents import Document, named_reports
from nctool.report.trajectory import joined
from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, comparison, document, of, report, trajectory


def text(subject: Document, name: str = "run.wide.csv") -> str:
    whole = rendered(subject, name)
    assert isinstance(whole, str)
    return whole


def rows(subject: Document) -> list[dict[str, str]]:
    """Strictly parsed; every row has every column."""
    head, *body = csv.reader(io.StringIO(text(subject)), strict=True)
    assert len(set(head)) == len(head)
    return [dict(zip(head, row, strict=True)) for row in body]


# Every point and every run is one row, with its name, its moment and every value to the last digit.
@pytest.mark.parametrize("name", EVERY)
def test_every_number(name: str) -> None:
    saved = document(name)
    for row, (label, its) in zip(rows(saved), named_reports(saved), strict=True):
        assert row["run"] == label
        moment = [row["epoch"], row["step"], row["split"]]
        assert moment == ["" if its.run[key] is None else str(its.run[key])
                          for key in ("epoch", "step", "split")]  # fmt: skip
        values = {result.id: result.value for result in its}
        assert values.keys() <= row.keys()
        read = {key: float(row[key]) if row[key] else None for key in values}
        assert read == values


# Layers have a place and no epoch: then that is a column, and a metric of one layer alone is too.
def test_layers() -> None:
    inner, last = of({"nc1.pinv": 2.0}), of({"nc1.pinv": 0.5, "nc4.accuracy": 1.0})
    table = rows(joined([inner, last], ["a", "b"], axis="layer"))
    assert [row["layer"] for row in table] == ["1", "2"]
    assert [row["nc4.accuracy"] for row in table] == ["", "1.0"]
    assert "layer" not in rows(trajectory())[0]


# A comparison has the metrics that it shows, in its order.
def test_arranged() -> None:
    saved = comparison()
    few = replace(saved, rows=saved.rows[3:1:-1])
    assert [*rows(few)[0]][4:] == [row.metric.id for row in few.rows]


# Whatever names say, no cell but a number begins like a formula, and no row becomes two.
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", ["report-gated-1.0", "trajectory-1.0", "comparison-splits-1.0"])
def test_names_are_text(name: str, kind: str) -> None:
    whole = text(named(name, TEXTS[kind], ids=True))
    whole.encode()
    table = list(csv.reader(io.StringIO(whole), strict=True))
    assert len(table) == len(whole.splitlines()) == len(text(named(name, "")).splitlines())
    for cell in (cell for row in table for cell in row):
        assert all(sign.isprintable() for sign in cell)
        if cell.startswith(FORMULA):
            float(cell)


# The flat JSON is one object of finite numbers: those of ``flat()``.
@pytest.mark.parametrize("name", EVERY)
def test_flat_json(name: str) -> None:
    saved = document(name)
    plain = json.loads(text(saved, "metrics.flat.json"))
    assert plain == saved.flat() and len(plain) > 5
    assert all(type(value) is float and math.isfinite(value) for value in plain.values())


# Another separator stands for every dot of the ids, and for none of the names of runs.
def test_separator() -> None:
    assert report().flat("nc/", separator="/")["nc/nc1/pinv"] == report().value("nc1.pinv")
    assert trajectory().flat("", "_") == trajectory().last.flat("", "_")
    runs = comparison().runs
    ids = [f"{run.name}.{key}" for run in runs for key in run.report.flat()]
    assert [*comparison().flat()] == ids
    assert f"{runs[1].name}/nc1/pinv" in comparison().flat(separator="/")


# The longest ending that is a kind decides; what stands before it may hold dots.
@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("run.wide.csv", ".wide.csv"),
        ("a.b/RUN.Wide.CSV", ".wide.csv"),
        ("epoch.1.wide.csv", ".wide.csv"),
        ("wide.csv", ".csv"),
        ("a.b.csv", ".csv"),
        (".wide.csv", ".csv"),
        ("m.flat.json", ".flat.json"),
        ("m.wide.json", ".json"),
        ("report", ""),
    ],
)
def test_suffix(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix
