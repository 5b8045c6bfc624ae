"""A textbook oracle for neural collapse: slow, plain, float64, one formula per function.

``measure`` gives the default conventions, ``PROFILES`` those of published code. How means and
residuals keep their digits stands in oracle_view; the sphere, hulls and unequal classes have
files of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from tests.support import oracle_hull, oracle_imbalance, oracle_sphere
from tests.support.oracle_view import (
    EPSILON,
    Array,
    Center,
    Index,
    Outcome,
    Sample,
    Undefined,
    View,
    centred_means,
    column_sums,
    head_rows,
    matched_rows,
    mean_by_class,
    on_sphere,
    prepare,
    unit_rows,
    view,
)

__all__ = ["GEOMETRY", "METRICS", "PROFILES", "Array", "Outcome", "etf_floor", "measure"]


# NC1


def _between_trace(seen: View) -> float:
    """Tr Sigma_B = (1/K) sum_c |m_c|^2."""
    trace = float((centred_means(seen) ** 2).sum()) / len(seen.position)
    if trace == 0.0:
        raise Undefined("all class means coincide")
    return trace


def _within_trace(seen: View) -> float:
    """Tr Sigma_W = (1/N) sum_i |z_i|^2."""
    return float((seen.variance * seen.sample.counts).sum()) / len(seen.residual)


def _mahalanobis(seen: View) -> Array:
    """z_i' Sigma_B^+ z_i = K |S^-1 V' z_i|^2 with M = U S V', rank at most min(K-1, D)."""
    _between_trace(seen)
    size, dim = seen.centred.shape
    _, spectrum, axes = np.linalg.svd(seen.centred, full_matrices=False)
    large = int((spectrum > max(size, dim) * EPSILON * spectrum[0]).sum())
    rank = min(large, size - 1, dim)
    coordinates = seen.residual @ axes[:rank].T / spectrum[:rank]  # (N, rank)
    lengths: Array = size * (coordinates**2).sum(axis=1)  # (N,)
    return lengths


def nc1_pinv(seen: View) -> Outcome:
    """Tr(Sigma_W Sigma_B^+) / K; by class, the mean of z' Sigma_B^+ z over K."""
    shares = _mahalanobis(seen) / len(seen.position)  # (N,)
    return Outcome(float(shares.mean()), mean_by_class(seen, shares))


def nc1_trace_ratio(seen: View) -> Outcome:
    """Tr Sigma_W / Tr Sigma_B; by class v_c / Tr Sigma_B."""
    between = _between_trace(seen)
    return Outcome(_within_trace(seen) / between, seen.variance / between)


def nc1_within_fraction(seen: View) -> Outcome:
    """Tr Sigma_W / (Tr Sigma_W + Tr Sigma_B); by class v_c / (v_c + Tr Sigma_B)."""
    between, within = _between_trace(seen), _within_trace(seen)
    return Outcome(within / (within + between), seen.variance / (seen.variance + between))


def nc1_cdnv(seen: View, power: int = 1) -> Outcome:
    """Mean over pairs a != b of (v_a + v_b) / (2 |mu_a - mu_b|^(2 power))."""
    size = len(centred_means(seen))
    ratios = np.zeros((size, size))  # (K, K)
    for a in range(size):
        for b in range(size):
            if a != b:
                distance = float(((seen.position[a] - seen.position[b]) ** 2).sum())
                if distance == 0.0:
                    raise Undefined("two class means coincide")
                ratios[a, b] = (seen.variance[a] + seen.variance[b]) / (2 * distance**power)
    by_class = ratios.sum(axis=1) / (size - 1)  # (K,)
    return Outcome(float(by_class.mean()), by_class)


# NC2, for the rows X of the centred means or of the head


def _variation(values: Array, name: str) -> float:
    """Sample standard deviation (n - 1) over the mean."""
    mean = float(values.mean())
    if mean == 0.0:
        raise Undefined(f"the mean of the {name} is zero")
    return float(values.std(ddof=1)) / mean


def norm_cv(rows: Array) -> Outcome:
    """std_c |x_c| / mean_c |x_c|, with n - 1."""
    lengths = np.linalg.norm(rows, axis=1)  # (K,)
    return Outcome(_variation(lengths, "norms"), lengths)


def _cosines(rows: Array) -> Array:
    unit = unit_rows(rows, "row")  # (K, D)
    return unit @ unit.T  # (K, K)


def cos_std(rows: Array) -> Outcome:
    """Population standard deviation of cos(x_a, x_b) over unordered pairs."""
    return Outcome(float(_cosines(rows)[np.triu_indices(len(rows), 1)].std()))


