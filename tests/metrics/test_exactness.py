"""nctool against the textbook oracle: every population, storage type, label form and setting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import nctool
from nctool.metrics import registry
from nctool.statistics.scores import Scores
from tests.support.agreement import COSINE_ROUNDING, agree
from tests.support.oracle import PROFILES
from tests.support.populations import DEGENERATE, POPULATIONS
from tests.support.stored_populations import STORAGE, small_blocks, stored, truth

HANDFUL = (
    "noisy_simplex", "near_collapse_1e-3", "long_tail", "many_classes", "unbiased_head",
    "empty_class", "relu_features", "huge_offset",
)  # fmt: skip

COARSE_GRID = 3e-9
"""Where means are small sums on a grid, a cosine can be 0 but for the float32 residuals' 1e-9."""


def analyzed(name: str, storage: str, /, **settings: Any) -> nctool.Report:
    return nctool.analyze(**stored(name, storage).given, per_class=True, **settings)


# Every number on every population, stored in every type, is the oracle's.
@pytest.mark.parametrize("dtype", STORAGE)
@pytest.mark.parametrize("name", POPULATIONS)
def test_populations(name: str, dtype: str) -> None:
    report = analyzed(name, dtype)
    assert len(report.metrics) == len(truth(name, dtype))
    agree(report, truth(name, dtype), stored(name, dtype))


# A metric is undefined, with a reason, exactly where the oracle has no value: never NaN, never 0.
@pytest.mark.parametrize("dtype", STORAGE)
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate(name: str, dtype: str) -> None:
    report, expected = analyzed(name, dtype), truth(name, dtype)
    agree(report, expected, stored(name, dtype), cosines=COARSE_GRID)
    for result in report:
        undefined = expected[result.id].value is None
        assert result.status == ("undefined" if undefined else "ok"), result.id
        assert bool(result.reason) == undefined
        assert result.reason != "the result is not a finite number"


# Where an input is missing the metric is skipped and says which, whatever else there is.
@pytest.mark.parametrize("dtype", STORAGE)
def test_missing_head(dtype: str) -> None:
    expected = truth("no_head", dtype)
    for result in analyzed("no_head", dtype):
        if "head" in registry()[result.id].needs:
            assert (result.status, result.reason) == ("skipped", "needs head"), result.id
        elif expected[result.id].value is None:
            assert result.status == "undefined", result.id
            assert result.reason is not None and "head" not in result.reason.split()
        else:
            assert result.status == "ok" and result.reason is None, result.id


