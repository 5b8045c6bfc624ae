"""Reading a report back: from a later version, from a damaged file, from any numbers."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nctool.core.errors import InputError
from nctool.report import ClassValue, Distribution, Input, Reference, Report, Result
from tests.support.reports import of_population
from tests.support.strict_json import strict

BLOCKS = ("", "tool", "run", "inputs", "data", "settings", "metrics", "warnings")
INNER = ("distribution", "worst", "best_known")


# What a later version adds, anywhere, is left alone.
@pytest.mark.parametrize("block", [*BLOCKS, *INNER])
def test_unknown_keys(block: str) -> None:
    report = of_population("one_sample_class")
    plain = report.to_dict()
    added = copy.deepcopy(plain)
    if block in INNER:
        found = [one[block] for one in added["metrics"] if one[block]]
        part = found[0][0] if block == "worst" else found[0]
    else:
        part = added[block] if block else added
        part = part[0] if isinstance(part, list) else part
    part["from_the_future"] = {"new": 1}
    again = Report.from_json(json.dumps(added))
    assert again.digest == report.digest
    assert _without_future(again.to_dict()) == plain


def _without_future(value: Any) -> Any:
    """Whether a reader carries an unknown key along or drops it is all the same."""
    if isinstance(value, dict):
        return {k: _without_future(item) for k, item in value.items() if k != "from_the_future"}
    return [_without_future(item) for item in value] if isinstance(value, list) else value


# Without something that a report must have it is no report.
@pytest.mark.parametrize(
    "key",
    "run inputs data settings metrics tool created kind schema_version outcome".split(),
)
def test_missing_key(key: str) -> None:
    plain = of_population("noisy_simplex").to_dict()
    del plain[key]
    with pytest.raises(InputError) as caught:
        Report.from_json(json.dumps(plain))
    assert caught.value.slug == "not-a-report" and key in caught.value.message


# The same goes for a metric or an input that lacks something.
@pytest.mark.parametrize(
    ("block", "key"), [("metrics", "id"), ("metrics", "status"), ("inputs", "role")]
)
def test_missing_inner_key(block: str, key: str) -> None:
    plain = of_population("noisy_simplex").to_dict()
    del plain[block][0][key]
    with pytest.raises(InputError) as caught:
        Report.from_dict(plain)
    assert caught.value.slug == "not-a-report" and key in caught.value.message


# JSON of another shape is told from text that is no JSON at all.
@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("{}", "not-a-report"), ("[]", "not-a-report"), ("null", "not-a-report"),
        ("3", "not-a-report"), ('"report"', "not-a-report"),
        ("", "not-json"), ("{", "not-json"), ("kind: report", "not-json"),
    ],
)  # fmt: skip
def test_not_a_report(text: str, slug: str) -> None:
    with pytest.raises(InputError) as caught:
        Report.from_json(text)
    assert caught.value.slug == slug


# A block of the wrong kind is no report either.
@pytest.mark.parametrize(
    ("block", "value"),
    [
        ("metrics", 3),
        ("inputs", ["text"]),
        ("warnings", None),
        ("metrics", ["text"]),
        ("run", 3),
        ("kind", "poem"),
        ("schema_version", "2.0"),
    ],
)
def test_wrong_kind(block: str, value: object) -> None:
    plain = of_population("noisy_simplex").to_dict() | {block: value}
    with pytest.raises(InputError):
        Report.from_json(json.dumps(plain))


# A value of another type than the schema's is refused where it is read, not where it is used.
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("value", "0.5"),
        ("value", True),
        ("ci", [1]),
        ("ci", ["a", "b"]),
        ("flags", "few"),
        ("flags", [1]),
        ("details", [1]),
        ("reason", 3),
        ("null_sd", {}),
        ("worst", [{"class": "a", "name": "a", "value": 1.0}]),
    ],
)
def test_wrong_type(key: str, value: object) -> None:
    plain = of_population("noisy_simplex").to_dict()
    plain["metrics"][0] |= {key: value}
    with pytest.raises(InputError, match="not an nctool report"):
        Report.from_dict(plain)


# The same of the sizes that sentences are made of.
@pytest.mark.parametrize(
    "data", [{"n": "many"}, {"k": 2.5}, {"d": None}, {"class_counts": {"max": []}}]
)
def test_wrong_sizes(data: dict[str, object]) -> None:
    plain = of_population("noisy_simplex").to_dict()
    with pytest.raises(InputError, match="not an nctool report"):
        Report.from_dict(plain | {"data": plain["data"] | data})


FLOATS = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324])
MAYBE = st.none() | FLOATS
PAIRS = st.none() | st.tuples(FLOATS, FLOATS)
RESULTS = st.builds(
    Result,
    id=st.sampled_from(["nc1.pinv", "nc3.cosine", "gnc2.margin.means"]),
    title=st.text(max_size=8),
    definition=st.text(max_size=8),
    value=MAYBE,
    status=st.sampled_from(["ok", "skipped", "undefined"]),
    reason=st.none() | st.text(max_size=8),
    ideal=MAYBE,
    toward_collapse=st.sampled_from(["up", "down"]),
    needs=st.tuples(st.sampled_from(["features", "head"])),
    floor=MAYBE,
    best_known=st.none() | st.builds(Reference, FLOATS, st.text(max_size=8)),
    null_value=MAYBE,
    null_sd=MAYBE,
    null_source=st.none() | st.text(max_size=8),
    noise_floor=MAYBE,
    bounds=PAIRS,
    ci=PAIRS,
    distribution=st.none() | st.builds(Distribution, st.just("classes"), *[FLOATS] * 7),
    worst=st.none()
    | st.tuples(st.builds(ClassValue, st.integers(0, 9), st.text(max_size=4), FLOATS)),
    per_class=st.none() | st.tuples(MAYBE, MAYBE),
)


# Whatever numbers a report is made of: its text is JSON, and read back it is the same report.
@given(st.lists(RESULTS, max_size=3), FLOATS)
def test_never_nan(results: list[Result], loose: float) -> None:
    whole = replace(
        of_population("noisy_simplex"),
        metrics=tuple(results),
        data={"deep": [{"er": (loose, [loose])}]},
        timing_s={"total": loose},
    )
    for indent in (None, 2):
        plain = strict(whole.to_json(indent))
        assert Report.from_dict(plain).to_dict() == whole.to_dict() == plain
    assert Report.from_dict(plain).digest == whole.digest == plain["digest"]


# Where an array came from survives, its shape as a tuple again.
def test_inputs_come_back() -> None:
    report = of_population("noisy_simplex")
    again = Report.from_json(report.to_json())
    assert all(isinstance(input, Input) for input in again.inputs)
    assert again.inputs == report.inputs and again.metrics == report.metrics