def angle_gap(rows: Array) -> Outcome:
    """Mean over pairs of |cos(x_a, x_b) + 1/(K-1)|; by class, over the others."""
    gaps = np.abs(_cosines(rows) + 1 / (len(rows) - 1))  # (K, K)
    np.fill_diagonal(gaps, 0.0)
    by_class = gaps.sum(axis=1) / (len(rows) - 1)  # (K,)
    return Outcome(float(by_class.mean()), by_class)


def max_cos(rows: Array) -> Outcome:
    """max over pairs of cos(x_a, x_b); by class, over the others."""
    cosines = _cosines(rows)  # (K, K)
    np.fill_diagonal(cosines, -np.inf)
    by_class = cosines.max(axis=1)  # (K,)
    return Outcome(float(by_class.max()), by_class)


def _from_simplex(gram: Array) -> Outcome:
    """|| G/||G||_F - T_K ||_F with T_K = (I - 11'/K) / sqrt(K-1)."""
    size, length = len(gram), float(np.linalg.norm(gram))
    if length == 0.0:
        raise Undefined("the Gram matrix is zero")
    target = (np.eye(size) - 1 / size) / math.sqrt(size - 1)  # (K, K)
    return Outcome(float(np.linalg.norm(gram / length - target)))


def etf_deviation(rows: Array) -> Outcome:
    """|| G/||G||_F - T_K ||_F with G = X X'."""
    return _from_simplex(rows @ rows.T)


def etf_floor(classes: int, dim: int) -> float:
    """The least etf_deviation of K rows in D dimensions: sqrt(2 - 2 sqrt(D/(K-1))) or 0."""
    return math.sqrt(max(0.0, 2 - 2 * math.sqrt(min(1.0, dim / (classes - 1)))))


# NC3


def nc3_distance(seen: View) -> Outcome:
    """|| W/||W||_F - M/||M||_F ||_F."""
    weight, means = matched_rows(seen)
    lengths = float(np.linalg.norm(weight)), float(np.linalg.norm(means))
    if 0.0 in lengths:
        raise Undefined("the weights or the centred means are all zero")
    return Outcome(float(np.linalg.norm(weight / lengths[0] - means / lengths[1])))


def _misalignment(weight: Array, means: Array) -> Array:
    """1 - cos(w_c, m_c) = |w_c/|w_c| - m_c/|m_c||^2 / 2, which keeps its digits near 0."""
    difference = unit_rows(weight, "weight row") - unit_rows(means, "centred class mean")  # (K, D)
    gaps: Array = (difference**2).sum(axis=1) / 2  # (K,)
    return gaps


def nc3_cosine(seen: View) -> Outcome:
    """Mean over classes of cos(w_c, m_c)."""
    by_class = 1 - _misalignment(*matched_rows(seen))  # (K,)
    return Outcome(float(by_class.mean()), by_class)


def nc3_cosine_cv(seen: View) -> Outcome:
    """std_c cos(w_c, m_c) / mean_c cos(w_c, m_c), with n - 1; std(cos) = std(1 - cos)."""
    gaps = _misalignment(*matched_rows(seen))  # (K,)
    mean = 1 - float(gaps.mean())
    if mean == 0.0:
        raise Undefined("the mean of the cosines is zero")
    return Outcome(float(gaps.std(ddof=1)) / mean)


def nc3_etf_deviation(seen: View) -> Outcome:
    """|| W M'/||W M'||_F - T_K ||_F."""
    weight, means = matched_rows(seen)
    return _from_simplex(weight @ means.T)


def _residual_bias(seen: View) -> Array:
    weight, _ = matched_rows(seen)
    return seen.sample.bias[seen.sample.rows] + weight @ seen.middle  # (K,)


def nc3_bias_collapse(seen: View) -> Outcome:
    """| b + W mu_G | after its mean over classes is taken off."""
    offsets = _residual_bias(seen)  # (K,)
    return Outcome(float(np.linalg.norm(offsets - offsets.mean())))


# NC4: every decision is a row number of the head; ties go to the smallest


def _logits(seen: View, with_bias: bool = True) -> Array:
    """z = W h + b, all rows of the head."""
    columns = [(seen.sample.features * row).sum(axis=1) for row in head_rows(seen)]
    logits = np.stack(columns, axis=1)  # (N, R)
    return logits + seen.sample.bias if with_bias else logits


def _nearest(seen: View) -> Index:
    """The head row of argmin_c |h - mu_c|."""
    centred_means(seen)
    points = seen.sample.features  # (N, D)
    parts = zip(seen.corner, seen.shift, strict=True)
    columns = [(((points - corner) - shift) ** 2).sum(axis=1) for corner, shift in parts]
    closest: Index = np.stack(columns, axis=1).argmin(axis=1)  # (N,)
    return seen.sample.rows[closest]  # (N,)


