"""A report outlives the code that made it: written, validated, read back, fingerprinted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nctool import analyze
from nctool.core.errors import UsageError
from nctool.report import Report, schema
from nctool.settings.conventions import PROFILES
from tests.support.populations import POPULATIONS
from tests.support.reports import EVERY, of_population
from tests.support.strict_json import strict, validator

PINNED = {
    "": "$schema kind schema_version outcome tool created run inputs data settings metrics gates "
    "warnings arrays environment timing_s digest",
    "tool": "name version",
    "run": "id epoch step split",
    "inputs": "role path key format shape dtype fingerprint chosen_by reason transposed",
    "data": "n d k ignored class_counts rank_of_means",
    "settings": "profile center accumulate device threads world_size seed",
    "metrics": "id title definition value status reason ideal toward_collapse floor best_known "
    "null_value noise_floor bounds ci distribution worst needs",
    "warnings": "slug message hint data",
}


def check(report: Report) -> None:
    """Valid JSON, valid against the schema, and the same when read back."""
    text = report.to_json()
    plain = strict(text)
    assert [f"{error.json_path}: {error.message}" for error in validator().iter_errors(plain)] == []
    assert Report.from_json(text).to_dict() == report.to_dict() == plain


def of_parts(*keys: str) -> Report:
    one = POPULATIONS["noisy_simplex"]()
    return analyze(**{key: getattr(one, key) for key in keys}, threads=1)


# Every report of every population is valid and comes back the same.
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_populations(name: str, per_class: bool) -> None:
    check(of_population(name, per_class=per_class))


# So is every profile's, on an ordinary and on a degenerate population.
@pytest.mark.parametrize("name", ["long_tail", "all_means_coincide", "zero_row"])
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles(profile: str, name: str) -> None:
    check(of_population(name, profile=profile))


# So is the report of any part of the arrays, down to none.
@pytest.mark.parametrize(
    "keys",
    [
        ("weight",), ("weight", "bias"), ("features", "labels"), ("features",), ("labels",),
        ("features", "weight"), ("labels", "weight"), (),
    ],
)  # fmt: skip
def test_parts(keys: tuple[str, ...]) -> None:
    check(of_parts(*keys))


# So is that of half precision, of out-of-distribution features, and of named classes.
@pytest.mark.parametrize(
    "options",
    [
        {"dtype": np.float16},
        {"ood": np.ones((5, 24))},
        {"class_names": [f"class {index}\x1b[0m" for index in range(10)]},
        {"ignore_labels": (3, 4)},
    ],
)
def test_other_inputs(options: dict[str, Any]) -> None:
    one = POPULATIONS["noisy_simplex"]()
    features = one.features.astype(options.pop("dtype", np.float32))
    report = analyze(features=features, labels=one.labels, weight=one.weight, **options)
    assert report["nc1.pinv"].status == "ok"
    check(report)


# The schema would notice a value that is missing without a reason, and one too many.
@pytest.mark.parametrize(
    "change", [{"value": None}, {"reason": "why not"}, {"status": "undefined"}, {"id": "NC1"}]
)
def test_the_schema_notices(change: dict[str, Any]) -> None:
    plain = of_population("noisy_simplex").to_dict()
    assert validator().is_valid(plain)
    plain["metrics"][0] |= change
    assert not validator().is_valid(plain)


# Everything that is promised to readers of the JSON is there.
@pytest.mark.parametrize("block", PINNED)
def test_pinned_keys(block: str) -> None:
    plain = of_population("one_sample_class").to_dict()
    part = plain[block] if block else plain
    items = part if isinstance(part, list) else [part]
    assert items
    for item in items:
        assert set(PINNED[block].split()) <= set(item)


# The schema demands what is promised.
@pytest.mark.parametrize("block", PINNED)
def test_pinned_keys_in_the_schema(block: str) -> None:
    part = schema()["properties"][block] if block else schema()
    assert set(PINNED[block].split()) <= set(part.get("items", part)["required"])


# The smaller records of a metric have their promised keys too.
def test_pinned_keys_of_a_metric() -> None:
    metrics = of_population("noisy_simplex").to_dict()["metrics"]
    spreads = [result["distribution"] for result in metrics if result["distribution"]]
    worst = [each for result in metrics for each in result["worst"] or ()]
    best = [result["best_known"] for result in metrics if result["best_known"]]
    assert spreads and worst and best
    assert all({*"min p01 p05 p50 p95 max mean".split()} <= set(spread) for spread in spreads)
    assert all(set(entry) == {"class", "name", "value"} for entry in worst)
    assert all(set(entry) == {"value", "source"} for entry in best)


# The digest is of the metrics: any change of a number changes it.
@given(
    st.sampled_from(["value", "floor", "ideal", "null_value", "null_sd", "noise_floor"]),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_digest_of_values(field: str, value: float) -> None:
    report = of_population("noisy_simplex")
    first, *rest = report.metrics
    changed = replace(report, metrics=(replace(first, **{field: value}), *rest))  # type: ignore[arg-type]
    # 0.0 and -0.0 are equal, but not the same text.
    assert (changed.digest == report.digest) == (repr(getattr(first, field)) == repr(value))


# The digest knows nothing of when, where, from which file and how fast.
@pytest.mark.parametrize(
    "change",
    [
        {"created": "2000-01-01T00:00:00+00:00"}, {"timing_s": {"total": 1e9}},
        {"run": {"id": "other", "epoch": 9, "step": 9, "split": "test"}},
        {"environment": {"python": "9"}}, {"tool": {"name": "nctool", "version": "9"}},
        {"warnings": ()}, {"inputs": ()}, {"settings": {}}, {"data": {}}, {"arrays": None},
    ],
)  # fmt: skip
def test_digest_of_nothing_else(change: dict[str, Any]) -> None:
    report = replace(of_population("one_sample_class"), arrays={"file": "a", "names": []})
    changed = replace(report, **change)
    assert changed.to_dict() != report.to_dict()
    assert changed.digest == report.digest


# The date of a report is the time of its making, in a form that says its zone.
def test_created() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    created = datetime.fromisoformat(of_parts("weight").created)
    assert before <= created <= datetime.now(UTC) and created.utcoffset() == timedelta(0)


# Two analyses of the same arrays differ in their id, and in nothing that the digest covers.
def test_same_arrays_same_digest() -> None:
    one, other = (of_parts("features", "labels", "weight") for _ in range(2))
    assert one.digest == other.digest and one.run["id"] != other.run["id"]


# A metric is found by its id, and what it holds is what the JSON holds.
def test_by_id() -> None:
    report = of_population("noisy_simplex")
    plain = {one["id"]: one["value"] for one in report.to_dict()["metrics"]}
    assert isinstance(report["nc1.pinv"].value, float)
    assert report["nc1.pinv"].value == plain["nc1.pinv"]
    assert [result.id for result in report] == list(plain)


# An id that is not there is an error that says the nearest, in a traceback too.
def test_unknown_id() -> None:
    report = of_population("noisy_simplex")
    with pytest.raises(UsageError) as caught:
        report["nc1.pniv"]
    assert "'nc1.pniv'" in caught.value.message
    assert caught.value.hint.startswith("did you mean nc1.pinv or ")
    assert str(caught.value) == f"{caught.value.message}\n  {caught.value.hint}"


# The flat form has every number that was computed under its prefixed id, and nothing else.
def test_flat() -> None:
    report = of_population("no_head")
    assert {result.status for result in report} == {"ok", "skipped", "undefined"}
    known = {result.id: result.value for result in report if result.status == "ok"}
    assert report.flat() == known
    assert report.flat("nc/") == {f"nc/{key}": value for key, value in known.items()}
    assert all(isinstance(value, float) for value in report.flat().values())
