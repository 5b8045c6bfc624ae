"""Runs side by side: what makes them comparable, and what is said of every number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from nctool.core.errors import InputError, UsageError
from nctool.report import Report, documents, schema
from nctool.report.comparison import Comparison, arranged, compare
from nctool.report.runs import Run, grouped
from nctool.report.tolerance import Tolerance
from tests.support.saved import EVERY, comparison, document, of, report, trajectory


def words(before: dict[str, float | None], now: dict[str, float | None]) -> dict[str, str]:
    compared = compare([Run("a", of(before)), Run("b", of(now))])
    return {row.metric.id: row.changes[1].word for row in compared.rows}


# Old documents load, keep what they say, and satisfy the published schema.
@pytest.mark.parametrize("name", EVERY)
def test_frozen_documents(name: str) -> None:
    saved = document(name)
    plain = saved.to_dict()
    jsonschema.validate(plain, schema())
    assert documents.from_text(documents.to_json(saved)).to_dict() == plain
    assert plain["kind"] == name.split("-")[0]


# Collapse has a direction: toward the ideal, or where there is none, the way the metric says.
def test_words() -> None:
    before: dict[str, float | None] = {
        "nc1.pinv": 0.1, "nc4.accuracy": 0.9, "gnc2.margin.weights": 0.5, "nc1.cdnv": 1.0,
        "nc2.cos_std.means": None, "nc3.cosine": 0.5,
    }  # fmt: skip
    assert words(before, before | {"nc1.pinv": 0.2, "nc4.accuracy": 0.95,
                                   "gnc2.margin.weights": 0.6, "nc1.cdnv": 1.005,
                                   "nc3.cosine": None}) == {
        "nc1.pinv": "less collapsed", "nc4.accuracy": "more collapsed",
        "gnc2.margin.weights": "more collapsed", "nc1.cdnv": "within tolerance",
        "nc2.cos_std.means": "not comparable", "nc3.cosine": "not comparable",
    }  # fmt: skip


# Delta and ratio are those of the values; a ratio to zero is none.
def test_numbers() -> None:
    before: dict[str, float | None] = {"nc1.pinv": 0.5, "nc4.mismatch": 0.0}
    compared = compare(
        [Run("a", of(before)), Run("b", of({"nc1.pinv": 0.125, "nc4.mismatch": 0.5}))]
    )
    pinv, mismatch = (row.changes[1] for row in compared.rows)
    assert (pinv.value, pinv.delta, pinv.ratio) == (0.125, -0.375, 0.25)
    assert (mismatch.delta, mismatch.ratio) == (0.5, None)
    assert compared.rows[0].changes[0].word == "baseline"


DIFFERENT: dict[str, dict[str, Any]] = {
    "split": {"run": {"split": "test"}},
    "samples": {"data": {"n": 7}},
    "classes": {"data": {"k": 7}},
    "dimensions": {"data": {"d": 7}},
    "samples per class": {"data": {"class_counts": {"min": 1, "max": 2}}},
    "centring": {"settings": {"center": "samples"}},
    "profile": {"settings": {"profile": "zhu"}},
    "cosine head": {"settings": {"logit_scale": 30.0}},
}


# Whatever else differs is named, with both values, and stops the comparison until it is allowed.
@pytest.mark.parametrize("what", DIFFERENT)
def test_not_comparable(what: str) -> None:
    base = report()
    changes: dict[str, Any] = {
        name: {**getattr(base, name), **one} for name, one in DIFFERENT[what].items()
    }
    runs = [Run("a", base), Run("b", replace(base, **changes))]
    with pytest.raises(InputError) as caught:
        compare(runs)
    assert caught.value.slug == "not-comparable" and what in caught.value.message
    assert "--allow-mismatch" in caught.value.hint
    assert [difference.what for difference in compare(runs, allow_mismatch=True).differences] == [
        what
    ]


# Rows alone have no samples, and that is said in words.
def test_without_samples() -> None:
    base = report()
    rows = replace(base, data={**base.data, "n": None, "class_counts": None})
    with pytest.raises(InputError) as caught:
        compare([Run("rows", rows), Run("b", base)])
    assert "samples: none against" in caught.value.message and "None" not in caught.value.message


# A run beside itself differs in nothing, and no number is said to have moved.
def test_itself() -> None:
    compared = compare([Run("a", report()), Run("b", report())])
    words = {row.changes[1].word for row in compared.rows}
    assert words <= {"within tolerance", "not comparable"} and not compared.differences


# So do another stored precision and another definition of a metric, whose change is then no number.
def test_definitions() -> None:
    base = report()
    inputs = tuple(replace(input, dtype="float16") for input in base.inputs)
    metrics = tuple(
        replace(result, definition_version=2) if result.id == "nc1.pinv" else result
        for result in base
    )
    other = replace(base, inputs=inputs, metrics=metrics)
    compared = compare([Run("a", base), Run("b", other)], allow_mismatch=True)
    assert [difference.what for difference in compared.differences] == [
        "stored precision",
        "definition of nc1.pinv",
    ]
    row = next(row for row in compared.rows if row.metric.id == "nc1.pinv")
    assert row.changes[1].word == "not comparable" and row.changes[1].delta is None


# Runs over other classes are not alike, however many these are; unknown names are no difference.
def test_class_names() -> None:
    def over(*names: str) -> Report:
        return replace(report(), data={**report().data, "class_names": list(names)})

    pets, vehicles, mixed = over("cat", "dog"), over("car", "bus"), over("dog", "car")
    runs = [Run(name, each) for name, each in zip("abc", (pets, vehicles, mixed), strict=True)]
    (difference,) = compare(runs, allow_mismatch=True).differences
    assert difference.what == "class names"
    assert difference.values == ("2 names", "0 of 2 in common", "1 of 2 in common")
    with pytest.raises(InputError, match="0 of 2 in common"):
        compare(runs[:2])
    for same in (pets, over("dog", "cat"), report()):
        assert compare([Run("a", pets), Run("b", same)]).differences == ()


# A metric that only one run has is shown, and not compared.
def test_absent() -> None:
    compared = compare([Run("a", of({"nc1.pinv": 1.0})), Run("b", of({"nc1.cdnv": 1.0}))])
    assert [row.metric.id for row in compared.rows] == ["nc1.pinv", "nc1.cdnv"]
    assert {row.changes[1].word for row in compared.rows} == {"not comparable"}
    again = documents.from_text(documents.to_json(compared))
    assert again.to_dict() == compared.to_dict()


# Intervals overlap or they do not; without them nothing is said.
def test_intervals() -> None:
    def with_interval(low: float, high: float) -> Run:
        one = of({"nc1.pinv": (low + high) / 2})
        return Run("x", replace(one, metrics=(replace(one.metrics[0], ci=(low, high)),)))

    for other, overlap in (((1.5, 3.0), True), ((2.5, 3.0), False)):
        compared = compare([with_interval(1.0, 2.0), with_interval(*other)])
        assert compared.rows[0].changes[1].overlap is overlap
    assert compare([with_interval(1, 2), Run("b", of({"nc1.pinv": 1.0}))]).rows[0].changes[
        1
    ].overlap is None  # fmt: skip


# Runs that differ in their seed alone are one run: mean, and spread with n - 1.
def test_groups() -> None:
    runs = [
        Run(f"{name}-seed{seed}", of({"nc1.pinv": value + seed, "nc1.cdnv": None if seed else 1.0}))
        for name, value in (("small", 1.0), ("large", 2.0))
        for seed in (0, 1, 2)
    ]
    groups = grouped(runs, "seed")
    assert [group.name for group in groups] == ["small (mean of 3)", "large (mean of 3)"]
    compared = compare(groups)
    pinv = compared.rows[0]
    assert [change.value for change in pinv.changes] == [2.0, 3.0]
    assert [change.spread for change in pinv.changes] == [1.0, 1.0]
    assert compared.rows[1].changes[1].word == "not comparable"
    assert compared.rows[1].metric.reason == "not in all 3 runs of the group"
    assert documents.from_text(documents.to_json(compared)).to_dict() == compared.to_dict()


# Rows can be ordered by the size of their change, and those without one left out.
def test_arranged() -> None:
    before: dict[str, float | None] = {"nc1.pinv": 1.0, "nc1.cdnv": 1.0, "nc4.mismatch": 1.0}
    now: dict[str, float | None] = {"nc1.pinv": 2.0, "nc1.cdnv": 1.0, "nc4.mismatch": 0.1}
    compared = compare([Run("a", of(before)), Run("b", of(now))])
    assert [row.metric.id for row in arranged(compared, by="change").rows] == [
        "nc4.mismatch", "nc1.pinv", "nc1.cdnv",
    ]  # fmt: skip
    assert [row.metric.id for row in arranged(compared, by="id").rows] == [
        "nc1.cdnv", "nc1.pinv", "nc4.mismatch",
    ]  # fmt: skip
    changed = arranged(compared, only_changed=True)
    assert [row.metric.id for row in changed.rows] == ["nc1.pinv", "nc4.mismatch"]
    again = documents.from_text(documents.to_json(arranged(changed, by="change")))
    assert isinstance(again, Comparison)
    assert [row.metric.id for row in again.rows] == ["nc4.mismatch", "nc1.pinv"]


# Rows are ordered by what changed against the baseline, wherever among the runs that stands.
@pytest.mark.parametrize("baseline", [0, 1, 2])
def test_arranged_by_baseline(baseline: int) -> None:
    base: dict[str, float | None] = {"nc1.pinv": 1.0, "nc1.cdnv": 1.0, "nc4.mismatch": 1.0}
    runs = [Run("b", of(base | {"nc4.mismatch": 0.1})), Run("c", of(base | {"nc1.pinv": 2.0}))]
    runs.insert(baseline, Run("a", of(base)))
    whole = compare(runs, baseline=baseline)
    for only_changed, ids in (
        (False, ["nc4.mismatch", "nc1.pinv", "nc1.cdnv"]), (True, ["nc4.mismatch", "nc1.pinv"]),
    ):  # fmt: skip
        shown = arranged(whole, by="change", only_changed=only_changed)
        assert [row.metric.id for row in shown.rows] == ids
        assert all(row.changes[baseline].word == "baseline" for row in shown.rows)


# A value that only the baseline lacks, or only another run, is a change wherever the baseline is.
@pytest.mark.parametrize("baseline", [0, 1])
def test_changed_by_absence(baseline: int) -> None:
    runs = [Run("a", of({"nc1.pinv": 1.0, "nc1.cdnv": 1.0, "nc3.distance": None})),
            Run("b", of({"nc1.pinv": 1.0, "nc1.cdnv": None, "nc3.distance": None}))]  # fmt: skip
    shown = arranged(compare(runs, baseline=baseline), only_changed=True)
    assert [row.metric.id for row in shown.rows] == ["nc1.cdnv"]


# The key of a group is found however it is written, in the names and on the command line.
@pytest.mark.parametrize("key", ["seed", "Seed", "SEED"])
def test_groups_whatever_the_case(key: str) -> None:
    names = ["small-seed1", "small_Seed=2", "small.SEED-3", "large-sEeD1", "large-seed2"]
    groups = grouped([Run(name, of({"nc1.pinv": 1.0})) for name in names], key)
    assert [group.name for group in groups] == ["small (mean of 3)", "large (mean of 2)"]


# The tolerance of a metric decides what is within it; that of others is one in a hundred.
def test_tolerances() -> None:
    runs = [Run("a", of({"nc1.pinv": 1.0, "nc1.cdnv": 1.0})),
            Run("b", of({"nc1.pinv": 1.04, "nc1.cdnv": 1.04}))]  # fmt: skip
    compared = compare(runs, tolerances={"nc1.p*": Tolerance(rel=0.05)})
    assert [row.changes[1].word for row in compared.rows] == ["within tolerance", "less collapsed"]


# One run is no comparison.
def test_one_run() -> None:
    with pytest.raises(UsageError):
        compare([Run("a", report())])


# JSON that says it is a comparison or a trajectory and is not, is refused by name.
@pytest.mark.parametrize("name", ["comparison-1.0", "trajectory-1.0"])
@pytest.mark.parametrize("key", ["runs", "points", "baseline", "axis", "outcome"])
def test_damaged(name: str, key: str) -> None:
    plain = document(name).to_dict()
    if key not in plain or (name, key) == ("comparison-1.0", "outcome"):
        return
    with pytest.raises(InputError):
        documents.from_dict({one: value for one, value in plain.items() if one != key})


# A trajectory stands for its last point, and knows every curve.
def test_trajectory() -> None:
    saved = trajectory()
    assert saved.positions == (1, 10, 100, 300, 1000) and saved.axis == "epoch"
    assert saved.last["nc1.pinv"].value == saved.curve("nc1.pinv")[-1]
    assert saved.flat("nc/")["nc/nc1.pinv"] == saved.last["nc1.pinv"].value
    assert saved.curve("no.such") == (None,) * 5
    plain = saved.to_dict()
    assert plain["metrics"][0]["curve"] == list(saved.curve(plain["metrics"][0]["id"]))
    assert comparison("comparison-splits-1.0").differences[0].what == "split"