def _share(seen: View, hits: npt.NDArray[np.bool_]) -> Outcome:
    values = hits.astype(np.float64)  # (N,)
    return Outcome(float(values.mean()), mean_by_class(seen, values))


def _targets(seen: View) -> Index:
    return seen.sample.rows[seen.sample.classes]  # (N,)


def nc4_mismatch(seen: View, with_bias: bool = True) -> Outcome:
    """Share of samples with argmax_k z_k != argmin_c |h - mu_c|."""
    return _share(seen, _logits(seen, with_bias).argmax(axis=1) != _nearest(seen))


def nc4_ncc_accuracy(seen: View) -> Outcome:
    """Share of samples with argmin_c |h - mu_c| = y."""
    return _share(seen, _nearest(seen) == _targets(seen))


def nc4_accuracy(seen: View) -> Outcome:
    """Share of samples with argmax_k z_k = y."""
    return _share(seen, _logits(seen).argmax(axis=1) == _targets(seen))


# NC5 and the generalised metrics


def nc5_ood_orthogonality(seen: View) -> Outcome:
    """Mean over classes of |cos(mu_c, mean of the out-of-distribution features)|."""
    if seen.sample.ood is None:
        raise Undefined("needs out-of-distribution features")
    centred_means(seen)
    corner = seen.sample.ood.min(axis=0)  # (D,)
    outside = corner + column_sums(seen.sample.ood - corner) / len(seen.sample.ood)  # (D,)
    means = unit_rows(seen.corner + seen.shift, "class mean")  # (K, D)
    direction = unit_rows(outside[None], "mean of the out-of-distribution features")[0]  # (D,)
    by_class = np.abs(means @ direction)  # (K,)
    return Outcome(float(by_class.mean()), by_class)


def gnc1_pinv(seen: View) -> Outcome:
    """nc1.pinv of h_i/|h_i|."""
    return nc1_pinv(view(on_sphere(seen.sample), seen.center))


def gnc3_duality(seen: View) -> Outcome:
    """Mean over classes of 1 - cos(w_c, m_c), the means those of h_i/|h_i|."""
    by_class = _misalignment(*matched_rows(view(on_sphere(seen.sample), seen.center)))  # (K,)
    return Outcome(float(by_class.mean()), by_class)


def _margin(seen: View, scores: Array) -> Outcome:
    """s_y - max over j != y of s_j, per sample."""
    rivals = scores.copy()  # (N, R)
    everyone, targets = np.arange(len(scores)), _targets(seen)
    rivals[everyone, targets] = -np.inf
    margins = scores[everyone, targets] - rivals.max(axis=1)  # (N,)
    return Outcome(float(margins.mean()), mean_by_class(seen, margins), samples=margins)


def gnc_cosine_margin(seen: View) -> Outcome:
    """cos(h, w_y) - max over j != y of cos(h, w_j); nothing centred."""
    head = unit_rows(head_rows(seen), "weight row")  # (R, D)
    points = unit_rows(seen.sample.features, "feature row")  # (N, D)
    return _margin(seen, np.stack([(points * row).sum(axis=1) for row in head], axis=1))


def gnc_logit_margin(seen: View) -> Outcome:
    """z_y - max over j != y of z_j."""
    return _margin(seen, _logits(seen))


# Putting it together

Metric = Callable[[View], Outcome]
Geometry = Callable[[Array], Outcome]

GEOMETRY: Mapping[str, Geometry] = {
    "nc2.norm_cv": norm_cv,
    "nc2.cos_std": cos_std,
    "nc2.angle_gap": angle_gap,
    "nc2.etf_deviation": etf_deviation,
    "nc2.max_cos": max_cos,
    "gnc2.margin": oracle_hull.margin,
    **oracle_sphere.GEOMETRY,
}

METRICS: Mapping[str, Metric] = {
    "nc1.pinv": nc1_pinv,
    "nc1.trace_ratio": nc1_trace_ratio,
    "nc1.within_fraction": nc1_within_fraction,
    "nc1.cdnv": nc1_cdnv,
    "nc3.distance": nc3_distance,
    "nc3.cosine": nc3_cosine,
    "nc3.cosine_cv": nc3_cosine_cv,
    "nc3.etf_deviation": nc3_etf_deviation,
    "nc3.bias_collapse": nc3_bias_collapse,
    "nc4.mismatch": nc4_mismatch,
    "nc4.ncc_accuracy": nc4_ncc_accuracy,
    "nc4.accuracy": nc4_accuracy,
    "nc5.ood_orthogonality": nc5_ood_orthogonality,
    "gnc1.pinv": gnc1_pinv,
    "gnc3.duality": gnc3_duality,
    "gnc.cosine_margin": gnc_cosine_margin,
    "gnc.logit_margin": gnc_logit_margin,
    **oracle_imbalance.METRICS,
}


