"""The generalised metrics: directions of features and head, and margins of samples."""

from __future__ import annotations

import numpy as np

from tests.support.oracle.formula import MEANS_COINCIDE, ZERO_FEATURE, ZERO_WEIGHT, formula
from tests.support.oracle.nc1 import pinv
from tests.support.oracle.nc3 import misalignment
from tests.support.oracle.nc4 import logits, targets
from tests.support.oracle.view import (
    Array,
    Outcome,
    View,
    head_rows,
    matched_rows,
    mean_by_class,
    on_sphere,
    unit_rows,
    view,
)


@formula("gnc1.pinv", undefined_on=(*MEANS_COINCIDE, *ZERO_FEATURE), rounding="unit_variance")
def unit_pinv(seen: View) -> Outcome:
    """nc1.pinv of h_i/|h_i|."""
    return pinv(view(on_sphere(seen.sample), seen.center))


@formula(
    "gnc3.duality",
    undefined_on=(*MEANS_COINCIDE, *ZERO_FEATURE, *ZERO_WEIGHT),
    rounding="cosine_gap",
)
def duality(seen: View) -> Outcome:
    """Mean over classes of 1 - cos(w_c, m_c), the means those of h_i/|h_i|."""
    by_class = misalignment(*matched_rows(view(on_sphere(seen.sample), seen.center)))  # (K,)
    return Outcome(float(by_class.mean()), by_class)


def _margin(seen: View, scores: Array) -> Outcome:
    """s_y - max over j != y of s_j, per sample."""
    rivals = scores.copy()  # (N, R)
    everyone, own = np.arange(len(scores)), targets(seen)
    rivals[everyone, own] = -np.inf
    margins = scores[everyone, own] - rivals.max(axis=1)  # (N,)
    return Outcome(float(margins.mean()), mean_by_class(seen, margins), samples=margins)


@formula("gnc.cosine_margin", undefined_on=(*ZERO_FEATURE, *ZERO_WEIGHT))
def cosine_margin(seen: View) -> Outcome:
    """cos(h, w_y) - max over j != y of cos(h, w_j); nothing centred."""
    head = unit_rows(head_rows(seen), "weight row")  # (R, D)
    points = unit_rows(seen.sample.features, "feature row")  # (N, D)
    return _margin(seen, np.stack([(points * row).sum(axis=1) for row in head], axis=1))


@formula("gnc.logit_margin")
def logit_margin(seen: View) -> Outcome:
    """z_y - max over j != y of z_j."""
    return _margin(seen, logits(seen))
