"""The oracle against closed forms, exact arithmetic and itself."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from nctool.metrics import registry
from tests.support.oracle import FORMULAS, Outcome
from tests.support.oracle import measure as measure_all
from tests.support.oracle.nc2 import etf_floor
from tests.support.populations import (
    POPULATIONS,
    Array,
    Population,
    simplex,
    stored,
)

CENTRINGS = ("balanced", "samples")
STORAGE = ("float64", "float32", "float16", "bfloat16")
OOD = "nc5.ood_orthogonality"
OF_UNEQUAL_SIZES = {
    name for name, formula in FORMULAS.items() if "equal_sizes" in formula.undefined_on
}

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


def _everything(population: Population) -> dict[str, Outcome]:
    whole = population
    return measure_all(whole.features, whole.labels, whole.weight, whole.bias)


def _value(outcomes: dict[str, Outcome], name: str) -> float:
    value = outcomes[name].value
    assert value is not None, (name, outcomes[name].reason)
    return value


def _by_class(outcomes: dict[str, Outcome], name: str) -> Array:
    by_class = outcomes[name].per_class
    assert by_class is not None, name
    return by_class


def _collapsed(means: Array, counts: int | list[int] = 3) -> dict[str, Outcome]:
    """Every sample at its mean, and the head equal to the means."""
    labels = np.repeat(np.arange(len(means)), counts)  # (N,)
    return measure(means[labels], labels, means)


def _orthoplex(dim: int) -> Array:
    return np.concatenate([np.eye(dim), -np.eye(dim)])  # (2D, D)


def _polygon(classes: int) -> Array:
    angles = 2 * np.pi * np.arange(classes) / classes  # (K,)
    return np.column_stack([np.cos(angles), np.sin(angles)])  # (K, 2)


def _crosses(
    classes: int, dim: int, radius: float, arm: float, offset: float
) -> tuple[Array, npt.NDArray[np.int64], Array]:
    """A simplex of radius r about an offset, each class the 2D samples mu_c +- a e_j."""
    random = np.random.default_rng(0)
    means = radius * simplex(random, classes, dim)  # (K, D)
    arms = arm * _orthoplex(dim)  # (2D, D)
    samples = (offset * np.ones(dim) + means)[:, None] + arms  # (K, 2D, D)
    return samples.reshape(-1, dim), np.repeat(np.arange(classes), 2 * dim), means


# Closed forms: perfect shapes


# A simplex has cosines -1/(K-1), equal norms, no deviation, and cosine margin K/(K-1).
@pytest.mark.parametrize("classes", [2, 4, 10, 100])
def test_simplex(classes: int) -> None:
    outcomes = _collapsed(simplex(np.random.default_rng(classes), classes, classes + 2))
    for where in ("means", "weights"):
        assert _value(outcomes, f"nc2.max_cos.{where}") == pytest.approx(-1 / (classes - 1))
        for name in ("norm_cv", "cos_std", "angle_gap", "etf_deviation"):
            assert _value(outcomes, f"nc2.{name}.{where}") == pytest.approx(0, abs=1e-13)
    assert _value(outcomes, "gnc.cosine_margin") == pytest.approx(classes / (classes - 1))
    assert _value(outcomes, "gnc.logit_margin") == pytest.approx(classes / (classes - 1))


# On exactly collapsed, self-dual simplex data every metric is at its ideal.
def test_perfect_collapse_is_ideal() -> None:
    outcomes = _measure(POPULATIONS["perfect_simplex"]())
    simplex_cosine = {"nc2.max_cos.means", "nc2.max_cos.weights"}
    for name, outcome in outcomes.items():
        ideal = -1 / 9 if name in simplex_cosine else registry()[name].ideal
        if name != OOD and name not in OF_UNEQUAL_SIZES and ideal is not None:
            assert outcome.value == pytest.approx(ideal, abs=1e-13), name


# Exactly collapsed features have within-class numbers of exactly 0, in every storage type.
@pytest.mark.parametrize("dtype", STORAGE)
def test_identical_samples_have_no_variance(dtype: str) -> None:
    whole = POPULATIONS["perfect_simplex"]()
    outcomes = measure(stored(whole, dtype), whole.labels)
    for name in ("nc1.pinv", "nc1.trace_ratio", "nc1.within_fraction", "nc1.cdnv", "gnc1.pinv"):
        assert outcomes[name].value == 0.0


# A cross-polytope has maximal cosine 0 and the tabulated deviations.
@pytest.mark.parametrize(
    ("dim", "deviation"), [(2, 0.605811), (3, 0.671421), (4, 0.698672), (8, 0.734443)]
)
def test_orthoplex(dim: int, deviation: float) -> None:
    outcomes, others = _collapsed(_orthoplex(dim)), 2 * dim - 1
    exact = math.sqrt(2 - 2 * math.sqrt(dim / others))
    assert _value(outcomes, "nc2.max_cos.means") == pytest.approx(0, abs=1e-15)
    assert _value(outcomes, "nc2.etf_deviation.means") == pytest.approx(deviation, abs=5e-7)
    assert _value(outcomes, "nc2.etf_deviation.means") == pytest.approx(exact, rel=1e-12)
    assert _value(outcomes, "nc2.angle_gap.means") == pytest.approx(4 * (dim - 1) / others**2)
    assert _value(outcomes, "nc2.cos_std.means") == pytest.approx(math.sqrt(2 * dim - 2) / others)
    assert _value(outcomes, "gnc.cosine_margin") == pytest.approx(1)


# A regular polygon deviates from the simplex by sqrt(2 - 2 sqrt(2/(K-1))).
@pytest.mark.parametrize("classes", [4, 5, 12])
def test_polygon(classes: int) -> None:
    outcomes = _collapsed(_polygon(classes))
    exact = math.sqrt(2 - 2 * math.sqrt(2 / (classes - 1)))
    assert _value(outcomes, "nc2.etf_deviation.means") == pytest.approx(exact)
    assert _value(outcomes, "nc2.max_cos.means") == pytest.approx(math.cos(2 * math.pi / classes))


# Crosses a e_j about a simplex of radius r have the NC1 family in closed form, whatever the offset
# and however small a: the rounding of a sample of size u leaves a relative u/a of each residual.
@pytest.mark.parametrize(
    ("arm", "offset", "tolerance"),
    [(0.3, 0.0, 1e-12), (0.3, 5.0, 1e-12), (0.3, 2000.0, 1e-10), (1e-6, 5.0, 1e-8)],
)
def test_crosses(arm: float, offset: float, tolerance: float) -> None:
    classes, dim, radius = 4, 6, 2.0
    features, labels, _ = _crosses(classes, dim, radius, arm, offset)
    square = (arm / radius) ** 2
    expected = {
        "nc1.pinv": square * (classes - 1) ** 2 / (classes * dim),
        "nc1.trace_ratio": square,
        "nc1.within_fraction": square / (square + 1),
        "nc1.cdnv": square * (classes - 1) / (2 * classes),
    }
    outcomes = measure(features, labels)
    for name, value in expected.items():
        assert _value(outcomes, name) == pytest.approx(value, rel=tolerance), name
        assert _by_class(outcomes, name) == pytest.approx(np.full(classes, value), rel=tolerance)


# The tabulated instance of the crosses: (K, D, r, a) = (4, 6, 2, 0.3).
def test_crosses_tabulated() -> None:
    features, labels, _ = _crosses(4, 6, 2.0, 0.3, 1.0)
    outcomes = measure(features, labels)
    assert _value(outcomes, "nc1.pinv") == pytest.approx(0.0084375)
    assert _value(outcomes, "nc1.trace_ratio") == pytest.approx(0.0225)
    assert _value(outcomes, "nc1.cdnv") == pytest.approx(0.0084375)
    assert _value(measure(features, labels, profile="notebook"), "nc1.pinv") == pytest.approx(
        4 * 0.0084375
    )


# A head proportional to the centred means is dual; its product deviates as the means do.
def test_proportional_head() -> None:
    features, labels, means = _crosses(4, 6, 2.0, 0.3, 0.0)
    outcomes = measure(features, labels, 7 * means)
    assert _value(outcomes, "nc3.distance") == pytest.approx(0, abs=1e-14)
    assert _value(outcomes, "nc3.cosine") == pytest.approx(1)
    assert _value(outcomes, "nc3.cosine_cv") == pytest.approx(0, abs=1e-14)
    deviation = _value(outcomes, "nc2.etf_deviation.means")
    assert _value(outcomes, "nc3.etf_deviation") == pytest.approx(deviation, abs=1e-14)


# The opposite head is at distance 2 and cosine -1.
def test_opposite_head() -> None:
    means = simplex(np.random.default_rng(1), 5, 7)  # (5, 7)
    labels = np.repeat(np.arange(5), 2)  # (10,)
    outcomes = measure(means[labels], labels, -means)
    assert _value(outcomes, "nc3.distance") == pytest.approx(2)
    assert _value(outcomes, "nc3.cosine") == pytest.approx(-1)
    assert _value(outcomes, "gnc3.duality") == pytest.approx(2)


# w_c = mu_c and b_c = -|mu_c|^2/2 is the nearest-mean rule, for any data; without b it is not.
def test_nearest_mean_head() -> None:
    whole = POPULATIONS["wide_noise_4"]()
    labels = whole.labels.astype(np.int64)
    features = whole.features * (1 + labels / 5)[:, None]  # (N, D)
    means = np.stack([features[labels == c].mean(axis=0) for c in range(10)])  # (10, D)
    bias = -(means**2).sum(axis=1) / 2  # (10,)
    assert _value(measure(features, labels, means, bias), "nc4.mismatch") == 0.0
    assert _value(measure(features, labels, means), "nc4.mismatch") > 0.05
    with_profile = measure(features, labels, means, bias, profile="wu-papyan")
    assert _value(with_profile, "nc4.mismatch") > 0.05


# With counts 1000/100/10/1, exact simplex means are ideal about their own mean, and are far from
# it about the sample mean: deviation 1.014, angle gap 0.54, norm variation 0.58.
def test_imbalance_moves_only_the_sample_centre() -> None:
    means = simplex(np.random.default_rng(2), 4, 5)  # (4, 5)
    labels = np.repeat(np.arange(4), [1000, 100, 10, 1])  # (1111,)
    balanced = measure(means[labels], labels)
    by_samples = measure(means[labels], labels, center="samples")
    for name in ("nc2.etf_deviation.means", "nc2.norm_cv.means", "nc2.angle_gap.means"):
        assert _value(balanced, name) == pytest.approx(0, abs=1e-14)
    assert _value(by_samples, "nc2.etf_deviation.means") == pytest.approx(1.014, abs=5e-4)
    assert _value(by_samples, "nc2.angle_gap.means") == pytest.approx(0.54, abs=5e-3)
    assert _value(by_samples, "nc2.norm_cv.means") == pytest.approx(0.58, abs=5e-3)


# White noise: Tr(Sigma_W Sigma_B^+)/K is near (n-1)(K-1)/(D-K), the traces near (n-1)K/(K-1).
def test_white_noise() -> None:
    classes, dim, size = 10, 512, 50
    features = np.random.default_rng(3).standard_normal((classes * size, dim))  # (500, 512)
    outcomes = measure(features, np.repeat(np.arange(classes), size))
    pinv, ratio = (size - 1) * (classes - 1) / (dim - classes), (size - 1) * classes / (classes - 1)
    assert _value(outcomes, "nc1.pinv") == pytest.approx(pinv, rel=0.05)
    assert _value(outcomes, "nc1.trace_ratio") == pytest.approx(ratio, rel=0.05)


# Floors


# No K > D+1 rows come nearer the simplex than the floor, which tight frames attain.
def test_etf_floor() -> None:
    random = np.random.default_rng(4)
    assert etf_floor(10, 9) == 0.0
    assert etf_floor(100, 10) == pytest.approx(1.168, abs=5e-4)
    for classes, dim in ((12, 3), (40, 12), (6, 1)):
        for _ in range(20):
            outcomes = _collapsed(random.standard_normal((classes, dim)), 1)
            names = ("nc2.etf_deviation.means", "nc2.etf_deviation.weights", "nc3.etf_deviation")
            for name in names:
                assert _value(outcomes, name) >= etf_floor(classes, dim) - 1e-12
    for rows in (_orthoplex(5), _polygon(9)):
        outcomes = _collapsed(rows)
        deviation = _value(outcomes, "nc2.etf_deviation.means")
        assert deviation == pytest.approx(etf_floor(*rows.shape))
        assert _value(outcomes, "nc3.etf_deviation") == pytest.approx(etf_floor(*rows.shape))


# Centred tight frames of equal norms have cosines with deviation sqrt(K(K-1-D)/D)/(K-1).
@pytest.mark.parametrize(
    "rows", [_orthoplex(5), _polygon(9), simplex(np.random.default_rng(6), 6, 5)]
)
def test_cosine_floor(rows: Array) -> None:
    classes, dim = rows.shape
    floor = math.sqrt(classes * (classes - 1 - dim) / dim) / (classes - 1)
    assert _value(_collapsed(rows), "nc2.cos_std.means") == pytest.approx(floor, abs=1e-14)


# Exactness


def _fractions(rows: Array) -> list[list[Fraction]]:
    return [[Fraction(value) for value in row] for row in rows.tolist()]


def _mean(rows: list[list[Fraction]]) -> list[Fraction]:
    return [sum(column, Fraction(0)) / len(rows) for column in zip(*rows, strict=True)]


def _square(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum(((x - y) ** 2 for x, y in zip(a, b, strict=True)), Fraction(0))


# Traces and pair distances agree with rational arithmetic to the last digits, however near the
# collapse and however far the common offset.
@pytest.mark.parametrize("name", ["near_collapse_1", "near_collapse_1e-8", "huge_offset"])
@pytest.mark.parametrize("dtype", STORAGE)
def test_rational_arithmetic(name: str, dtype: str) -> None:
    whole = POPULATIONS[name]()
    features, outcomes = stored(whole, dtype), measure(stored(whole, dtype), whole.labels)
    groups = [_fractions(features[whole.labels == c]) for c in range(10)]
    means = [_mean(group) for group in groups]
    centre = _mean(means)
    variances = [
        sum((_square(row, mean) for row in group), Fraction(0)) / len(group)
        for group, mean in zip(groups, means, strict=True)
    ]
    within, between = sum(variances) / 10, sum(_square(mean, centre) for mean in means) / 10
    pairs = [(a, b) for a in range(10) for b in range(a)]
    ratios = [(variances[a] + variances[b]) / (2 * _square(means[a], means[b])) for a, b in pairs]
    assert _value(outcomes, "nc1.trace_ratio") == pytest.approx(float(within / between), rel=1e-13)
    assert _value(outcomes, "nc1.cdnv") == pytest.approx(float(sum(ratios) / len(pairs)), rel=1e-13)


# Residuals a tenth as long divide NC1 by a hundred, from 1e-2 down to 1e-8, where a sample's own
# rounding (1e-16 of its size) is at most 1e-8 of its residual.
def test_collapse_scales() -> None:
    first = _measure(POPULATIONS["near_collapse_1e-8"]())
    for name in ("nc1.pinv", "nc1.trace_ratio", "nc1.cdnv", "gnc1.pinv"):
        for exponent in range(4, 8):
            outcomes = _measure(POPULATIONS[f"near_collapse_1e-{exponent}"]())
            ratio = _value(outcomes, name) / _value(first, name)
            assert ratio == pytest.approx(100.0 ** (8 - exponent), rel=1e-3)


# Neither the order of the samples nor the names of the classes changes anything.
def test_order_and_names() -> None:
    for population, counterpart in (
        ("class_sorted", "shuffled"),
        ("non_contiguous_labels", "string_labels"),
    ):
        first, second = (
            _everything(POPULATIONS[population]()),
            _everything(POPULATIONS[counterpart]()),
        )
        for name in first.keys() - {OOD}:
            value, other_value = first[name].value, second[name].value
            if value is None or other_value is None:
                assert value is other_value and name in OF_UNEQUAL_SIZES, name
            else:
                assert value == pytest.approx(other_value, rel=1e-13, abs=1e-15), name


# Shifting everything, the bias with it, leaves all but the per-sample normalised metrics alone.
def test_translation() -> None:
    whole = POPULATIONS["noisy_simplex"]()
    assert whole.weight is not None and whole.bias is not None
    shift = np.full(whole.features.shape[1], 512.0)  # (D,)
    moved = measure(
        whole.features + shift, whole.labels, whole.weight, whole.bias - whole.weight @ shift
    )
    for name, outcome in _measure(whole).items():
        if name in OF_UNEQUAL_SIZES | {OOD} or "shift" not in registry()[name].invariances:
            continue
        assert outcome.value == pytest.approx(moved[name].value, rel=1e-9, abs=1e-11), name


# The pseudoinverse metric is the trace of the explicit matrices, for either centring.
@pytest.mark.parametrize("center", CENTRINGS)
@pytest.mark.parametrize("name", ["noisy_simplex", "many_classes", "long_tail", "one_dimension"])
def test_explicit_covariances(name: str, center: str) -> None:
    whole = POPULATIONS[name]()
    labels = whole.labels.astype(np.int64)
    means = np.stack([whole.features[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
    middle = means.mean(axis=0) if center == "balanced" else whole.features.mean(axis=0)
    residual, centred = whole.features - means[labels], means - middle
    within, between = residual.T @ residual / len(labels), centred.T @ centred / len(means)
    inverse = np.linalg.pinv(between, rcond=1e-12, hermitian=True)
    outcomes = measure(
        whole.features, labels, center="samples" if center == "samples" else "balanced"
    )
    explicit = float(np.trace(within @ inverse)) / len(means)
    assert _value(outcomes, "nc1.pinv") == pytest.approx(explicit, rel=1e-9)
    ratio = float(np.trace(within) / np.trace(between))
    assert _value(outcomes, "nc1.trace_ratio") == pytest.approx(ratio, rel=1e-12)


# Means of rank one below K-1 do not let the noise in the lost direction through.
def test_collinear_means_lose_a_rank() -> None:
    random = np.random.default_rng(5)
    means = np.array([[-4.0, 0, 0, 0], [1.0, 0, 0, 0], [3.0, 0, 0, 0]])  # (3, 4)
    arms = np.concatenate([0.5 * _orthoplex(4), random.integers(-4, 5, (8, 4)) / 8])
    arms = np.concatenate([arms, -arms])  # (32, 4) of mean zero
    features = (means[:, None] + arms).reshape(-1, 4)  # (96, 4)
    outcomes = measure(features, np.repeat(np.arange(3), len(arms)))
    along = float((arms[:, 0] ** 2).mean()) / (float((means**2).sum()) / 3)
    assert _value(outcomes, "nc1.pinv") == pytest.approx(along / 3)


# Parts


# The value is the mean of its parts: over samples, or over classes.
@pytest.mark.parametrize("name", ["long_tail", "relu_features", "empty_class", "wrong_head"])
def test_parts_average_to_the_value(name: str) -> None:
    whole = POPULATIONS[name]()
    outcomes = measure(
        whole.features, whole.labels, whole.weight, whole.bias, ood=whole.features[:50] ** 2
    )
    counts = np.unique(whole.labels, return_counts=True)[1]  # (K,)
    sample_wise = {"nc1.pinv", "nc1.trace_ratio", "gnc1.pinv", "nc4.mismatch", "nc4.accuracy",
                   "nc4.ncc_accuracy", "gnc.cosine_margin", "gnc.logit_margin"}  # fmt: skip
    class_wise = {"nc1.cdnv", "nc2.angle_gap.means", "nc2.angle_gap.weights", "nc3.cosine",
                  "gnc3.duality", OOD}  # fmt: skip
    for key in sample_wise:
        mean = float((_by_class(outcomes, key) * counts).sum() / counts.sum())
        assert _value(outcomes, key) == pytest.approx(mean, rel=1e-12, abs=1e-15), key
    for key in class_wise:
        mean = float(_by_class(outcomes, key).mean())
        assert _value(outcomes, key) == pytest.approx(mean, rel=1e-12, abs=1e-15), key
    for key in ("gnc.cosine_margin", "gnc.logit_margin"):
        samples = outcomes[key].samples
        assert samples is not None and samples.shape == whole.labels.shape
        assert _value(outcomes, key) == pytest.approx(float(samples.mean()))


# The margins are positive exactly where the head is right.
def test_margins_agree_with_accuracy() -> None:
    whole = POPULATIONS["wide_noise_4"]()
    outcomes = _measure(whole)
    samples = outcomes["gnc.logit_margin"].samples
    assert samples is not None
    assert _value(outcomes, "nc4.accuracy") == pytest.approx(float((samples > 0).mean()))


# A row no label uses takes part in the head's own numbers and in none about the means.
def test_absent_class() -> None:
    whole = POPULATIONS["empty_class"]()
    assert whole.weight is not None and whole.bias is not None
    present = [0, 1, 2, 4, 5]
    full, dropped = _measure(whole), measure(
        whole.features, whole.labels, whole.weight[present], whole.bias[present]
    )  # fmt: skip
    for name in full.keys() - {OOD}:
        own = (name.endswith(".weights") and name not in OF_UNEQUAL_SIZES) or name.startswith(
            "gnc."
        )
        same = _value(full, name) == pytest.approx(_value(dropped, name), rel=1e-13)
        assert same is not own or name == "nc2.max_cos.weights", name
    lure = whole.bias + np.where(np.arange(6) == 3, 1e3, 0.0)  # (6,)
    lured = measure(whole.features, whole.labels, whole.weight, lure)
    assert (lured["nc4.accuracy"].value, lured["nc4.mismatch"].value) == (0.0, 1.0)


# Labels that do not fit the head, and arrays that do not fit each other, are refused.
def test_misfits_are_refused() -> None:
    features, labels = np.eye(4), np.array([0, 1, 2, 7])
    for weight in (np.eye(4)[:3], np.ones((6, 4)), np.ones((4, 5))):
        with pytest.raises(ValueError):
            measure(features, labels, weight)
    with pytest.raises(ValueError):
        measure(features, ["a", "b", "c", "c"], np.eye(4))
    with pytest.raises(ValueError):
        measure(features, labels, center="median")  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        measure(np.where(features > 0, np.inf, 0.0), labels)


# By hand: means +-(2, 0) about (1, 1), head rows of length 5 at cosines 1 and 0.6 to them.
def test_two_classes_by_hand() -> None:
    features = np.array([[3.0, 1], [-1.0, 1]])  # (2, 2)
    weight, bias = np.array([[5.0, 0], [-3.0, 4]]), np.array([1.0, 2])
    outcomes = measure(features, [0, 1], weight, bias)
    assert _by_class(outcomes, "nc2.norm_cv.means").tolist() == [2.0, 2.0]
    assert _value(outcomes, "nc3.cosine") == pytest.approx(0.8)
    assert _value(outcomes, "nc3.cosine_cv") == pytest.approx(0.2 * math.sqrt(2) / 0.8)
    # W mu_G + b = (6, 3): 1.5 either side of its mean.
    assert _value(outcomes, "nc3.bias_collapse") == pytest.approx(1.5 * math.sqrt(2))
    # W h + b = (16, -3) and (-4, 9).
    assert outcomes["gnc.logit_margin"].samples == pytest.approx(np.array([19.0, 13.0]))
    cosines = np.array([[15.0, -5], [-5.0, 7]]) / (5 * np.sqrt([[10.0], [2.0]]))  # (2, 2)
    margins = np.array([cosines[0, 0] - cosines[0, 1], cosines[1, 1] - cosines[1, 0]])
    assert outcomes["gnc.cosine_margin"].samples == pytest.approx(margins)
    # On the sphere the means are along +-(3/sqrt 10 + 1/sqrt 2, 1/sqrt 10 - 1/sqrt 2).
    along = np.array([3 / math.sqrt(10) + 1 / math.sqrt(2), 1 / math.sqrt(10) - 1 / math.sqrt(2)])
    along /= np.linalg.norm(along)
    gaps = np.array([1 - along[0], 1 - (3 * along[0] - 4 * along[1]) / 5])
    assert outcomes["gnc3.duality"].per_class == pytest.approx(gaps)


# NC5 is the mean absolute cosine of raw class means with the mean of the outsiders.
def test_ood() -> None:
    labels = np.repeat(np.arange(3), 2)  # (6,)
    features = np.eye(4)[labels] * np.array([1.0, 3.0] * 3)[:, None]  # (6, 4)
    outside = np.array([[0.0, 0, 0, 5], [2.0, 0, 0, 1]])  # mean (1, 0, 0, 3)
    outcomes = measure(features, labels, ood=outside)
    assert _by_class(outcomes, OOD) == pytest.approx(np.array([1, 0, 0]) / math.sqrt(10))
    assert _value(outcomes, OOD) == pytest.approx(1 / (3 * math.sqrt(10)))