def _attempt(formula: Callable[[], Outcome]) -> Outcome:
    try:
        return formula()
    except Undefined as refusal:
        return Outcome(None, reason=str(refusal))


def _of_rows(formula: Geometry, rows: Callable[[View], Array], seen: View) -> Outcome:
    return formula(rows(seen))


def formulas(alpha: float, beta: float) -> dict[str, Metric]:
    """Every id and what it is, by the default conventions."""
    found = {**METRICS, **oracle_sphere.metrics(alpha, beta)}
    for name, geometry in GEOMETRY.items():
        found[f"{name}.means"] = partial(_of_rows, geometry, centred_means)
        found[f"{name}.weights"] = partial(_of_rows, geometry, head_rows)
    return found


def measure(
    features: npt.ArrayLike,
    labels: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    *,
    center: Center = "balanced",
    profile: str | None = None,
    ood: npt.ArrayLike | None = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    only: tuple[str, ...] = ("",),
) -> dict[str, Outcome]:
    """Every id by the default conventions, or a profile's ids by its own (it fixes the centre).

    ``alpha`` and ``beta`` weigh the two halves of the uniformity gaps; ``only`` is how the ids
    begin that are asked for.
    """
    sample = prepare(features, labels, weight, bias, ood)
    if profile is not None:
        return PROFILES[profile](sample)
    seen = view(sample, center)
    asked = {name: one for name, one in formulas(alpha, beta).items() if name.startswith(only)}
    return {name: _attempt(partial(formula, seen)) for name, formula in asked.items()}


# Profiles: what one publication computes under each id


def _only(formulas: Mapping[str, Callable[[], Outcome]]) -> dict[str, Outcome]:
    return {name: _attempt(formula) for name, formula in formulas.items()}


def papyan(sample: Sample) -> dict[str, Outcome]:
    """The default formulas, but the global mean is the mean over all samples."""
    seen = view(sample, "samples")
    return _only(
        {
            "nc1.pinv": lambda: nc1_pinv(seen),
            "nc2.norm_cv.means": lambda: norm_cv(centred_means(seen)),
            "nc2.norm_cv.weights": lambda: norm_cv(head_rows(seen)),
            "nc2.cos_std.means": lambda: cos_std(centred_means(seen)),
            "nc2.cos_std.weights": lambda: cos_std(head_rows(seen)),
            "nc2.angle_gap.means": lambda: angle_gap(centred_means(seen)),
            "nc2.angle_gap.weights": lambda: angle_gap(head_rows(seen)),
            "nc3.distance": lambda: nc3_distance(seen),
            "nc4.mismatch": lambda: nc4_mismatch(seen),
        }
    )


def notebook(sample: Sample) -> dict[str, Outcome]:
    """NC1 is Tr(Sigma_W Sigma_B^+) without the 1/K, and the NC3 distance is squared."""
    seen = view(sample, "balanced")

    def squared_distance() -> Outcome:
        value = nc3_distance(seen).value
        return Outcome(None if value is None else value**2)

    def whole_trace() -> Outcome:
        shares = _mahalanobis(seen)  # (N,)
        return Outcome(float(shares.mean()), mean_by_class(seen, shares))

    return _only(
        {
            "nc1.pinv": whole_trace,
            "nc2.norm_cv.means": lambda: norm_cv(centred_means(seen)),
            "nc2.norm_cv.weights": lambda: norm_cv(head_rows(seen)),
            "nc2.angle_gap.means": lambda: angle_gap(centred_means(seen)),
            "nc2.angle_gap.weights": lambda: angle_gap(head_rows(seen)),
            "nc3.distance": squared_distance,
            "nc4.mismatch": lambda: nc4_mismatch(seen),
            "nc4.accuracy": lambda: nc4_accuracy(seen),
        }
    )


def zhu(sample: Sample) -> dict[str, Outcome]:
    """The global mean is the sample mean; | b + W mu_G | keeps its mean over classes."""
    seen = view(sample, "samples")
    return _only(
        {
            "nc1.pinv": lambda: nc1_pinv(seen),
            "nc2.etf_deviation.weights": lambda: etf_deviation(head_rows(seen)),
            "nc3.etf_deviation": lambda: nc3_etf_deviation(seen),
            "nc3.bias_collapse": lambda: Outcome(float(np.linalg.norm(_residual_bias(seen)))),
            "nc4.accuracy": lambda: nc4_accuracy(seen),
        }
    )