# Blocks of a few rows give what one block gives, also where a class first comes late.
@pytest.mark.parametrize("of_scores", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", POPULATIONS)
def test_small_blocks(name: str, dtype: str, of_scores: bool) -> None:
    with small_blocks(11, of_scores=of_scores):
        report = analyzed(name, dtype)
    agree(report, truth(name, dtype), stored(name, dtype))


# Even blocks of a single sample, in class order and mixed, give what one block gives.
@pytest.mark.parametrize("name", ["class_sorted", "shuffled", "near_collapse_1e-6", "empty_class"])
def test_blocks_of_one(name: str) -> None:
    with small_blocks(1):
        report = analyzed(name, "float32")
    agree(report, truth(name, "float32"), stored(name, "float32"))


# Whichever way is taken for large inputs, it gives the same numbers as the way for small ones.
@pytest.mark.parametrize(
    ("constant", "value"),
    [
        ("statistics.moment_sweep.FEW_CLASSES", 0),
        ("statistics.moment_sweep.FEW_CLASSES", 1000),
        ("statistics.moment_sweep.SHORT_SUM", 4),
        ("statistics.moment_sweep.BUFFER_CLASSES", 1),
        ("statistics.moment_sweep.PILOT_ROWS", 1),
        ("statistics.parts.RESIDUAL_CLASSES", 0),
        ("statistics.rivals.FEWEST_CLASSES", 0),
        ("statistics.verdict.PRUNE_SHARE", -1.0),
        ("statistics.verdict.PRUNE_SHARE", 1.0),
        ("statistics.head_rule.EXACT_TILE", 3),
        ("statistics.scores.EXACT_TILE", 3),
        ("statistics.scores.EXACT_ROWS", 2),
        ("statistics.scores.EXACT_KEPT", 0),
        ("statistics.whitening.COLUMN_BLOCKS", 1),
        ("geometry.tiles.TILE", 3),
        ("geometry.tiles.RECHECKED", 2),
        ("geometry.tiles.DOUBLE_COUNT", 0),
        ("geometry.simplex.COLUMNS", 3),
        ("geometry.simplex.TILE", 3),
        ("geometry.simplex.WHOLE_CLASSES", 0),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "name",
    [
        "relu_features", "many_classes", "perfect_simplex", "long_tail", "wide_noise_4",
        "huge_offset",
    ],
)  # fmt: skip
def test_every_way(
    name: str, dtype: str, constant: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, attribute = constant.rpartition(".")
    monkeypatch.setattr(f"nctool.{module}.{attribute}", value)
    report = analyzed(name, dtype)
    agree(report, truth(name, dtype), stored(name, dtype))


# Decisions that float32 leaves open are settled in float64; were all of them, none would change.
@pytest.mark.parametrize("name", ["wide_noise_4", "relu_features", "empty_class", "many_classes"])
def test_all_settled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unbounded(scores: Scores, lengths: torch.Tensor) -> torch.Tensor:
        return torch.full_like(lengths, torch.inf)

    monkeypatch.setattr(Scores, "tolerance", unbounded)
    agree(analyzed(name, "float32"), truth(name, "float32"), stored(name, "float32"))


# Sorted by class or shuffled, the same samples have the same numbers.
@pytest.mark.parametrize("dtype", STORAGE)
def test_order(dtype: str) -> None:
    report = analyzed("class_sorted", dtype)
    agree(report, truth("shuffled", dtype), stored("shuffled", dtype))


# However labels are written, the report is the same to the last bit.
@pytest.mark.parametrize(
    "form",
    ["int32", "int8", "uint8", "float32", "float64", "torch", "list", "str", "column", "one-hot"],
)
@pytest.mark.parametrize("with_head", [True, False])
def test_label_forms(form: str, with_head: bool) -> None:
    given = dict(stored("shuffled", "float32").given)
    if not with_head:
        del given["weight"], given["bias"]
    labels = np.asarray(given.pop("labels"), dtype=np.int64)  # (N,) ten classes
    written: dict[str, Any] = {
        "torch": torch.from_numpy(labels), "list": labels.tolist(), "str": labels.astype(str),
        "column": labels[:, None], "one-hot": np.eye(10, dtype=np.float32)[labels],
    }  # fmt: skip
    other = written[form] if form in written else labels.astype(form)
    report = nctool.analyze(**given, labels=other, per_class=True)
    assert report.digest == nctool.analyze(**given, labels=labels, per_class=True).digest
    assert report["nc1.pinv"].status == "ok"


# Each profile computes what its publication's formulas give.
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [*HANDFUL, "zero_row", "coincident_means"])
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles(profile: str, name: str, dtype: str) -> None:
    report, expected = analyzed(name, dtype, profile=profile), truth(name, dtype, profile)
    if profile == "wu-papyan":
        # The spread is that of logarithms, the number of a class its length itself.
        logs = expected["nc2.norm_cv.means"]
        assert logs.per_class is not None
        lengths = [
            value for value in report["nc2.norm_cv.means"].per_class or () if value is not None
        ]
        assert lengths == pytest.approx(np.exp(logs.per_class).tolist(), rel=1e-6)
        expected = expected | {"nc2.norm_cv.means": replace(logs, per_class=None)}
    assert report.settings["profile"] == profile
    cosines = COARSE_GRID if name in DEGENERATE else COSINE_ROUNDING
    agree(report, expected, stored(name, dtype), cosines=cosines)


# With --center samples the global mean is that of the samples, for every metric.
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", POPULATIONS)
def test_sample_mean(name: str, dtype: str) -> None:
    report = analyzed(name, dtype, center="samples")
    agree(report, truth(name, dtype, "samples"), stored(name, dtype))


# A centre that is asked for overrides the profile's.
def test_centre_over_profile() -> None:
    report = analyzed("long_tail", "float64", profile="papyan", center="balanced")
    assert report.settings["center"] == "balanced"
    agree(report, truth("long_tail", "float64"), stored("long_tail", "float64"))


# float64 products of float32 features are as exact as those of float64 features.
@pytest.mark.parametrize("name", HANDFUL)
def test_wider_products(name: str) -> None:
    report = analyzed(name, "float32", dtype="float64")
    assert report.settings["products"] == "float64"
    agree(report, truth(name, "float32"), stored(name, "float32"))


# float32 products of float64 arrays are as exact as those of the same numbers in float32.
@pytest.mark.parametrize("name", HANDFUL)
def test_narrower_products(name: str) -> None:
    given: dict[str, Any] = {
        role: array.double() if isinstance(array, torch.Tensor) else array
        for role, array in stored(name, "float32").given.items()
    }
    report = nctool.analyze(**given, per_class=True, dtype="float32")
    assert report.settings["products"] == "float32"
    agree(report, truth(name, "float32"), stored(name, "float32"))
