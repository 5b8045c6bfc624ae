"""A head that multiplies cosines: its rows have no length of their own, and no bias."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nctool
from nctool.core.errors import UsageError

SCALE = 30.0


def given(dtype: str = "float64") -> dict[str, Any]:
    random = np.random.default_rng(3)
    labels = np.arange(120) % 5
    weight = random.standard_normal((5, 7))
    features = weight[labels] + random.standard_normal((120, 7))
    # Lengths that would decide, were they logits' business.
    features *= random.uniform(0.1, 10, (120, 1))
    weight *= np.array([[0.1], [1], [10], [3], [30]])
    return {
        "features": features.astype(dtype), "labels": labels, "weight": weight.astype(dtype),
        "bias": np.array([9.0, 0, 0, -9, 0]),
    }  # fmt: skip


def unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    directions: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return directions


# Decisions and margins are those of the cosines times the scale.
@pytest.mark.parametrize(("dtype", "near"), [("float64", 1e-12), ("float32", 1e-6)])
def test_logits(dtype: str, near: float) -> None:
    arrays = given(dtype)
    report = nctool.analyze(**arrays, logit_scale=SCALE, per_class=True)
    labels = arrays["labels"]
    logits = SCALE * unit(arrays["features"]) @ unit(arrays["weight"]).T  # (N, K)
    own = logits[np.arange(120), labels]
    logits[np.arange(120), labels] = -np.inf
    margin = own - logits.max(1)
    found = report["gnc.logit_margin"]
    assert found.value == pytest.approx(margin.mean(), rel=near)
    assert found.per_class == pytest.approx(
        [margin[labels == c].mean() for c in range(5)], rel=near, abs=SCALE * near
    )
    assert found.distribution is not None
    assert (found.distribution.min, found.distribution.max) == pytest.approx(
        (margin.min(), margin.max()), rel=near, abs=SCALE * near
    )
    assert report["nc4.accuracy"].value == (margin > 0).mean()
    assert report.settings["logit_scale"] == SCALE


# The lengths of the rows and a bias that lies beside them change nothing.
def test_lengths_and_bias() -> None:
    arrays = given()
    one = nctool.analyze(**arrays, logit_scale=SCALE)
    arrays["weight"] = unit(arrays["weight"])
    del arrays["bias"]
    other = nctool.analyze(**arrays, logit_scale=SCALE)
    plain = nctool.analyze(**arrays)
    for result in one:
        assert (result.value is None) == (other[result.id].value is None), result.id
        if result.value is not None:
            assert result.value == pytest.approx(other[result.id].value, rel=1e-9), result.id
    assert plain["nc4.accuracy"].value == one["nc4.accuracy"].value


# A zero row has no direction: its cosine is undefined, and says so.
def test_zero_row() -> None:
    arrays = given()
    arrays["weight"][2] = 0
    assert nctool.analyze(**arrays, logit_scale=SCALE)["gnc.logit_margin"].status == "undefined"


# A scale that turns every logit to zero, or into nothing, is refused.
@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_refused(scale: float) -> None:
    with pytest.raises(UsageError, match="cosine"):
        nctool.analyze(**given(), logit_scale=scale)