def zhou(sample: Sample) -> dict[str, Outcome]:
    """As zhu, but the mean row is taken off W for both deviations from the simplex."""
    seen = view(sample, "samples")

    def centred_weights() -> Outcome:
        weight = head_rows(seen)  # (R, D)
        return etf_deviation(weight - weight.mean(axis=0))

    def centred_product() -> Outcome:
        weight, means = matched_rows(seen)
        return _from_simplex((weight - weight.mean(axis=0)) @ means.T)

    return zhu(sample) | _only(
        {
            "nc2.etf_deviation.weights": centred_weights,
            "nc3.etf_deviation": centred_product,
        }
    )


def jiang(sample: Sample) -> dict[str, Outcome]:
    """Every feature is put on the unit sphere first; the global mean is their sample mean."""

    def sphere() -> View:
        return view(on_sphere(sample), "samples")

    def duality() -> Outcome:
        by_class = _misalignment(*matched_rows(sphere()))  # (K,)
        return Outcome(float(by_class.mean()), by_class)

    return _only(
        {
            "nc1.pinv": lambda: nc1_pinv(sphere()),
            "gnc1.pinv": lambda: nc1_pinv(sphere()),
            "gnc3.duality": duality,
            "nc4.ncc_accuracy": lambda: nc4_ncc_accuracy(sphere()),
        }
    )


def wu_papyan(sample: Sample) -> dict[str, Outcome]:
    """CDNV divides by |mu_a - mu_b|^4, equinorm is of log norms, and NC4 ignores the bias."""
    seen = view(sample, "balanced")

    def log_norms() -> Outcome:
        lengths = np.linalg.norm(centred_means(seen), axis=1)  # (K,)
        if not lengths.all():
            raise Undefined("a centred class mean has zero norm")
        logarithms = np.log(lengths)  # (K,)
        return Outcome(_variation(logarithms, "log norms"), logarithms)

    return _only(
        {
            "nc1.cdnv": lambda: nc1_cdnv(seen, power=2),
            "nc2.norm_cv.means": log_norms,
            "nc2.etf_deviation.means": lambda: etf_deviation(centred_means(seen)),
            "nc3.cosine": lambda: nc3_cosine(seen),
            "nc3.cosine_cv": lambda: nc3_cosine_cv(seen),
            "nc3.etf_deviation": lambda: nc3_etf_deviation(seen),
            "nc4.mismatch": lambda: nc4_mismatch(seen, with_bias=False),
        }
    )


def galanti(sample: Sample) -> dict[str, Outcome]:
    """Nothing differs: CDNV with 1/n_c variances needs no global mean."""
    seen = view(sample, "balanced")
    return _only(
        {
            "nc1.cdnv": lambda: nc1_cdnv(seen),
            "nc4.ncc_accuracy": lambda: nc4_ncc_accuracy(seen),
        }
    )


def rangamani(sample: Sample) -> dict[str, Outcome]:
    """The within trace averages classes, not samples; the global mean is the sample mean."""
    seen = view(sample, "samples")

    def balanced_fraction() -> Outcome:
        between, within = _between_trace(seen), float(seen.variance.mean())
        return Outcome(within / (within + between), seen.variance / (seen.variance + between))

    return _only(
        {
            "nc1.pinv": lambda: nc1_pinv(seen),
            "nc1.within_fraction": balanced_fraction,
            "nc1.cdnv": lambda: nc1_cdnv(seen),
            "nc4.ncc_accuracy": lambda: nc4_ncc_accuracy(seen),
            "nc4.accuracy": lambda: nc4_accuracy(seen),
        }
    )


def he_su(sample: Sample) -> dict[str, Outcome]:
    """Sigma_W averages the class covariances, about the sample mean, and there is no 1/K."""
    seen = view(sample, "samples")

    def fuzziness() -> Outcome:
        by_class = mean_by_class(seen, _mahalanobis(seen))  # (K,)
        return Outcome(float(by_class.mean()), by_class)

    return _only({"nc1.pinv": fuzziness})


PROFILES: dict[str, Callable[[Sample], dict[str, Outcome]]] = {
    "papyan": papyan,
    "notebook": notebook,
    "zhu": zhu,
    "zhou": zhou,
    "jiang": jiang,
    "wu-papyan": wu_papyan,
    "galanti": galanti,
    "rangamani": rangamani,
    "he-su": he_su,
}
