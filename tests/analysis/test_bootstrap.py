"""Intervals over classes: which metrics have one, and whether it is the bootstrap's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import nctool
from nctool.analysis.bootstrap import with_intervals
from nctool.core.errors import UsageError
from tests.support.saved import of


def given(classes: int = 12, each: int = 20) -> dict[str, Any]:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), each)
    means = 2 * random.standard_normal((classes, 16))
    spread = np.linspace(0.2, 1.5, classes)[labels, None]
    features = means[labels] + spread * random.standard_normal((len(labels), 16))
    return {"features": features, "labels": labels, "weight": means}


# Means over classes get an interval that holds them; extremes and spreads over pairs get none.
def test_which() -> None:
    plain, report = nctool.analyze(**given(), bootstrap=0), nctool.analyze(**given())
    for one in report:
        assert one.value == plain[one.id].value
        if one.ci is not None and one.details is not None and "bootstrap" in one.details:
            assert one.value is not None and one.ci[0] <= one.value <= one.ci[1], one.id
            assert one.details["bootstrap"]["over"] == "classes"
    having = {one.id for one in report if one.details and "bootstrap" in one.details}
    assert {"nc1.pinv", "nc1.trace_ratio", "nc3.cosine", "gnc3.duality", "nc4.accuracy"} <= having
    assert not having & {"gnc2.margin.means", "nc2.max_cos.means", "nc2.cos_std.means"}
    assert all(plain[name].details is None or "bootstrap" not in (plain[name].details or {})
               for name in having)  # fmt: skip


# The interval is numpy's own 95 % interval of a bootstrap of the values by class, but for the draw:
# of 20,000 draws an end is off by a hundredth of the width, where 90 % would be off by eight.
@pytest.mark.parametrize("weighted", [False, True])
def test_against_numpy(weighted: bool) -> None:
    random = np.random.default_rng(1)
    values, sizes = random.gamma(2, size=40), random.integers(1, 30, 40)
    weights = sizes if weighted else np.ones(40)
    value = float((values * weights).sum() / weights.sum())
    plain = replace(of({"nc1.pinv": value}).metrics[0], per_class=tuple(values.tolist()))
    (result,) = with_intervals([plain], torch.from_numpy(sizes), 20_000, 0)
    chosen = random.integers(0, 40, (20_000, 40))
    means = (values[chosen] * weights[chosen]).sum(1) / weights[chosen].sum(1)
    expected = np.quantile(means, [0.025, 0.975])
    assert result.ci == pytest.approx(expected, abs=0.03 * (expected[1] - expected[0]))
    assert result.details is not None
    assert result.details["bootstrap"] == {
        "over": "classes", "level": 0.95, "replicates": 20_000, "seed": 0
    }  # fmt: skip


# The way to NC1 has the interval of the ratio that it follows from, each end at its place.
def test_following() -> None:
    report = nctool.analyze(**given())
    ratio, share = report["nc1.trace_ratio"], report["nc1.within_fraction"]
    way = report["collapse.nc1"]
    assert ratio.ci and share.ci and way.ci and ratio.value and share.value and way.value
    for this, that in zip(ratio.ci, share.ci, strict=True):
        assert that == pytest.approx(this / (1 + this), rel=1e-12)
    assert share.value == pytest.approx(ratio.value / (1 + ratio.value), rel=1e-9)
    left = (1 - way.value) / share.value
    assert way.ci == pytest.approx((1 - left * share.ci[1], 1 - left * share.ci[0]), rel=1e-9)
    assert way.ci[0] < way.value < way.ci[1]


# Decisions are counted over samples, by Wilson's formula: scipy's numbers for 0, 3 and 60 of 240;
# no decision that differs is no proof that none ever will.
@pytest.mark.parametrize(
    ("apart", "low", "high"),
    [(0, 0.0, 0.0157539), (3, 0.0042601, 0.0361000), (60, 0.1994465, 0.3084304)],
)
def test_decisions(apart: int, low: float, high: float) -> None:
    by_chance = 11 / 12  # twelve classes of twenty
    whole = nctool.analyze(**given(), metrics="collapse.nc4", bootstrap=0)["collapse.nc4"]
    assert whole.ci is None
    result = replace(whole, value=1 - apart / 240 / by_chance)
    (done,) = with_intervals([result], torch.full((12,), 20), 500, 0)
    assert done.ci == pytest.approx((1 - high / by_chance, 1 - low / by_chance), abs=2e-7)


# One seed gives one interval, another seed another.
def test_seed() -> None:
    first, again, other = (
        nctool.analyze(**given(), metrics="nc1.pinv", bootstrap=100, seed=seed)["nc1.pinv"].ci
        for seed in (1, 1, 2)
    )
    assert first == again != other


# Many classes are drawn a part at a time, with the same result in distribution and in order.
def test_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nctool.analyze(**given(), metrics="nc1.*", bootstrap=500)
    monkeypatch.setattr("nctool.analysis.bootstrap.CELLS", 12 * 7)
    parts = nctool.analyze(**given(), metrics="nc1.*", bootstrap=500)
    assert parts["nc1.pinv"].ci == pytest.approx(whole["nc1.pinv"].ci, rel=1e-12)


# A class that is not there counts for nothing; fewer than three classes make no interval.
def test_few_classes() -> None:
    arrays = given()
    arrays["labels"] = np.where(arrays["labels"] == 3, 4, arrays["labels"])
    assert nctool.analyze(**arrays, bootstrap=100)["nc1.pinv"].ci is not None
    two = nctool.analyze(**given(classes=2), bootstrap=100)
    assert two["nc1.trace_ratio"].ci is None


# A number of draws that makes no interval is refused.
@pytest.mark.parametrize("replicates", [1, 39, -5, 10**6])
def test_refused(replicates: int) -> None:
    with pytest.raises(UsageError) as caught:
        nctool.analyze(**given(), bootstrap=replicates)
    assert caught.value.slug == "bad-bootstrap"
