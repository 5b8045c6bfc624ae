"""What is computed and by which convention; the report says so in text and in JSON."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from functools import cache

import pytest

from nctool.metrics import registry
from nctool.settings.conventions import PROFILES
from tests.cli.shell import EPOCH_10, digits_json, inside, report, values


# Globs, families and beginnings choose metrics by id, in the order of the catalogue, and nothing
# else is computed.
@pytest.mark.parametrize(
    "pattern",
    [
        "nc1.*",
        "nc1.pinv",
        "*.weights",
        "nc4.*, nc1.*",
        "nc3.*",
        "nc4,nc2.norm_cv",
    ],
)
def test_metrics(pattern: str) -> None:
    ids = [result["id"] for result in report(EPOCH_10, "--metrics", pattern)["metrics"]]
    parts = [part.strip() for part in pattern.split(",")]
    assert ids == [
        metric_id
        for metric_id in registry()
        if any(fnmatchcase(metric_id, part) or metric_id.startswith(part + ".") for part in parts)
    ]
    assert ids


@cache
def _among_all() -> dict[str, float]:
    return values(report(EPOCH_10, "--deterministic"))


# A metric says alone what it says among all, but for how wide a float32 product was.
@pytest.mark.parametrize("metric_id", registry())
def test_metric_alone(metric_id: str) -> None:
    alone = report(EPOCH_10, "--deterministic", "--metrics", metric_id)
    every = _among_all()
    expected = {metric_id: every[metric_id]} if metric_id in every else {}
    assert values(alone) == pytest.approx(expected, rel=1e-6, abs=1e-12)


# To ask for no metric at all is a mistake, not an empty report.
@pytest.mark.parametrize("pattern", ["", ",", " "])
def test_no_metrics(pattern: str) -> None:
    assert inside("analyze", EPOCH_10, "--metrics", pattern).code == 2


# Every profile is named in the text and in the JSON, with its paper.
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_are_named(profile: str) -> None:
    plain = report(EPOCH_10, "--profile", profile)
    assert plain["settings"]["profile"] == profile
    assert plain["settings"]["convention"] == PROFILES[profile].paper
    assert plain["settings"]["center"] == PROFILES[profile].center
    whole = inside("analyze", EPOCH_10, "--profile", profile, "--all").out
    (head,) = (line for line in whole.splitlines() if line.startswith("nctool "))
    assert head.endswith(f"profile {profile}")
    assert f"profile {profile}\n" in inside("analyze", EPOCH_10, "--profile", profile).out
    assert PROFILES[profile].paper in re.sub(r"\s+", " ", whole)


# A profile changes numbers, and a report without one has none to name.
def test_zhu() -> None:
    own, zhu = json.loads(digits_json().out), report(EPOCH_10, "--profile", "zhu")
    assert own["settings"]["profile"] is None and "profile" not in inside("analyze", EPOCH_10).out
    assert own["settings"]["center"] == "balanced" and zhu["settings"]["center"] == "samples"
    changed = {
        metric_id for metric_id, value in values(own).items() if value != values(zhu)[metric_id]
    }
    assert {"nc1.pinv", "nc3.bias_collapse"} <= changed
    assert not {metric_id for metric_id in changed if metric_id.endswith(".weights")}


# An explicit centre wins over the profile's, and the convention says that it did.
def test_center_over_profile() -> None:
    plain = report(EPOCH_10, "--profile", "zhu", "--center", "balanced")["settings"]
    assert (plain["profile"], plain["center"]) == ("zhu", "balanced")
    assert plain["convention"].endswith("centre: balanced")


APART = ("nc2.norm_cv.means", "nc2.norm_cv.weights", "nc3.cosine_cv")
"""Whose least collapsed classes are named with their distance from the others."""


# --per-class adds every class's own value to the JSON, without which there is none.
def test_per_class_in_json() -> None:
    plain = report(EPOCH_10, "--per-class")
    known = {result["id"]: result for result in plain["metrics"] if "per_class" in result}
    assert {"nc1.pinv", "nc3.cosine", "nc4.accuracy"} <= set(known)
    assert all(len(result["per_class"]) == 10 for result in known.values())
    for name, result in known.items():
        for worst in () if name in APART else result["worst"]:
            assert worst["value"] == result["per_class"][worst["class"]]
    without = report(EPOCH_10)["metrics"]
    assert not any("per_class" in result for result in without)
    assert values(plain) == values(report(EPOCH_10))


# In the text it is a table with a row for each class and a column for each metric that has one.
def test_per_class_in_text() -> None:
    chosen = "nc1.pinv,nc1.trace_ratio,nc1.within_fraction,nc1.cdnv"
    text = inside("analyze", EPOCH_10, "--per-class", "--metrics", chosen).out
    table = text.partition("Per class\n")[2]
    head, *rows = table.split("\n\n")[0].splitlines()
    assert head.split() == ["class", "nc1.pinv", "nc1.trace_ratio", "nc1.within_fraction"]
    assert [row.split()[0] for row in rows] == [str(index) for index in range(10)]
    assert all(len(row.split()) == 4 for row in rows)
    assert "nc1.cdnv" in table


# The settings of the report are those that were asked for.
def test_settings() -> None:
    said = inside("analyze", EPOCH_10, "--json", "-", "--threads", "1", "--seed", "9", "--dtype",
                  "float64", "--device", "cpu", "--deterministic")  # fmt: skip
    settings = json.loads(said.out)["settings"]
    assert settings | {"profile": None, "convention": "nctool's own conventions"} == settings
    assert (settings["threads"], settings["seed"], settings["device"]) == (1, 9, "cpu")
    assert (settings["products"], settings["accumulate"]) == ("float64", "float64")
    assert settings["deterministic"] is True
