"""nctool against the oracle where a population of its own is needed to tell right from wrong."""

from __future__ import annotations

import numpy as np
import pytest

import nctool
from tests.support.agreement import agree
from tests.support.oracle import measure
from tests.support.oracle.nc2 import etf_floor
from tests.support.stored_populations import as_stored, population, small_blocks, stored


# Three hundred classes take the roads of many classes without being told to.
@pytest.mark.parametrize("width", [0.3, 1e-4])
def test_hundreds_of_classes(width: float) -> None:
    random = np.random.default_rng(40)
    means = 0.5 + random.standard_normal((300, 20))  # (300, 20)
    labels = random.permutation(np.repeat(np.arange(300), 8))  # (2400,)
    features = means[labels] + width * random.standard_normal((2400, 20))  # (2400, 20)
    weight = means - means.mean(0) + 0.1 * random.standard_normal(means.shape)  # (300, 20)
    arrays = {"features": features, "weight": weight, "bias": -weight @ means.mean(0)}
    run = as_stored(arrays, labels, "float32")
    agree(nctool.analyze(**run.given, per_class=True), measure(**run.exact), run)


# Classes deep in their own cell beside classes that overlap, and a row of the head without any:
# every decision is the oracle's, in blocks where a few samples, most or all need a closer look.
@pytest.mark.parametrize("rows", [10_000, 40, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_tight_beside_wide(dtype: str, rows: int) -> None:
    random = np.random.default_rng(41)
    means = 4 * random.standard_normal((9, 6))  # (9, 6)
    labels = np.repeat([0, 1, 2, 3, 5, 6, 7, 8], 40)  # (320,) no sample of class 4
    width = np.where(labels % 2, 0.05, 6.0)[:, None]  # (320, 1)
    features = means[labels] + width * random.standard_normal((320, 6))  # (320, 6)
    weight = means + 2 * random.standard_normal((9, 6))  # (9, 6)
    arrays = {"features": features, "weight": weight, "bias": 5 * random.standard_normal(9)}
    run = as_stored(arrays, labels, dtype)
    with small_blocks(rows):
        report = nctool.analyze(**run.given, per_class=True)
    for name in ("nc4.mismatch", "nc4.ncc_accuracy", "nc4.accuracy"):
        assert 0.1 < (report[name].value or 0.0) < 0.9  # decisions of every kind
    agree(report, measure(**run.exact), run)


# Two classes with the same samples in another order tie, whatever float64 rounding makes of their
# means: the first wins.
def test_ties() -> None:
    random = np.random.default_rng(42)
    other, own = random.standard_normal((2, 60, 5))  # (60, 5) each
    own[:, 0] += 3.3
    labels = np.repeat(np.arange(3), 60)  # (180,)
    run = as_stored({"features": np.concatenate([other, own, own[::-1]])}, labels, "float64")
    report = nctool.analyze(**run.given, per_class=True)
    agree(report, measure(**run.exact, only=("nc4.ncc_accuracy",)), run)
    by_class = report["nc4.ncc_accuracy"].per_class
    assert by_class is not None and by_class[2] == 0.0


# A head that knows more digits than the features decides by them: float32 alone would see ties.
def test_close_rivals() -> None:
    random = np.random.default_rng(43)
    labels = np.repeat(np.arange(5), 60)  # (300,)
    means = random.standard_normal((5, 8))  # (5, 8)
    features = means[labels] + 3 * random.standard_normal((300, 8))  # (300, 8)
    side = np.outer([-1, 1, 1, 1, -1], random.standard_normal(8))  # (5, 8) three against two
    weight = side + 1e-9 * random.standard_normal((5, 8))  # (5, 8)
    stored_in = features.astype(np.float32)
    report = nctool.analyze(features=stored_in, labels=labels, weight=weight, per_class=True)
    assert report.settings["products"] == "float32"
    expected = measure(stored_in, labels, weight, only=("nc4.",))
    for name in ("nc4.mismatch", "nc4.accuracy"):
        assert report[name].value == expected[name].value
        by_class = expected[name].per_class
        assert by_class is not None and report[name].per_class == tuple(by_class.tolist())


# The least deviation from a simplex that K rows in D dimensions allow stands beside the deviation.
@pytest.mark.parametrize("name", ["many_classes", "k_equals_d_plus_1", "one_dimension"])
def test_floors_of_deviations(name: str) -> None:
    report, whole = nctool.analyze(**stored(name, "float64").given), population(name)
    floor = etf_floor(len(set(whole.labels.tolist())), whole.features.shape[1])
    for metric in ("nc2.etf_deviation.means", "nc2.etf_deviation.weights", "nc3.etf_deviation"):
        result = report[metric]
        assert result.floor == pytest.approx(floor, rel=1e-14)
        assert result.value is not None and result.value >= floor


# The noise floor is what storage rounding alone amounts to: between half a unit in the last place
# of each coordinate and a whole one, so up to four times too high, and never too low.
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["noisy_simplex", "random_features", "near_collapse_1e-8"])
def test_noise_floor(name: str, dtype: str) -> None:
    lost = stored(name, dtype).exact["features"] - population(name).features  # (N, D)
    report = nctool.analyze(**stored(name, dtype).given)
    result = report["nc1.trace_ratio"]
    rounding = float(np.square(lost).sum()) / len(lost) / report.data["between_trace"]
    assert result.noise_floor is not None and rounding < result.noise_floor < 4 * rounding
    below = result.value is not None and result.value < result.noise_floor
    assert ("below-noise-floor" in result.flags) == below == (name == "near_collapse_1e-8")
