"""HUG within classes: closed forms, what is undefined and why, what is sampled and what is said."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

import nctool
from nctool.core.remembered import forget
from nctool.facts import graph
from nctool.metrics import select as choose
from nctool.report import Result
from nctool.statistics import kept_samples
from tests.support.populations import Array, simplex

SELECTED = "hug.reverse_energy*,hug.mhe*,hug.mhs*,hug.mgd*,hug.alignment,hug.pair_distance"
KINDS = ("means", "weights")


def measured(features: Any, labels: Any, weight: Any = None, **more: Any) -> Any:
    # Intervals are those of sampled pairs: a bootstrap over classes would stand in their place.
    settings: dict[str, Any] = {"metrics": SELECTED, "per_class": True, "bootstrap": 0}
    return nctool.analyze(features=features, labels=labels, weight=weight, **(settings | more))


def value(report: Any, name: str) -> float:
    found: Result = report[name]
    assert found.value is not None, (name, found.reason)
    return found.value


def reason(report: Any, name: str) -> str:
    found: Result = report[name]
    assert found.status == "undefined" and found.value is None and found.reason, name
    return found.reason


def collapsed(classes: int, size: int, dim: int) -> tuple[Array, Any, Array]:
    """Identical samples at the corners of a simplex, and a head that points there."""
    means = 3 * simplex(np.random.default_rng(classes), classes, dim)  # (K, D)
    labels = np.repeat(np.arange(classes), size)  # (N,)
    return means[labels], labels, 0.2 * means


def room(classes: int) -> float:
    """log det exp(-rho^2) of the simplex."""
    g = math.exp(-2 * classes / (classes - 1))
    return (classes - 1) * math.log1p(-g) + math.log1p((classes - 1) * g)


def crowd(size: int) -> float:
    """The same of one point so many times and its anchor, with jitter."""
    return math.log(size + 1 + 1e-6) + size * math.log(1e-6)


# At perfect collapse everything within is 0 and the gaps are at their best: the between part alone.
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.15, 0.03), (0.0, 2.0)])
@pytest.mark.parametrize("classes", [4, 10])
def test_perfect_collapse(classes: int, alpha: float, beta: float, kind: str) -> None:
    report = measured(*collapsed(classes, 7, 12), alpha=alpha, beta=beta)
    for name in (f"hug.reverse_energy.{kind}", "hug.alignment", "hug.pair_distance"):
        assert value(report, name) == pytest.approx(0, abs=1e-15)
    energy, far = (classes - 1) / (2 * classes), math.sqrt(2 * classes / (classes - 1))
    for gap, best in (("mhe", -alpha * energy), ("mhs", alpha * far)):
        found = report[f"hug.{gap}.{kind}"]
        assert found.value == pytest.approx(best, abs=1e-14)
        assert found.best_known.value == pytest.approx(best, abs=1e-14)
        assert found.best_known.source.startswith("exact: ")
    full = alpha * room(classes) - beta * crowd(7)
    determinant = report[f"hug.mgd.{kind}"]
    # The smallest eigenvalues are the jitter, of which 1e-10 are known.
    assert determinant.value == pytest.approx(full, rel=1e-10)
    assert determinant.details["within_at_collapse"] == pytest.approx(crowd(7), rel=1e-14)
    assert determinant.details["within"] == pytest.approx(crowd(7), rel=1e-10)
    assert determinant.best_known is None


# Every class is a square of half-angle t about its mean: by hand.
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("angle", [0.5, 1e-2, 1e-4])
def test_by_hand(angle: float, dtype: Any) -> None:
    frame = np.eye(6)
    centres, sides = np.concatenate([frame[:3], -frame[:3]]), frame[3:5]
    rows = [
        length * (np.cos(angle) * centre + sign * np.sin(angle) * side)
        for length, centre in enumerate(centres, start=1)
        for side in sides
        for sign in (1.0, -1.0)
    ]
    features, labels = np.array(rows, dtype), np.repeat(np.arange(6), 4)
    report = measured(features, labels, centres)
    sine, chord = math.sin(angle), 2 * math.sin(angle / 2)
    # Float32 features are off by 1e-7 of their length, and so are the angles.
    limit = 1e-12 if dtype == np.float64 else 1e-7 / angle
    near = partial(pytest.approx, rel=limit)
    assert value(report, "hug.reverse_energy.weights") == near(chord)
    assert value(report, "hug.alignment") == near(8 / 3 * sine**2)
    pairs = (4 * math.sqrt(2) + 2 * 2) / 6 * sine
    assert value(report, "hug.pair_distance") == near(pairs)
    energy = (3 / 4 + 12 / 2) / 15
    gap = value(report, "hug.mhe.weights")
    assert gap == pytest.approx(-energy - chord, abs=1e-12 if dtype == np.float64 else 1e-7)
    assert value(report, "hug.mhs.weights") == pytest.approx(math.sqrt(2) - chord, abs=1e-7)
    assert report["hug.alignment"].per_class == near([8 / 3 * sine**2] * 6)


def noisy(size: int = 12, seed: int = 0, offset: float = 0.0) -> tuple[Array, Any, Array]:
    random = np.random.default_rng(seed)
    means = offset + random.standard_normal((4, 7))
    labels = np.repeat(np.arange(4), size)
    features = means[labels] + 0.4 * random.standard_normal((4 * size, 7))
    return features, labels, means + 0.3 * random.standard_normal((4, 7))


# What is beside a gap adds up to it.
@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_gaps(kind: str) -> None:
    report = measured(*noisy(), alpha=0.7, beta=0.2)
    other = measured(*noisy(), metrics="hug.*")
    for gap, between, sign in (("mhe", "energy_s2", -1), ("mhs", "separation", 1),
                               ("mgd", "logdet", 1)):  # fmt: skip
        found = report[f"hug.{gap}.{kind}"]
        parts = found.details
        assert parts["alpha"] == 0.7 and parts["beta"] == 0.2
        assert parts["between"] == other[f"hug.{between}.{kind}"].value
        assert found.value == sign * 0.7 * parts["between"] - 0.2 * parts["within"]
    energy = report[f"hug.reverse_energy.{kind}"]
    assert report[f"hug.mhe.{kind}"].details["within"] == energy.value
    assert energy.value == pytest.approx(np.mean(energy.per_class), rel=1e-15)
    assert report[f"hug.mhs.{kind}"].details["within"] > energy.value
    assert report[f"hug.mgd.{kind}"].details["jitter"] == 1e-6


# Means are seen from the global mean, whichever that is; weights and pairs from zero.
@pytest.mark.parametrize("center", ["balanced", "samples"])
def test_origins(center: str) -> None:
    features, labels, weight = noisy(offset=2.0)
    keep = (labels > 0) | (np.arange(len(labels)) < 3)
    features, labels = features[keep], labels[keep]
    means = np.stack([features[labels == one].mean(0) for one in range(4)])
    middle = means.mean(0) if center == "balanced" else features.mean(0)
    report = measured(features, labels, weight, center=center)
    for kind, rows, to in (("means", features - middle, means - middle),
                           ("weights", features, weight)):  # fmt: skip
        unit, aim = (one / np.linalg.norm(one, axis=1)[:, None] for one in (rows, to))
        apart = np.linalg.norm(unit - aim[labels], axis=1)
        by_class = [apart[labels == one].mean() for one in range(4)]
        found = report[f"hug.reverse_energy.{kind}"].per_class
        assert found == pytest.approx(by_class, rel=1e-12)
        largest = np.mean([apart[labels == one].max() for one in range(4)])
        assert report[f"hug.mhs.{kind}"].details["within"] == pytest.approx(largest, rel=1e-12)


# Where a profile scales the features first, the numbers are those of features that were scaled.
def test_scaled_features() -> None:
    features, labels, weight = noisy(offset=1.0)
    scaled = features / np.linalg.norm(features, axis=1)[:, None]
    one = measured(features, labels, weight, profile="jiang")
    other = measured(scaled, labels, weight, center="samples")
    for result in one:
        assert result.value == pytest.approx(other[result.id].value, rel=1e-9), result.id
    plain = measured(features, labels, weight, center="samples")
    assert abs(value(plain, "hug.reverse_energy.means") / other["hug.reverse_energy.means"].value
               - 1) > 1e-3  # fmt: skip


# A class of one sample has no pairs: it is left out, and the result says so.
def test_one_sample() -> None:
    features, labels, weight = noisy()
    keep = (labels != 2) | (np.arange(len(labels)) == 30)
    report = measured(features[keep], labels[keep], weight)
    for name in ("hug.alignment", "hug.pair_distance"):
        found = report[name]
        assert found.per_class[2] is None and None not in found.per_class[:2]
        assert found.details["single_sample_classes"] == 1
        others = [one for one in found.per_class if one is not None]
        assert found.value == pytest.approx(np.mean(others), rel=1e-15)
        assert "single_sample_classes" not in (measured(*noisy())[name].details or {})
    assert report["hug.reverse_energy.means"].per_class[2] == pytest.approx(0, abs=1e-15)
    assert report["hug.reverse_energy.weights"].per_class[2] > 0.1
    few = measured(features[::12], labels[::12], weight)
    for name in ("hug.alignment", "hug.pair_distance"):
        assert reason(few, name) == "every class has one sample: there are no pairs"


# Where a direction is missing there is no distance to it: which one is missing is said.
def test_missing_directions() -> None:
    features, labels, weight = noisy()
    zero = features.copy()
    zero[[5, 20]] = 0.0
    report = measured(zero, labels, weight)
    for name in ("hug.reverse_energy.weights", "hug.mhe.weights", "hug.mgd.weights",
                 "hug.alignment", "hug.pair_distance"):  # fmt: skip
        assert reason(report, name) == "2 features of zeros have no direction"
    assert value(report, "hug.reverse_energy.means") > 0
    alone = measured(zero, labels, weight, metrics="hug.pair_distance")
    assert "2 features" in reason(alone, "hug.pair_distance")
    centred = np.array([[4.0, 0], [0, 0], [-4, 0], [0, 3], [-3, 0], [3, -3]])
    report = measured(centred, [0, 0, 1, 1, 2, 2], np.ones((3, 2)))
    for name in ("reverse_energy", "mhe", "mhs", "mgd"):
        found = reason(report, f"hug.{name}.means")
        assert found == "1 feature at the global mean has no direction"


# A class whose samples balance around zero has no mean direction, but its pairs have distances.
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_mean_at_zero(dtype: Any) -> None:
    features, labels, weight = noisy(size=16)
    half = np.round(8 * features[16:24]) / 8  # sums of eighths are exact
    features[16:32] = np.concatenate([half, -half])
    stored = features.astype(dtype)
    report = measured(stored, labels, weight)
    squares = [_mean_square(stored[labels == one].astype(np.float64)) for one in range(4)]
    near = partial(pytest.approx, rel=1e-11 if dtype == np.float64 else 1e-6)
    assert report["hug.alignment"].per_class == near(squares)
    to = weight[1] / np.linalg.norm(weight[1])
    rows = stored[labels == 1] / np.linalg.norm(stored[labels == 1], axis=1)[:, None]
    apart = np.linalg.norm(rows - to, axis=1).mean()
    assert report["hug.reverse_energy.weights"].per_class[1] == near(apart)


# A row of the head that belongs to no sample is nobody's anchor, wherever it stands.
def test_absent_class() -> None:
    features, labels, weight = noisy()
    spare = np.insert(weight, 1, 7.0, axis=0)
    moved = labels + (labels > 0)
    one, other = measured(features, moved, spare), measured(features, labels, weight)
    for name in ("hug.reverse_energy.weights", "hug.reverse_energy.means", "hug.alignment"):
        assert one[name].value == pytest.approx(other[name].value, rel=1e-13)
        assert one[name].per_class[1] is None
    parts = [report["hug.mgd.weights"].details["within"] for report in (one, other)]
    assert parts[0] == pytest.approx(parts[1], rel=1e-13)


# A zero row of the head has no direction; where its class has no sample, only pairs of rows mind.
def test_zero_rows() -> None:
    features, labels, weight = noisy()
    gone = weight * np.array([1.0, 0.0, 1.0, 1.0])[:, None]
    report = measured(features, labels, gone, class_names=["ant", "bee", "cat", "dog"])
    for name in ("reverse_energy", "mhe", "mhs", "mgd"):
        assert "bee is zero" in reason(report, f"hug.{name}.weights")
    more = np.concatenate([weight, np.zeros((1, 7))])
    report = measured(features, labels, more)
    same = measured(features, labels, weight)
    name = "hug.reverse_energy.weights"
    assert value(report, name) == value(same, name)
    assert reason(report, "hug.mhe.weights")


# What is undefined between classes is undefined in the gap; a separation of 0 is a value.
def test_coincident_rows() -> None:
    features, labels, weight = noisy()
    weight[3] = weight[1]
    report = measured(features, labels, weight)
    assert "one direction" in reason(report, "hug.mhe.weights")
    assert "one direction" in reason(report, "hug.mgd.weights")
    width = report["hug.mhs.weights"].details["within"]
    assert value(report, "hug.mhs.weights") == -width


# Classes of more than 256 samples are sampled: the same way every time, another with another seed,
# and the interval holds what all samples give.
def test_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, weight = noisy(size=600)
    report = measured(features, labels, weight)
    again = measured(features, labels, weight, metrics="hug.pair_distance,hug.mgd.means")
    other = measured(features, labels, weight, seed=1)
    for name in ("hug.pair_distance", "hug.mgd.means"):
        found = report[name]
        assert found.details["sampled"] == 4 and found.details["per_class"] == 256
        assert found.value == again[name].value != other[name].value
    monkeypatch.setattr(kept_samples, "MOST_KEPT", 600)
    forget()  # A choice of rows is remembered, and does not know of the patch.
    exact = measured(features, labels, weight, bootstrap=0)["hug.pair_distance"]
    forget()
    assert exact.ci is None and exact.details["sampled"] == 0
    low, high = report["hug.pair_distance"].ci
    assert low < exact.value < high < low + 0.03 * exact.value
    assert value(report, "hug.alignment") == pytest.approx(
        np.mean([_mean_square(features[labels == one]) for one in range(4)]), rel=1e-11
    )


def _mean_square(rows: Array) -> float:
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    apart = ((unit[:, None] - unit) ** 2).sum(2)
    return float(apart.sum() / (len(rows) * (len(rows) - 1)))


# Where memory is short fewer samples are kept, and the result says why; or there is none.
def test_short_of_memory() -> None:
    random = np.random.default_rng(9)
    labels = np.repeat(np.arange(20), 200)
    features = random.standard_normal((4000, 900)) + labels[:, None]
    kept = (64 << 20) // 4 // (20 * 900 * 8)
    found = measured(features, labels, memory="64MiB", metrics="hug.pair_distance")
    details = found["hug.pair_distance"].details
    assert details == {"sampled": 20, "per_class": kept, "limited_by": "memory"}
    labels = np.arange(4000) // 5
    found = measured(features, labels, memory="64MiB", metrics="hug.pair*,hug.mgd.means,hug.mhe*")
    assert "88MiB allows it" in reason(found, "hug.pair_distance")
    assert "88MiB allows it" in reason(found, "hug.mgd.means")
    assert value(found, "hug.mhe.means") < 0


# Numbers from few samples of storage rounding alone are marked; what is far from it is not.
def test_noise_floor() -> None:
    features, labels, weight = collapsed(5, 9, 8)
    random = np.random.default_rng(10)
    jittered = (features * (1 + 2e-4 * random.standard_normal(features.shape))).astype(np.float16)
    report = measured(jittered, labels, weight.astype(np.float16))
    near = measured(features.astype(np.float16), labels, weight.astype(np.float16))
    wide = measured(*noisy())
    for name in ("hug.reverse_energy.weights", "hug.reverse_energy.means", "hug.alignment",
                 "hug.pair_distance"):  # fmt: skip
        assert report[name].noise_floor is not None and report[name].value is not None
        assert 0.1 * report[name].noise_floor < report[name].value < 10 * report[name].noise_floor
        assert "below-noise-floor" not in wide[name].flags
        assert "below-noise-floor" in near[name].flags


# Structureless features are where the null value says.
def test_null_value() -> None:
    random = np.random.default_rng(11)
    features, labels = random.standard_normal((3000, 40)), np.arange(3000) % 5
    report = measured(features, labels, random.standard_normal((5, 40)))
    for name in ("hug.reverse_energy.weights", "hug.reverse_energy.means", "hug.alignment",
                 "hug.pair_distance"):  # fmt: skip
        assert value(report, name) == pytest.approx(report[name].null_value, rel=0.02), name


# Nothing of this is computed unless it is asked for, and only what is.
def test_only_on_demand() -> None:
    def made(select: str) -> set[str]:
        closure = graph().closure(
            need.fact for metric in choose(select) for need in metric.facts if not need.soft
        )
        watched = {"near[means]", "near[weights]", "row_directions", "kept_samples",
                   "kernels[means]", "kernels[weights]", "on_sphere"}  # fmt: skip
        return {*closure & watched}

    assert made("nc*,hug.energy*") == set()
    assert made("hug.reverse_energy.weights") == {"near[weights]", "row_directions"}
    assert made("hug.mhe.means") == {"near[means]"}
    assert made("hug.pair_distance,nc2*") == {"near[weights]", "kept_samples"}
    assert made("hug.mgd.means") == {"near[means]", "kept_samples", "kernels[means]"}
    assert made("hug.alignment") == {"near[weights]", "on_sphere"}
