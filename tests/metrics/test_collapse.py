"""The way to collapse: exact deep into it, chance where there is none, known cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nctool
from nctool.report import Report
from nctool.report.verdict import verdict_of
from tests.support.oracle import collapse as oracle
from tests.support.oracle.view import View, prepare, view
from tests.support.populations import POPULATIONS
from tests.support.stored_populations import STORAGE, stored

LEFT = {
    "collapse.nc1": oracle.left_nc1,
    "collapse.nc2.means": lambda seen: oracle.left_nc2(seen, "means"),
    "collapse.nc2.weights": lambda seen: oracle.left_nc2(seen, "weights"),
    "collapse.nc3": oracle.left_nc3,
    "collapse.nc4": oracle.left_nc4,
}
DEEP = ("perfect_simplex", "near_collapse_1e-3", "near_collapse_1e-6", "noisy_simplex", "long_tail")


def seen(given: dict[str, Any]) -> View:
    arrays = {role: np.asarray(array.double()) for role, array in given.items() if role != "labels"}
    return view(prepare(labels=np.asarray(given["labels"]), **arrays))


# What is left has its digits however little it is, in every storage type.
@pytest.mark.parametrize("dtype", STORAGE)
@pytest.mark.parametrize("name", DEEP)
def test_left(name: str, dtype: str) -> None:
    given = stored(name, dtype).given
    report, truth = nctool.analyze(**given, metrics="collapse"), seen(given)
    for metric_id, left in LEFT.items():
        result = report[metric_id]
        assert result.value is not None and result.details is not None
        exact = left(truth)
        # Deviations of normalised matrices are rounded at 1e-16, their squares at 1e-30; NC3
        # takes the sampling error from what is left, which leaves 1e-16 of it.
        slack = 1e-15 if metric_id == "collapse.nc3" else 1e-28
        assert result.details["left"] == pytest.approx(exact, rel=1e-5, abs=slack), metric_id
        assert result.value == 1 - result.details["left"]


def noise(classes: int, dim: int, each: int, seed: int) -> Report:
    random = np.random.default_rng(seed)
    return nctool.analyze(
        features=random.normal(size=(classes * each, dim)),
        labels=np.repeat(np.arange(classes), each),
        weight=random.normal(size=(classes, dim)),
        metrics="collapse",
    )


# Structureless data stand at the chance level of every dial, within their stated spread.
@pytest.mark.parametrize(("classes", "dim"), [(10, 64), (4, 16), (30, 12)])
def test_chance(classes: int, dim: int) -> None:
    reports = [noise(classes, dim, 20, seed) for seed in range(16)]
    for result in reports[0]:
        if result.null_value is None:
            continue
        assert result.null_sd is None or result.null_source
        ways = np.array([report[result.id].value for report in reports])
        error = float(ways.std(ddof=1)) / 4
        assert abs(float(ways.mean()) - result.null_value) <= 4 * error + 0.01, result.id
        if result.null_sd and result.id not in ("collapse.nc3",):
            # A sample's spread of 16 is within a factor of two of the true one, nearly always.
            assert 0.5 <= float(ways.std(ddof=1)) / result.null_sd <= 2, result.id


# Random rows without features are nowhere near collapse, at any size, within the stated spread.
@pytest.mark.parametrize(
    ("classes", "dim", "spread"),
    [(10, 64, 0.12), (100, 512, 0.05), (300, 24, 0.05), (1000, 512, 0.02)],
)
def test_noise_heads(classes: int, dim: int, spread: float) -> None:
    draws = 40 if classes <= 300 else 6
    ways = []
    for seed in range(draws):
        rows = np.random.default_rng(seed).normal(size=(classes, dim))
        result = nctool.analyze(weight=rows, metrics="collapse.gnc.weights")["collapse.gnc.weights"]
        assert result.value is not None and result.null_sd is not None
        assert result.null_sd == pytest.approx(spread, rel=0.5)
        ways.append(result.value)
    assert abs(float(np.mean(ways))) <= 4 * spread / draws**0.5 + 0.02
    assert max(map(abs, ways)) <= 5 * spread


# Width does not make noise collapsed: the tick moves up with it, and the word stays.
def test_width_buys_nothing() -> None:
    report = noise(10, 2048, 30, 0)
    verdict = report.verdict
    assert verdict is not None and verdict.word == "not collapsed"
    chance = report["collapse.nc2.means"].null_value
    assert chance is not None and chance > 0.98


# Two classes: NC2 holds by definition and is not counted.
def test_two_classes() -> None:
    whole = POPULATIONS["two_classes"]()
    report = nctool.analyze(
        features=whole.features, labels=whole.labels, weight=whole.weight, metrics="collapse"
    )
    details = report["collapse.weakest"].details
    assert details is not None
    assert details["counted"] == ["collapse.nc1", "collapse.nc3", "collapse.nc4"]


# Unequal classes at the SELI optimum have arrived, which the simplex alone would deny.
def test_seli() -> None:
    counts = np.array([100, 80, 60, 40, 20, 10, 10, 10, 10, 10])
    classes = len(counts)
    left, spectrum, _ = np.linalg.svd((np.eye(classes) - 1 / classes) * np.sqrt(counts))
    rows = left[:, :-1] * np.sqrt(spectrum[:-1])  # (K, K-1)
    means = left[:, :-1] / np.sqrt(spectrum[:-1])
    labels = np.repeat(np.arange(classes), counts)
    given = {"features": means[labels], "labels": labels, "weight": rows}
    report = nctool.analyze(**given, metrics="collapse")
    for name in ("collapse.nc2.means", "collapse.nc2.weights", "collapse.nc3"):
        assert report.value(name) == pytest.approx(1, abs=1e-12)
        assert report[name].details["goal"] == "seli"  # type: ignore[index]
    assert report.verdict is not None and report.verdict.geometry == "seli"
    assert report.verdict.word == "collapsed"


# The cosine between rows and means at the SELI optimum of 10 classes, half of them ten times the
# others: by hand 5.5 sqrt(10)/(...) = 0.866.
def test_seli_duality() -> None:
    import torch

    from nctool.geometry.seli import targets

    assert targets(torch.tensor([10.0] * 5 + [1.0] * 5))[0].duality == pytest.approx(
        0.866, abs=5e-4
    )


# Without a head, and without features, what can be seen is there, and the minimum only of it.
def test_parts() -> None:
    whole = POPULATIONS["noisy_simplex"]()
    bare = nctool.analyze(features=whole.features, labels=whole.labels, metrics="collapse")
    verdict = verdict_of(bare)
    assert verdict is not None and verdict.so_far == "no-head"
    assert [dial.id for dial in verdict.dials if dial.counted] == [
        "collapse.nc1", "collapse.nc2.means",
    ]  # fmt: skip
    rows = nctool.analyze(weight=whole.weight, metrics="collapse")
    assert rows["collapse.weakest"].status == "skipped"
    assert rows.verdict is not None and rows.verdict.so_far == "no-features"


# One sample a class: there is nothing within classes, and so no verdict.
def test_one_sample_each() -> None:
    random = np.random.default_rng(0)
    report = nctool.analyze(
        features=random.normal(size=(8, 16)), labels=np.arange(8), metrics="collapse"
    )
    assert report["collapse.weakest"].reason == report["collapse.nc1"].reason
    assert "one sample" in str(report["collapse.nc1"].reason)
    assert report.verdict is not None and report.verdict.word is None


# The way to HUG is the uniformity, seen from its other end.
@pytest.mark.parametrize("name", ["noisy_simplex", "many_classes", "long_tail"])
def test_hug_is_uniformity(name: str) -> None:
    report = nctool.analyze(**stored(name, "float64").given, metrics="hug.uniformity,collapse.hug")
    for side in ("means", "weights"):
        way, uniformity = report[f"collapse.hug.{side}"], report[f"hug.uniformity.{side}"]
        assert way.value == pytest.approx(uniformity.value, rel=1e-9, abs=1e-9)
        assert way.null_sd == pytest.approx(uniformity.null_sd, rel=1e-9)
