"""Profiles: what one publication computes under each id."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.support.oracle import nc1, nc2, nc3, nc4
from tests.support.oracle.formula import attempt
from tests.support.oracle.view import (
    Outcome,
    Sample,
    Undefined,
    View,
    centred_means,
    head_rows,
    matched_rows,
    mean_by_class,
    on_sphere,
    view,
)


def _only(formulas: Mapping[str, Callable[[], Outcome]]) -> dict[str, Outcome]:
    return {name: attempt(formula) for name, formula in formulas.items()}


def papyan(sample: Sample) -> dict[str, Outcome]:
    """The default formulas, but the global mean is the mean over all samples."""
    seen = view(sample, "samples")
    return _only(
        {
            "nc1.pinv": lambda: nc1.pinv(seen),
            "nc2.norm_cv.means": lambda: nc2.norm_cv(centred_means(seen)),
            "nc2.norm_cv.weights": lambda: nc2.norm_cv(head_rows(seen)),
            "nc2.cos_std.means": lambda: nc2.cos_std(centred_means(seen)),
            "nc2.cos_std.weights": lambda: nc2.cos_std(head_rows(seen)),
            "nc2.angle_gap.means": lambda: nc2.angle_gap(centred_means(seen)),
            "nc2.angle_gap.weights": lambda: nc2.angle_gap(head_rows(seen)),
            "nc3.distance": lambda: nc3.distance(seen),
            "nc4.mismatch": lambda: nc4.mismatch(seen),
        }
    )


def notebook(sample: Sample) -> dict[str, Outcome]:
    """NC1 is Tr(Sigma_W Sigma_B^+) without the 1/K, and the NC3 distance is squared."""
    seen = view(sample, "balanced")

    def squared_distance() -> Outcome:
        value = nc3.distance(seen).value
        return Outcome(None if value is None else value**2)

    def whole_trace() -> Outcome:
        shares = nc1.mahalanobis(seen)  # (N,)
        return Outcome(float(shares.mean()), mean_by_class(seen, shares))

    return _only(
        {
            "nc1.pinv": whole_trace,
            "nc2.norm_cv.means": lambda: nc2.norm_cv(centred_means(seen)),
            "nc2.norm_cv.weights": lambda: nc2.norm_cv(head_rows(seen)),
            "nc2.angle_gap.means": lambda: nc2.angle_gap(centred_means(seen)),
            "nc2.angle_gap.weights": lambda: nc2.angle_gap(head_rows(seen)),
            "nc3.distance": squared_distance,
            "nc4.mismatch": lambda: nc4.mismatch(seen),
            "nc4.accuracy": lambda: nc4.accuracy(seen),
        }
    )


def zhu(sample: Sample) -> dict[str, Outcome]:
    """The global mean is the sample mean; | b + W mu_G | keeps its mean over classes."""
    seen = view(sample, "samples")
    return _only(
        {
            "nc1.pinv": lambda: nc1.pinv(seen),
            "nc2.etf_deviation.weights": lambda: nc2.etf_deviation(head_rows(seen)),
            "nc3.etf_deviation": lambda: nc3.etf_deviation(seen),
            "nc3.bias_collapse": lambda: Outcome(float(np.linalg.norm(nc3.residual_bias(seen)))),
            "nc4.accuracy": lambda: nc4.accuracy(seen),
        }
    )


def zhou(sample: Sample) -> dict[str, Outcome]:
    """As zhu, but the mean row is taken off W for both deviations from the simplex."""
    seen = view(sample, "samples")

    def centred_weights() -> Outcome:
        weight = head_rows(seen)  # (R, D)
        return nc2.etf_deviation(weight - weight.mean(axis=0))

    def centred_product() -> Outcome:
        weight, means = matched_rows(seen)
        return nc2.from_simplex((weight - weight.mean(axis=0)) @ means.T)

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
        by_class = nc3.misalignment(*matched_rows(sphere()))  # (K,)
        return Outcome(float(by_class.mean()), by_class)

    return _only(
        {
            "nc1.pinv": lambda: nc1.pinv(sphere()),
            "gnc1.pinv": lambda: nc1.pinv(sphere()),
            "gnc3.duality": duality,
            "nc4.ncc_accuracy": lambda: nc4.ncc_accuracy(sphere()),
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
        return Outcome(nc2.variation(logarithms, "log norms"), logarithms)

    return _only(
        {
            "nc1.cdnv": lambda: nc1.cdnv(seen, power=2),
            "nc2.norm_cv.means": log_norms,
            "nc2.etf_deviation.means": lambda: nc2.etf_deviation(centred_means(seen)),
            "nc3.cosine": lambda: nc3.cosine(seen),
            "nc3.cosine_cv": lambda: nc3.cosine_cv(seen),
            "nc3.etf_deviation": lambda: nc3.etf_deviation(seen),
            "nc4.mismatch": lambda: nc4.mismatch(seen, with_bias=False),
        }
    )


def galanti(sample: Sample) -> dict[str, Outcome]:
    """Nothing differs: CDNV with 1/n_c variances needs no global mean."""
    seen = view(sample, "balanced")
    return _only(
        {
            "nc1.cdnv": lambda: nc1.cdnv(seen),
            "nc4.ncc_accuracy": lambda: nc4.ncc_accuracy(seen),
        }
    )


def rangamani(sample: Sample) -> dict[str, Outcome]:
    """The within trace averages classes, not samples; the global mean is the sample mean."""
    seen = view(sample, "samples")

    def balanced_fraction() -> Outcome:
        between, within = nc1.between_trace(seen), float(seen.variance.mean())
        return Outcome(within / (within + between), seen.variance / (seen.variance + between))

    return _only(
        {
            "nc1.pinv": lambda: nc1.pinv(seen),
            "nc1.within_fraction": balanced_fraction,
            "nc1.cdnv": lambda: nc1.cdnv(seen),
            "nc4.ncc_accuracy": lambda: nc4.ncc_accuracy(seen),
            "nc4.accuracy": lambda: nc4.accuracy(seen),
        }
    )


def he_su(sample: Sample) -> dict[str, Outcome]:
    """Sigma_W averages the class covariances, about the sample mean, and there is no 1/K."""
    seen = view(sample, "samples")

    def fuzziness() -> Outcome:
        by_class = mean_by_class(seen, nc1.mahalanobis(seen))  # (K,)
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
