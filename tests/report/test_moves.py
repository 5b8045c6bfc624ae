"""What moved between two runs, in nines: the words, the sentence, and what counts as the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nctool.core.notice import Notice
from nctool.report import Report, documents
from nctool.report.comparison import Comparison, compare
from nctool.report.moves import moved, standing
from nctool.report.runs import Run, grouped
from nctool.report.tolerance import Tolerance
from tests.support.saved import judged, of

WAYS = {"nc1": 0.999, "nc2.means": 0.99, "nc3": 0.9, "nc4": 0.5}


def against(now: dict[str, float], **tolerances: Tolerance) -> Comparison:
    return compare(
        [Run("a", judged(WAYS)), Run("b", judged(WAYS | now))],
        tolerances={f"collapse.{name}": limit for name, limit in tolerances.items()},
    )


def with_dial(report: Report, name: str, **changes: object) -> Report:
    metrics = tuple(
        replace(result, **changes) if result.id == f"collapse.{name}" else result  # type: ignore[arg-type]
        for result in report.metrics
    )
    return replace(report, metrics=metrics)


def said(*reports: Report) -> str | None:
    return compare([Run(name, each) for name, each in zip("ab", reports, strict=True)]).sentences[1]


# Which way and by how many nines: one dial, several, and both ways at once.
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"nc1": 0.99}, "b is less collapsed than a in NC1: 1 nine back; all else the same"),
        ({"nc4": 0.95}, "b is more collapsed than a in NC4: 1 nine further; all else the same"),
        (
            {"nc1": 0.99, "nc2.means": 0.98},
            "b is less collapsed than a in NC1 (1 nine back) and NC2 means (0.3 nines back); "
            "all else the same",
        ),
        (
            {"nc1": 0.99, "nc2.means": 0.98, "nc3": 0.91, "nc4": 0.7},
            "b is less collapsed than a in NC1 (1 nine back) and NC2 means (0.3 nines back), more "
            "in NC4: 0.22 nines further; all else the same",
        ),
        ({"nc4": 1.0}, "b is more collapsed than a in NC4: complete; all else the same"),
    ],
)
def test_sentence(now: dict[str, float], expected: str) -> None:
    # Decisions are counted: nothing of what is left of NC4 is rounding.
    before, after = (
        with_dial(judged(ways), "nc4", details={"left": 1 - ways["nc4"]})
        for ways in (WAYS, WAYS | now)
    )
    assert said(before, after) == expected


# A twentieth of a nine is no move; a tolerance that was asked for counts instead.
def test_tolerance() -> None:
    assert moved(against({"nc1": 0.9989, "nc4": 0.53}), 1) == []
    assert len(moved(against({"nc1": 0.9988, "nc4": 0.56}), 1)) == 2
    asked = against({"nc4": 0.56}, nc4=Tolerance(abs=0.1))
    assert asked.sentences[1] == "b is the same as a: every dial within tolerance or interval"


# A change inside the interval of either run is none, of dials and of other metrics; and none under
# the noise of either, nor inside the spread of a group's seeds.
def test_noise() -> None:
    back = judged(WAYS | {"nc1": 0.99})
    for name in ("a", "b"):
        first, second = judged(WAYS), back
        if name == "a":
            first = with_dial(first, "nc1", ci=(0.98, 0.9999))
        else:
            second = with_dial(second, "nc1", ci=(0.98, 0.9999))
        assert "is the same as" in str(said(first, second)), name
    assert "less collapsed" in str(said(with_dial(judged(WAYS), "nc1", ci=(0.998, 0.9999)), back))
    drowned = with_dial(judged(WAYS), "nc1", details={"left": 1e-3, "left_noise": 1e-2})
    assert "is the same as" in str(said(drowned, back))
    seeds = [
        Run(f"{name}-seed{seed}", of({"nc1.pinv": value + seed}))
        for name, value in (("small", 1.0), ("large", 1.5)) for seed in (0, 1, 2)
    ]  # fmt: skip
    (row,) = compare(grouped(seeds, "seed")).rows
    assert row.changes[1].word == "within tolerance"


# A group of seeds has dials, too: the mean of what is left, counted as its members count.
def test_groups() -> None:
    seeds = [
        Run(f"{name}-seed{seed}", judged(WAYS | {"nc1": way + seed / 1e4}))
        for name, way in (("small", 0.99), ("large", 0.999)) for seed in (1, 2)
    ]  # fmt: skip
    small, large = grouped(seeds, "seed")
    verdict = small.report.verdict
    assert verdict is not None and verdict.word == "partly collapsed"
    nc1 = verdict.dial("collapse.nc1")
    assert nc1 is not None and nc1.left == pytest.approx(1 - 0.99015, rel=1e-9) and nc1.counted
    text = compare([small, large]).sentences[1]
    assert text is not None and "is more collapsed than small (mean of 2) in NC1: 1.1 nines" in text


# A run compared with itself is the same, and so it is said; what only one has is counted.
def test_same_and_absent() -> None:
    assert said(judged(WAYS), judged(WAYS)) == "b is the same as a: no number differs"
    fewer = {name: way for name, way in WAYS.items() if name != "nc4"}
    text = said(judged(WAYS), judged(fewer | {"nc1": 0.9}))
    assert text == "b is less collapsed than a in NC1: 2 nines back; 1 dial not in both"
    alone = (judged({"nc1": 0.1}), judged({"nc3": 0.1}))
    assert said(*alone) == "b and a have no dial in common"


# Without dials the numbers are counted; with labels that do not match nothing is said of them.
def test_without_verdict() -> None:
    first, second = of({"nc1.pinv": 1.0, "nc4.accuracy": 0.5}), of({"nc1.pinv": 0.5})
    assert said(first, second) == "b against a: 1 more collapsed, 1 not in both"
    withheld = judged(WAYS, warnings=(Notice("rows-misaligned", "rows and labels do not match"),))
    assert said(judged(WAYS), withheld) == (
        "no verdict on b (rows-misaligned): it cannot be compared"
    )


# Several runs: how many went which way, and a sentence for each.
def test_standing() -> None:
    ways = [WAYS, WAYS | {"nc1": 0.9}, WAYS | {"nc1": 0.9999}, WAYS,
            WAYS | {"nc1": 0.9, "nc4": 0.9}]  # fmt: skip
    compared = compare([Run(f"run {at}", judged(each)) for at, each in enumerate(ways)])
    assert standing(compared) == (
        "4 runs against run 0: 1 more collapsed, 1 less collapsed, "
        "1 more in some parts and less in others, 1 the same"
    )
    assert [text is None for text in compared.sentences] == [True, False, False, False, False]


# Without dials it is all numbers that went a way.
def test_standing_without_dials() -> None:
    runs = [Run(f"run {at}", of({"nc1.pinv": value})) for at, value in enumerate((1.0, 0.1, 3.0))]
    text = standing(compare(runs))
    assert text == "2 runs against run 0: 1 more collapsed, 1 less collapsed"


# The JSON has the sentence of every run and the nines of every dial, and comes back as it was.
def test_json() -> None:
    compared = against({"nc1": 0.99})
    plain = json.loads(documents.to_json(compared))
    assert plain["runs"][1]["sentence"] == compared.sentences[1]
    (change,) = (row["changes"][1] for row in plain["metrics"] if row["id"] == "collapse.nc1")
    assert change["nines"] == pytest.approx(-1) and change["word"] == "less collapsed"
    assert documents.from_dict(plain).to_dict() == compared.to_dict()
