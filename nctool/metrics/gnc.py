"""GNC: collapse on the sphere, for any number of classes (Jiang et al. 2024)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nctool.facts.head import without_direction
from nctool.geometry import nulls
from nctool.metrics.metric import Measured, Undefined, metric
from nctool.metrics.nc1 import of_whitened
from nctool.metrics.nc3 import AT_RANDOM
from nctool.metrics.shared import defined

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes
    from nctool.geometry.duality import Duality
    from nctool.settings.conventions import Convention
    from nctool.statistics.distribution import SampleMargins
    from nctool.statistics.moments import Moments
    from nctool.statistics.whitening import Whitener


@metric(
    "gnc1.pinv",
    title="Within over between covariance, on the sphere",
    definition="nc1.pinv of features scaled to length one",
    invariant="rotate scale relabel",
)
def unit_pinv(
    sizes: Sizes,
    sphere_moments: Moments,
    unit_whitening: Whitener,
    unit_whitened_total: float,
    unit_whitened: Tensor | None,
    class_counts: Tensor,
    unit_rounding: float,
    null_pinv: float | None,
    sample_flags: tuple[str, ...],
    convention: Convention,
) -> Measured:
    """NC1 after every feature has been scaled to length one: only directions count.
    Formula: Tr(S_W S_B^+)/K of h/|h|.
    Convention: as nc1.pinv.
    Undefined when: there is one class, all class means coincide, or a feature is zero.
    Reference: Jiang et al. 2024, GNC1.
    """
    return of_whitened(
        unit_whitened_total, unit_whitened, class_counts, unit_whitening.spectrum, sizes,
        unit_rounding, null_pinv, sample_flags, convention,
    )  # fmt: skip


@metric(
    "gnc3.duality",
    title="Self-duality on the sphere",
    definition="mean over classes of 1 - cos(m_c, w_c), features scaled to length one",
    invariant="rotate scale relabel",
)
def unit_duality(
    between: float,
    sphere_moments: Moments,
    unit_duality: Duality,
    class_names: tuple[str, ...],
    present: tuple[int, ...],
    unit_centred: Tensor,
) -> Measured:
    """Does each classifier row point where the mean direction of its class points?
    Formula: mean over classes of 1 - cos(m_c, w_c), m_c the centred mean of h/|h|.
    Convention: W as stored. Per class: 1 - cos, from differences, so that it keeps its digits
    near zero.
    Undefined when: there is one class, a feature is zero, or a row or a mean has no direction.
    Reference: Jiang et al. 2024, GNC3.
    """
    if unit_duality.gaps is None:
        raise without_direction(unit_duality, class_names, present)
    gaps = unit_duality.gaps
    return Measured(
        float(gaps.mean()),
        per_class=gaps,
        null_value=1.0,
        null_sd=1 / math.sqrt(unit_centred.numel()),
        null_source=AT_RANDOM,
    )


@metric(
    "gnc.cosine_margin",
    title="Cosine margin of the samples",
    definition="mean over samples of cos(h, w_y) - max over j != y of cos(h, w_j)",
    ideal=None,
    toward="up",
    invariant="rotate scale relabel",
)
def cosine_margin(
    sizes: Sizes,
    sphere_moments: Moments,
    head_has_directions: bool,
    cosine_margins: SampleMargins,
    class_counts: Tensor,
    weight: Tensor,
) -> Measured:
    """By how much, in cosine, each sample prefers its own class to the next best.
    Formula: cos(h, w_y) - max over j != y of cos(h, w_j); the value is the mean over samples.
    Convention: nothing is centred, no bias. The distribution is over samples; per class: the mean
    over its samples.
    Undefined when: there is one class, or a feature or a classifier row is zero.
    Reference: Jiang et al. 2024 (the margin of their hardmax problem).
    """
    rows = len(weight)
    return Measured(
        cosine_margins.spread.mean,
        per_class=cosine_margins.sums / class_counts,
        distribution=cosine_margins.spread,
    ).beside(nulls.cosine_margin(rows, sizes.dim, sizes.samples))


@metric(
    "gnc.logit_margin",
    title="Logit margin of the samples",
    definition="mean over samples of z_y - max over j != y of z_j",
    ideal=None,
    toward="up",
    invariant="rotate shift relabel",
)
def logit_margin(
    sizes: Sizes,
    convention: Convention,
    logit_margins: SampleMargins,
    class_counts: Tensor,
    sphere_moments: Moments | Undefined,
    head_has_directions: bool | Undefined,
    cosine_margins: SampleMargins | Undefined,
    chance_logit: float,
    weight: Tensor,
) -> Measured:
    """By how much each sample's own logit exceeds the next best: negative where the head errs.
    Formula: z_y - max over j != y of z_j, z = W h + b; the value is the mean over samples.
    Convention: with the bias; in units of logits. The distribution is over samples; per class: the
    mean over its samples. With --logit-scale S, z = S cos(h, w).
    Undefined when: there is one class; with --logit-scale, when gnc.cosine_margin is.
    Reference: Jiang et al. 2024; common usage.
    """
    spread, sums, scale = logit_margins.spread, logit_margins.sums, convention.logit_scale
    null = nulls.logit_margin(len(weight), sizes.dim, sizes.samples)
    null = null and null.map(chance_logit)
    if scale is not None:
        # A cosine head: its logits are the cosines, stretched.
        defined(sphere_moments)
        defined(head_has_directions)
        cosines = defined(cosine_margins)
        spread, sums = cosines.spread.scaled(scale), scale * cosines.sums
        null = nulls.cosine_margin(len(weight), sizes.dim, sizes.samples)
        null = null and null.map(scale)
    return Measured(spread.mean, per_class=sums / class_counts, distribution=spread).beside(null)
