"""NC3: the head against the class means."""

from __future__ import annotations

import numpy as np

from tests.support.oracle.formula import MEANS_COINCIDE, ZERO_WEIGHT, formula
from tests.support.oracle.nc2 import from_simplex
from tests.support.oracle.view import Array, Outcome, Undefined, View, matched_rows, unit_rows


@formula("nc3.distance", undefined_on=MEANS_COINCIDE, rounding="length")
def distance(seen: View) -> Outcome:
    """|| W/||W||_F - M/||M||_F ||_F."""
    weight, means = matched_rows(seen)
    lengths = float(np.linalg.norm(weight)), float(np.linalg.norm(means))
    if 0.0 in lengths:
        raise Undefined("the weights or the centred means are all zero")
    return Outcome(float(np.linalg.norm(weight / lengths[0] - means / lengths[1])))


def misalignment(weight: Array, means: Array) -> Array:
    """1 - cos(w_c, m_c) = |w_c/|w_c| - m_c/|m_c||^2 / 2, which keeps its digits near 0."""
    difference = unit_rows(weight, "weight row") - unit_rows(means, "centred class mean")  # (K, D)
    gaps: Array = (difference**2).sum(axis=1) / 2  # (K,)
    return gaps


@formula("nc3.cosine", undefined_on=(*MEANS_COINCIDE, *ZERO_WEIGHT), rounding="length")
def cosine(seen: View) -> Outcome:
    """Mean over classes of cos(w_c, m_c)."""
    by_class = 1 - misalignment(*matched_rows(seen))  # (K,)
    return Outcome(float(by_class.mean()), by_class)


@formula("nc3.cosine_cv", undefined_on=(*MEANS_COINCIDE, *ZERO_WEIGHT), rounding="length")
def cosine_cv(seen: View) -> Outcome:
    """std_c cos(w_c, m_c) / mean_c cos(w_c, m_c), with n - 1; std(cos) = std(1 - cos)."""
    gaps = misalignment(*matched_rows(seen))  # (K,)
    mean = 1 - float(gaps.mean())
    if mean == 0.0:
        raise Undefined("the mean of the cosines is zero")
    return Outcome(float(gaps.std(ddof=1)) / mean)


@formula("nc3.etf_deviation", undefined_on=MEANS_COINCIDE, rounding="length")
def etf_deviation(seen: View) -> Outcome:
    """|| W M'/||W M'||_F - T_K ||_F."""
    weight, means = matched_rows(seen)
    return from_simplex(weight @ means.T)


def residual_bias(seen: View) -> Array:
    weight, _ = matched_rows(seen)
    return seen.sample.bias[seen.sample.rows] + weight @ seen.middle  # (K,)


@formula("nc3.bias_collapse", rounding="logit")
def bias_collapse(seen: View) -> Outcome:
    """| b + W mu_G | after its mean over classes is taken off."""
    offsets = residual_bias(seen)  # (K,)
    return Outcome(float(np.linalg.norm(offsets - offsets.mean())))
