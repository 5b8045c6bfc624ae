"""Saving and loading loses nothing: the same text comes back, from JSON and from a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nctool
from nctool.core.errors import InputError
from nctool.render import rendered
from nctool.report import Report, Result, documents
from nctool.report.comparison import Comparison, compare
from nctool.report.documents import Document
from nctool.report.runs import Run, grouped
from nctool.report.tolerance import Tolerance, tolerance_of
from nctool.report.trajectory import Point, Trajectory
from tests.cli.shell import DIGITS, EPOCH_10, inside
from tests.support.saved import EVERY, FOLDER, document, judged, report

SHORT = st.text(max_size=6)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
METRICS = tuple(result for result in report() if result.value is not None)[:6]


def with_value(metric: Result, value: float | None) -> Result:
    if value is None:
        return replace(metric, value=None, status="undefined", reason="for a reason", ci=None)
    return replace(metric, value=value)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Any values of some metrics, at any moment of any split."""
    chosen = draw(
        st.lists(st.sampled_from(METRICS), unique_by=lambda metric: metric.id, max_size=4)
    )
    run = {
        "id": draw(SHORT),
        "epoch": draw(st.none() | st.integers(0, 9)),
        "step": None,
        "split": draw(st.none() | SHORT),
    }
    metrics = tuple(with_value(metric, draw(st.none() | NUMBERS)) for metric in chosen)
    return replace(
        report(),
        metrics=metrics,
        run=run,
        data={"class_counts": draw(st.none()), "names": [draw(SHORT)]},
    )


POINTS = st.builds(Point, SHORT, NUMBERS | st.integers(), reports())
TRAJECTORIES = st.builds(
    Trajectory,
    st.sampled_from(["epoch", "step", "layer", "checkpoint"]),
    st.lists(POINTS, min_size=1, max_size=3).map(tuple),
    st.dictionaries(SHORT, NUMBERS | SHORT),
)  # fmt: skip
TOLERANCES = st.builds(Tolerance, *[st.floats(0, allow_infinity=False)] * 2)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Runs of any numbers, some of them groups, held against any of them by any tolerance."""
    runs = [Run(f"run-seed{place}", draw(reports())) for place in range(draw(st.integers(2, 3)))]
    if draw(st.booleans()):
        runs = [*grouped(runs, "seed"), Run("alone", draw(reports()))]
    tolerances = draw(st.dictionaries(st.sampled_from(["nc1", "nc1.pinv", "*"]), TOLERANCES))
    baseline = draw(st.integers(0, len(runs) - 1))
    return compare(runs, baseline=baseline, tolerances=tolerances, allow_mismatch=True)


def returns(whole: Document) -> None:
    """The same text, from the text itself and from what a page holds of it."""
    text = documents.to_json(whole)
    assert documents.to_json(documents.from_text(text)) == text
    page = documents.embed(whole)
    assert documents.to_json(documents.from_text(page)) == text


# Whatever numbers and names a document holds, it comes back as it was.
@given(reports() | TRAJECTORIES | comparisons())
def test_generated(whole: Document) -> None:
    returns(whole)


# So do the frozen documents, and from the page of each: all that an older version wrote is there.
@pytest.mark.parametrize("name", EVERY)
def test_frozen(name: str) -> None:
    returns(document(name))
    page = rendered(document(name), "x.html")
    assert isinstance(page, str)
    assert documents.from_text(page).to_dict() == document(name).to_dict()
    stored = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert within(stored, document(name).to_dict())


def within(old: object, new: object) -> bool:
    """Whether the new has all that the old has, whatever keys it adds."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and within(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return all(map(within, old, new)) and len(old) == len(new)
    return repr(old) == repr(new)


# What a command writes today is the same text after loading: of a run with gates, of one checkpoint
# with every class and intervals, of two splits.
@pytest.mark.parametrize(
    "words",
    [
        ("analyze", DIGITS, "--metrics", "collapse,nc1", "--gate", "ratio(nc1) <= 1"),
        ("analyze", EPOCH_10, "--per-class", "--bootstrap", "40"),
        ("compare", EPOCH_10, "--split", "train", "--split", "test", "--metrics", "collapse,nc2"),
    ],
)
def test_commands(words: Sequence[str | Path], tmp_path: Path) -> None:
    first, second, page = (tmp_path / name for name in ("a.json", "b.json", "c.html"))
    assert inside(*words, "--json", first, "-o", page, "-q").code == 0
    nctool.load(first).save(second)
    assert first.read_bytes() == second.read_bytes()
    nctool.load(page).save(second)
    assert first.read_bytes() == second.read_bytes()


# A number that was changed by hand is told, the verdict over it withheld, and that stays so.
def test_edited(tmp_path: Path) -> None:
    plain = judged({"nc1": 0.99, "nc2.means": 0.2, "nc3": 0.9, "nc4": 1.0}).to_dict()
    assert documents.from_dict(plain).to_dict() == plain
    for change in ({"value": 0.99}, {"details": {"left": 0.01}}, {"title": "Other"}):
        metrics = [*plain["metrics"][:-1], plain["metrics"][-1] | change]
        edited = documents.from_dict(plain | {"metrics": metrics})
        assert isinstance(edited, Report) and edited.verdict is not None
        assert (edited.verdict.word, edited.verdict.withheld) == (None, "report-edited")
        assert repr(edited).startswith("NO VERDICT  the numbers were changed")
        edited.save(tmp_path / "again.json")
        assert nctool.load(tmp_path / "again.json").to_dict() == edited.to_dict()


# A limit is read back as the number that it was, to the last digit.
@given(TOLERANCES)
def test_tolerance(limit: Tolerance) -> None:
    assert tolerance_of(f"nc1={limit}") == ("nc1", limit)


# Numbers whose difference or ratio has no float are compared all the same.
def test_overflow() -> None:
    first, *_ = METRICS
    runs = [Run(str(value), replace(report(), metrics=(with_value(first, value),)))
            for value in (-1.7e308, 1.7e308, 5e-324)]  # fmt: skip
    for baseline in range(3):
        whole = compare(runs, baseline=baseline, allow_mismatch=True)
        returns(whole)
        words = {change.word for change in whole.rows[0].changes}
        assert words <= {"baseline", "more collapsed", "less collapsed"}


# A trajectory or a comparison is not taken for a report, which would lose its points or runs.
@pytest.mark.parametrize("name", [name for name in EVERY if not name.startswith("report")])
def test_no_report(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    with pytest.raises(InputError) as caught:
        Report.from_json(text)
    assert caught.value.slug == "not-a-report" and "nctool.load" in caught.value.hint


# What a later minor version adds is no error, and what is written then says which version it is.
def test_later_version(tmp_path: Path) -> None:
    plain = report().to_dict() | {"schema_version": "1.99", "later": {"more": 1}}
    path = tmp_path / "later.json"
    path.write_text(json.dumps(plain), "utf-8")
    again = documents.read(path).to_dict()
    assert again == report().to_dict()
