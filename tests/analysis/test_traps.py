"""Where other tools' numbers went wrong: each trap as a case, with the wrong number shown first."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

import nctool
from nctool.geometry.simplex import etf_deviation
from tests.support.oracle import measure
from tests.support.populations import Array, simplex

F32 = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

FLOAT32 = 1e-6
"""float32 products lose about 1e-7 in each, float64 sums of them no more."""


def value(report: nctool.Report, name: str) -> float:
    found = report[name]
    assert found.value is not None, found.reason
    return found.value


def truth(name: str, features: F32 | Array, labels: Labels) -> float:
    found = measure(features, labels, only=(name,))[name].value
    assert found is not None
    return found


def offset_simplex(width: float, *, dim: int = 64, size: int = 50) -> tuple[F32, Labels]:
    """Ten classes about a common offset, coordinates so wide, in float32."""
    random = np.random.default_rng(60)
    means = 3 + simplex(random, 10, dim)  # (10, D)
    labels = np.repeat(np.arange(10), size)  # (N,)
    noise = width / math.sqrt(dim) * random.standard_normal((len(labels), dim))  # (N, D)
    return (means[labels] + noise).astype(np.float32), labels


# Trap: pinv of a float32 covariance with its usual cut-off inverts rounding: 1e5 for 1.8e-5.
@pytest.mark.parametrize("width", [1e-1, 1e-3])
def test_pinv_cut_off(width: float) -> None:
    features, labels = offset_simplex(width, dim=512)
    means = np.stack([features[labels == c].mean(0) for c in range(10)])  # (10, 512) float32
    centred = means - features.mean(0)
    residual = features - means[labels]
    within, between = residual.T @ residual / len(features), centred.T @ centred / 10
    naive = np.trace(within @ np.linalg.pinv(between)) / 10
    exact = truth("nc1.pinv", features, labels)
    assert abs(naive) > 1e3 * exact
    report = nctool.analyze(features=features, labels=labels)
    assert value(report, "nc1.pinv") == pytest.approx(exact, rel=FLOAT32)
    assert report.data["rank_of_means"] == 9


# Trap: a cut-off as coarse as float32 leaves out directions in which classes do differ, and where
# their features differ most in comparison: four tools gave four answers over four decades.
def test_small_directions() -> None:
    random = np.random.default_rng(69)
    spread = np.geomspace(1, 1e-7, 8)  # (8,)
    labels = np.repeat(np.arange(9), 20)  # (180,)
    means = random.standard_normal((9, 8)) * spread  # (9, 8)
    features = means[labels] + 1e-8 * random.standard_normal((180, 8))  # (180, 8)
    report = nctool.analyze(features=features, labels=labels)
    assert report.data["rank_of_means"] == report.data["rank_possible"] == 8
    # 1e-16 of the largest direction is 1e-9 of the smallest.
    assert value(report, "nc1.pinv") == pytest.approx(truth("nc1.pinv", features, labels), rel=1e-8)


# Trap: E|h|^2 - |E h|^2 leaves nothing but rounding where classes are tight.
def test_one_pass_variance() -> None:
    features, labels = offset_simplex(1e-5)
    naive = 0.0
    for c in range(10):
        own = features[labels == c]  # (50, D)
        naive += abs(float((own**2).sum(1).mean() - (own.mean(0) ** 2).sum())) / 10
    report = nctool.analyze(features=features, labels=labels, per_class=True)
    between = report.data["between_trace"]
    assert naive > 10 * truth("nc1.trace_ratio", features, labels) * between
    for name in ("nc1.trace_ratio", "nc1.cdnv", "nc1.pinv"):
        expected = truth(name, features, labels)
        assert value(report, name) == pytest.approx(expected, rel=FLOAT32)


# Trap: a float32 mean is off by more than the classes are wide, and its square is added to them.
def test_float32_means() -> None:
    features, labels = offset_simplex(1e-6, size=2000)
    naive = 0.0
    for c in range(10):
        own = features[labels == c]  # (2000, D)
        mean = own.cumsum(0, dtype=np.float32)[-1] / np.float32(len(own))  # (D,) sample by sample
        naive += float(((own - mean).astype(np.float64) ** 2).sum(1).mean()) / 10
    report = nctool.analyze(features=features, labels=labels)
    expected = truth("nc1.trace_ratio", features, labels)
    assert naive / report.data["between_trace"] > 2 * expected
    assert value(report, "nc1.trace_ratio") == pytest.approx(expected, rel=FLOAT32)


# Trap: without the bias a head of class means decides otherwise than the nearest class mean.
def test_bias_in_decisions() -> None:
    random = np.random.default_rng(61)
    labels = np.repeat(np.arange(6), 30)  # (180,)
    features = 2 * random.standard_normal((6, 8))[labels] + random.standard_normal((180, 8)) + 1
    means = np.stack([features[labels == c].mean(0) for c in range(6)])  # (6, 8)
    head = {"weight": means, "bias": -(means**2).sum(1) / 2}
    report = nctool.analyze(features=features, labels=labels, **head)
    assert value(report, "nc4.mismatch") == 0.0
    assert value(report, "nc4.accuracy") == value(report, "nc4.ncc_accuracy") < 1
    unbiased = nctool.analyze(features=features, labels=labels, weight=means)
    assert value(unbiased, "nc4.mismatch") > 0.1
    ignored = nctool.analyze(features=features, labels=labels, **head, profile="wu-papyan")
    assert value(ignored, "nc4.mismatch") == value(unbiased, "nc4.mismatch")


# Trap: the Frobenius norm of 1e8 numbers in float32 is off by a percent.
def test_frobenius_norm_of_many_classes() -> None:
    classes, dim = 10_000, 16
    angles = 2 * np.pi * np.arange(classes)[:, None] * np.arange(1, 9) / classes  # (K, 8)
    frame = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)  # (K, 16)
    # Centred rows of equal length that form a tight frame: G has 16 equal eigenvalues.
    closed = math.sqrt(2 - 2 * math.sqrt(dim / (classes - 1)))
    report = nctool.analyze(weight=frame, metrics="nc2.etf_deviation.weights")
    assert value(report, "nc2.etf_deviation.weights") == pytest.approx(closed, rel=1e-12)
    # Rows of unequal length and no tight frame: the same from their two Gram matrices.
    rows = frame * (1 + np.arange(dim) / dim) + 0.1  # (K, 16)
    inner = np.square(rows).sum() - np.square(rows.sum(0)).sum() / classes
    inner /= math.sqrt(classes - 1) * np.linalg.norm(rows.T @ rows)
    both = torch.from_numpy(rows)
    assert etf_deviation(both, both) == pytest.approx(math.sqrt(2 - 2 * inner), rel=1e-12)


# Trap: the signed mean of cos + 1/(K-1) is zero for any centred means of equal length.
def test_signed_angles() -> None:
    means = np.concatenate([np.eye(4), -np.eye(4)])  # (8, 4) a cross-polytope
    cosines = (means @ means.T)[np.triu_indices(8, 1)]
    assert abs(np.mean(cosines + 1 / 7)) < 1e-15
    report = nctool.analyze(features=np.repeat(means, 2, axis=0), labels=np.repeat(np.arange(8), 2))
    assert value(report, "nc2.angle_gap.means") == pytest.approx(12 / 49)


# Trap: self-duality read off the pairs of different classes never sees a class's own pair.
def test_uniform_duality_sees_own_pairs() -> None:
    means = simplex(np.random.default_rng(62), 4, 5)  # (4, 5)
    features, labels = np.repeat(means, 3, axis=0), np.repeat(np.arange(4), 3)
    right = nctool.analyze(features=features, labels=labels, weight=means)
    assert value(right, "nc3.cosine") == pytest.approx(1)
    assert value(right, "nc3.cosine_cv") == pytest.approx(0, abs=1e-14)
    swapped = nctool.analyze(features=features, labels=labels, weight=means[[1, 0, 2, 3]])
    assert value(swapped, "nc3.cosine") == pytest.approx((1 + 1 - 1 / 3 - 1 / 3) / 4)
    assert value(swapped, "nc3.cosine_cv") > 1


# Trap: signed differences of lengths change with the numbering of the classes.
def test_lengths_under_relabelling() -> None:
    features, labels = offset_simplex(1.0)
    features = features * (1 + labels[:, None].astype(np.float32))
    one = nctool.analyze(features=features, labels=labels)
    other = nctool.analyze(features=features, labels=(7 * labels + 3) % 10)
    assert value(one, "nc2.norm_cv.means") > 0.1
    assert value(one, "nc2.norm_cv.means") == pytest.approx(value(other, "nc2.norm_cv.means"))


# Trap: centred by the sample mean, exact simplex means of a long tail look far from collapsed.
def test_long_tail_centring() -> None:
    means = 5 + simplex(np.random.default_rng(63), 4, 6)  # (4, 6)
    labels = np.repeat(np.arange(4), [1000, 100, 10, 1])  # (1111,)
    known = {"nc2.etf_deviation.means": 1.014, "nc2.norm_cv.means": 0.58,
             "nc2.angle_gap.means": 0.54}  # fmt: skip
    balanced = nctool.analyze(features=means[labels], labels=labels)
    tailed = nctool.analyze(features=means[labels], labels=labels, center="samples")
    for name, published in known.items():
        assert value(balanced, name) < 1e-13  # rounding of means five times as long
        assert value(tailed, name) == pytest.approx(published, abs=0.005)  # as many digits


# Trap: angles between uncentred means say more about their common part than about classes.
def test_uncentred_angles() -> None:
    means = 100 + simplex(np.random.default_rng(64), 5, 6)  # (5, 6) all within a degree
    report = nctool.analyze(features=np.repeat(means, 2, axis=0), labels=np.repeat(np.arange(5), 2))
    assert value(report, "nc2.max_cos.means") == pytest.approx(-1 / 4)
    assert value(report, "nc2.angle_gap.means") < 1e-11  # rounding of means 250 times as long


# Trap: two classes in one place left out of the pairs make a classifier look better spread.
def test_coincident_rows() -> None:
    rows = simplex(np.random.default_rng(65), 6, 7)  # (6, 7)
    rows[3] = rows[1]
    report = nctool.analyze(weight=rows, per_class=True)
    assert value(report, "nc2.max_cos.weights") == pytest.approx(1, abs=1e-15)
    assert value(report, "nc2.angle_gap.weights") == pytest.approx(1.2 * 2 / 30)
    features, labels = np.repeat(rows, 4, axis=0), np.repeat(np.arange(6), 4)
    means = nctool.analyze(features=features, labels=labels)
    assert value(means, "nc2.max_cos.means") == pytest.approx(1, abs=1e-15)
    assert means["nc1.cdnv"].status == "undefined"
    assert means["nc1.cdnv"].reason == "class means coincide: 1 and 3"


# Trap: variances over n - 1 where the definition says n.
def test_divisor_of_variance() -> None:
    classes, dim, radius, arm = 4, 6, 2.0, 0.3
    means = radius * simplex(np.random.default_rng(66), classes, dim)  # (4, 6)
    arms = arm * np.concatenate([np.eye(dim), -np.eye(dim)])  # (12, 6)
    features = (5 + means[:, None] + arms).reshape(-1, dim)  # (48, 6)
    report = nctool.analyze(features=features, labels=np.repeat(np.arange(classes), 2 * dim))
    assert value(report, "nc1.cdnv") == pytest.approx(0.0084375, rel=1e-12)
    assert value(report, "nc1.pinv") == pytest.approx(0.0084375, rel=1e-12)
    assert value(report, "nc1.trace_ratio") == pytest.approx(0.0225, rel=1e-12)


# Trap: collapse to the origin is not neural collapse: all-zero features are no NC1 of 0.
@pytest.mark.parametrize("constant", [0.0, 2.5])
def test_constant_features(constant: float) -> None:
    features, labels = np.full((20, 5), constant, np.float32), np.repeat(np.arange(4), 5)
    report = nctool.analyze(features=features, labels=labels)
    for result in report:
        if result.id.startswith(("nc1.", "nc2.", "gnc1.")) and "head" not in result.needs:
            assert result.status == "undefined" and result.value is None, result.id
            assert result.reason is not None
            assert "coincide" in result.reason or "zero" in result.reason


# Trap: one class makes 1/(K-1) a division by zero.
def test_one_class() -> None:
    features = np.random.default_rng(67).standard_normal((9, 5))
    report = nctool.analyze(
        features=features, labels=[0] * 9, weight=np.ones((1, 5)), bias=[0.0], ood=features
    )
    for result in report:
        assert result.status == "undefined" and result.value is None, result.id
        assert result.reason and "one class" in result.reason, result.id


# Trap: a class of one sample makes averages NaN; its variance is zero, and the report says so.
def test_single_sample_class() -> None:
    features, labels = offset_simplex(0.1)
    keep = (labels != 4) | (np.arange(len(labels)) == 200)
    report = nctool.analyze(features=features[keep], labels=labels[keep], per_class=True)
    for name in ("nc1.pinv", "nc1.trace_ratio", "nc1.cdnv", "gnc1.pinv"):
        assert 0 < value(report, name) < 0.1
    assert report["nc1.pinv"].per_class is not None and report["nc1.pinv"].per_class[4] == 0.0
    assert "single-sample-classes" in [one.slug for one in report.warnings]


# Trap: on the sphere, features along one ray have no classes; what rounding leaves has no angle.
@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (np.float64, "gnc1.pinv"),
        (np.float64, "gnc3.duality"),
        (np.float32, "gnc1.pinv"),
        (np.float32, "gnc3.duality"),
    ],
)
def test_one_ray(dtype: type[np.floating], name: str) -> None:
    random = np.random.default_rng(68)
    labels = np.repeat(np.arange(4), 9)  # (36,)
    lengths = 1 + labels + 0.1 * random.standard_normal(36)  # (36,)
    features = np.outer(lengths, [0, 1, 0]).astype(dtype)  # (36, 3)
    weight = random.standard_normal((4, 3))  # (4, 3)
    report = nctool.analyze(features=features, labels=labels, weight=weight)
    assert report["nc1.trace_ratio"].status == "ok"
    assert report[name].status == "undefined"
