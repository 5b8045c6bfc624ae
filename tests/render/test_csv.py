"""CSV: every number, in rows that a spreadsheet takes apart as they were put together."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from nctool.render import rendered
from nctool.render.csv_file import COLUMNS, FORMULA
from nctool.report import Report, Result
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory
from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, comparison, document, of, report, trajectory


def text(subject: Document) -> str:
    whole = rendered(subject, "x.csv")
    assert isinstance(whole, str)
    return whole


def rows(subject: Document) -> list[dict[str, str]]:
    """Strictly parsed; every row has every column."""
    reader = csv.reader(io.StringIO(text(subject)), strict=True)
    head, *body = list(reader)
    assert head == list(COLUMNS)
    assert {len(row) for row in body} <= {len(head)}
    return [dict(zip(head, row, strict=True)) for row in body]


def expected(subject: Document) -> list[tuple[str, Report, Result]]:
    """Run, its report, and one result, in the order of the rows."""
    if isinstance(subject, Trajectory):
        return [
            (point.label, point.report, each) for point in subject.points for each in point.report
        ]
    if isinstance(subject, Comparison):
        order = [row.metric.id for row in subject.rows]
        return [
            (run.name, run.report, run.report[name])
            for run in subject.runs
            for name in order
            if name in [result.id for result in run.report]
        ]
    return [(str(subject.run["id"] or ""), subject, each) for each in subject]


def same(cell: str, value: float | None) -> bool:
    return cell == "" if value is None else float(cell) == value


# Every value, reference and interval is there, to the last digit; what is absent is empty.
@pytest.mark.parametrize("name", EVERY)
def test_every_number(name: str) -> None:
    saved = document(name)
    table = rows(saved)
    whole = expected(saved)
    assert len(table) == len(whole) > 50
    for row, (run, its, one) in zip(table, whole, strict=True):
        assert (row["run"], row["id"], row["status"]) == (run, one.id, one.status)
        assert row["reason"] == (one.reason or "")
        assert row["epoch"] == str(its.run["epoch"] if its.run["epoch"] is not None else "")
        low, high = one.bounds or (None, None)
        numbers = {
            "value": one.value, "ideal": one.ideal, "floor": one.floor,
            "best_known": None if one.best_known is None else one.best_known.value,
            "null_value": one.null_value, "null_sd": one.null_sd, "noise_floor": one.noise_floor,
            "lower": low, "upper": high,
        }  # fmt: skip
        assert [key for key, value in numbers.items() if not same(row[key], value)] == []


# A comparison's rows say how far each run is from the baseline, in numbers and in words.
@pytest.mark.parametrize("name", ["comparison-1.0", "comparison-splits-1.0"])
def test_changes(name: str) -> None:
    saved = comparison(name)
    table = {(row["run"], row["id"]): row for row in rows(saved)}
    for row in saved.rows:
        for run, change in zip(saved.runs, row.changes, strict=True):
            cells = table[run.name, row.metric.id]
            assert cells["change"] == change.word
            assert same(cells["delta"], change.delta) and same(cells["ratio"], change.ratio)


# An interval fills its two columns.
def test_interval() -> None:
    one = replace(report()["nc1.pinv"], ci=(0.25, 0.5))
    (row,) = rows(replace(report(), metrics=(one,)))
    assert (row["ci_low"], row["ci_high"]) == ("0.25", "0.5")


# An epoch 0 is an epoch, and an empty document a header.
def test_edges() -> None:
    start = of({"nc1.pinv": 0.0}, run={**report().run, "epoch": 0})
    (row,) = rows(start)
    assert (row["epoch"], row["value"]) == ("0", "0.0")
    assert rows(of({})) == []


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


# A quoted formula is still read as what it was.
def test_formula_is_kept() -> None:
    course = replace(trajectory(), points=(replace(trajectory().points[0], label="=1+1"),))
    assert {row["run"] for row in rows(course)} == {"'=1+1"}
