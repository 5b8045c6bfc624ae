"""The oracle's profiles, each against the default on imbalanced data of unequal widths."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.support.oracle import Outcome
from tests.support.oracle import measure as measure_all
from tests.support.populations import POPULATIONS, Array, Population

measure = partial(measure_all, only=("nc", "gnc1.", "gnc3.", "gnc."))
"""The sphere and the hulls are slower, and have tests of their own."""


def _measure(population: Population, profile: str | None = None) -> dict[str, Outcome]:
    return measure(
        population.features,
        population.labels,
        population.weight,
        population.bias,
        profile=profile,
    )


def _value(outcomes: dict[str, Outcome], name: str) -> float:
    value = outcomes[name].value
    assert value is not None, (name, outcomes[name].reason)
    return value


def _by_class(outcomes: dict[str, Outcome], name: str) -> Array:
    by_class = outcomes[name].per_class
    assert by_class is not None, name
    return by_class


@pytest.fixture(scope="module")
def lopsided() -> Population:
    """Long-tailed classes of unequal width, an uncentred head with a strong bias."""
    whole = POPULATIONS["long_tail"]()
    labels = whole.labels.astype(np.int64)
    means = np.stack([whole.features[labels == c].mean(axis=0) for c in range(6)])  # (6, D)
    scale = np.linspace(1, 9, 6)[labels][:, None]  # (N, 1)
    features = means[labels] + scale * (whole.features - means[labels])  # (N, D)
    assert whole.weight is not None
    bias = np.linspace(-9, 9, 6)  # (6,)
    return Population("lopsided", features, labels, whole.weight + 0.3, bias, "")


def _same(profile: dict[str, Outcome], default: dict[str, Outcome]) -> set[str]:
    """The ids on which a profile and the default agree."""
    assert profile.keys() <= default.keys()
    return {k for k in profile if _value(profile, k) == pytest.approx(_value(default, k), rel=1e-9)}


# Every profile knows only pinned ids, and differs from the default exactly where its sentence says.
@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("papyan", {"nc2.norm_cv.weights", "nc2.cos_std.weights", "nc2.angle_gap.weights",
                    "nc4.mismatch"}),
        ("notebook", {"nc2.norm_cv.means", "nc2.norm_cv.weights", "nc2.angle_gap.means",
                      "nc2.angle_gap.weights", "nc4.mismatch", "nc4.accuracy"}),
        ("zhu", {"nc2.etf_deviation.weights", "nc4.accuracy"}),
        ("zhou", {"nc4.accuracy"}),
        ("jiang", set()),
        ("wu-papyan", {"nc2.etf_deviation.means", "nc3.cosine", "nc3.cosine_cv",
                       "nc3.etf_deviation"}),
        ("galanti", {"nc1.cdnv", "nc4.ncc_accuracy"}),
        ("rangamani", {"nc1.cdnv", "nc4.ncc_accuracy", "nc4.accuracy"}),
        ("he-su", set()),
    ],
)  # fmt: skip
def test_profiles_differ(lopsided: Population, name: str, same: set[str]) -> None:
    assert _same(_measure(lopsided, name), _measure(lopsided)) == same


# On balanced data about a common mean, the profiles that only recentre or reweight are the default.
@pytest.mark.parametrize("name", ["papyan", "zhu", "galanti", "rangamani"])
def test_profiles_agree_when_balanced(name: str) -> None:
    whole = POPULATIONS["noisy_simplex"]()
    default, outcomes = _measure(whole), _measure(whole, name)
    assert outcomes.keys() - _same(outcomes, default) <= {"nc3.bias_collapse"}


# The sample-centred profiles repeat the default formulas about the sample mean.
@pytest.mark.parametrize("name", ["papyan", "zhu", "rangamani"])
def test_profiles_centred_by_samples(lopsided: Population, name: str) -> None:
    default = measure(
        lopsided.features, lopsided.labels, lopsided.weight, lopsided.bias, center="samples"
    )
    outcomes = _measure(lopsided, name)
    assert outcomes.keys() - _same(outcomes, default) <= {
        "nc3.bias_collapse",
        "nc1.within_fraction",
    }


# The notebook's NC1 is K times the default, its NC3 the square.
def test_notebook(lopsided: Population) -> None:
    default, outcomes = _measure(lopsided), _measure(lopsided, "notebook")
    assert _value(outcomes, "nc1.pinv") == pytest.approx(6 * _value(default, "nc1.pinv"))
    assert _value(outcomes, "nc3.distance") == pytest.approx(_value(default, "nc3.distance") ** 2)


# A constant added to the bias moves zhu's bias collapse and not the default; a row added to every
# row of W moves zhu's deviations and not zhou's.
def test_zhu_and_zhou(lopsided: Population) -> None:
    features, labels = lopsided.features, lopsided.labels
    assert lopsided.weight is not None and lopsided.bias is not None
    raised, moved = lopsided.bias + 9, lopsided.weight + 0.7
    name = "nc3.bias_collapse"
    default = _measure(lopsided)
    assert _value(default, name) == pytest.approx(
        _value(measure(features, labels, lopsided.weight, raised), name), rel=1e-9
    )
    zhu = measure(features, labels, lopsided.weight, raised, profile="zhu")
    middle = features.mean(axis=0)  # (D,)
    explicit = float(np.linalg.norm(raised + lopsided.weight @ middle))
    assert _value(zhu, name) == pytest.approx(explicit)
    for deviation in ("nc2.etf_deviation.weights", "nc3.etf_deviation"):
        for profile in ("zhu", "zhou"):
            before = _value(_measure(lopsided, profile), deviation)
            after = _value(measure(features, labels, moved, profile=profile), deviation)
            assert (before == pytest.approx(after, rel=1e-9)) is (profile == "zhou")


# jiang is the default, about the sample mean, of features already on the sphere.
def test_jiang(lopsided: Population) -> None:
    unit = lopsided.features / np.linalg.norm(lopsided.features, axis=1)[:, None]  # (N, D)
    outcomes = _measure(lopsided, "jiang")
    default = measure(unit, lopsided.labels, lopsided.weight, center="samples")
    assert _same(outcomes, default) == outcomes.keys()
    assert _value(outcomes, "nc1.pinv") == _value(outcomes, "gnc1.pinv")


# wu-papyan's CDNV falls as the square of the scale, and its norm variation is of log norms.
def test_wu_papyan(lopsided: Population) -> None:
    outcomes = _measure(lopsided, "wu-papyan")
    doubled = measure(2 * lopsided.features, lopsided.labels, profile="wu-papyan")
    assert _value(outcomes, "nc1.cdnv") == pytest.approx(4 * _value(doubled, "nc1.cdnv"))
    logs = np.log(_by_class(_measure(lopsided), "nc2.norm_cv.means"))  # (6,)
    assert _value(outcomes, "nc2.norm_cv.means") == pytest.approx(logs.std(ddof=1) / logs.mean())


# rangamani's fraction and he-su's trace weigh classes equally; the latter has no 1/K.
def test_balanced_weights(lopsided: Population) -> None:
    about = measure(lopsided.features, lopsided.labels, center="samples")
    ratios = float(_by_class(about, "nc1.trace_ratio").mean())
    fraction = _value(_measure(lopsided, "rangamani"), "nc1.within_fraction")
    assert fraction == pytest.approx(ratios / (1 + ratios))
    parts = float(_by_class(about, "nc1.pinv").mean())
    assert _value(_measure(lopsided, "he-su"), "nc1.pinv") == pytest.approx(6 * parts)
