"""GNC: collapse on the sphere, for any number of classes (Jiang et al. 2024)."""

from __future__ import annotations

from dataclasses import replace

from nctool.engine.evidence import Evidence, Need
from nctool.metrics.metric import Measured, Undefined, metric
from nctool.metrics.shared import (
    answers,
    between_classes,
    known,
    named,
    null_pinv,
    sample_flags,
    several_classes,
    unit_directions,
)


@metric(
    "gnc1.pinv",
    title="Within over between covariance, on the sphere",
    definition="nc1.pinv of features scaled to length one",
    need=Need.SAMPLES | Need.UNIT_MEANS | Need.UNIT_WHITENING,
    invariant="rotate scale relabel",
)
def unit_pinv(evidence: Evidence) -> Measured:
    """NC1 after every feature has been scaled to length one: only directions count.
    Formula: Tr(S_W S_B^+)/K of h/|h|.
    Convention: as nc1.pinv.
    Undefined when: there is one class, all class means coincide, or a feature is zero.
    Reference: Jiang et al. 2024, GNC1.
    """
    several_classes(evidence)
    unit_directions(evidence)
    spectrum = evidence.unit_spectrum
    if spectrum is None or spectrum.rank == 0:
        raise Undefined("all class means coincide on the sphere")
    sums = known(answers(evidence).unit_whitened)
    classes = evidence.classes if evidence.convention.nc1_over_classes else 1
    per_class = sums / known(evidence.count).clamp(min=1)
    if evidence.convention.within_pinv == "classes":
        value = float(per_class.mean()) / classes
    else:
        value = float(sums.sum()) / evidence.samples / classes
    inverse = float((evidence.classes / spectrum.singular[: spectrum.rank].square()).sum())
    null = null_pinv(evidence)
    return Measured(
        value,
        per_class=per_class / classes,
        null_value=None if null is None else null * evidence.classes / classes,
        noise_floor=evidence.unit_rounding / evidence.dim * inverse / classes,
        flags=sample_flags(evidence),
    )


@metric(
    "gnc3.duality",
    title="Self-duality on the sphere",
    definition="mean over classes of 1 - cos(m_c, w_c), features scaled to length one",
    need=Need.SAMPLES | Need.UNIT_MEANS | Need.HEAD,
    invariant="rotate scale relabel",
)
def unit_duality(evidence: Evidence) -> Measured:
    """Does each classifier row point where the mean direction of its class points?
    Formula: mean over classes of 1 - cos(m_c, w_c), m_c the centred mean of h/|h|.
    Convention: W as stored. Per class: 1 - cos, from differences, so that it keeps its digits
    near zero.
    Undefined when: there is one class, a feature is zero, or a row or a mean has no direction.
    Reference: Jiang et al. 2024, GNC3.
    """
    between_classes(evidence)
    unit_directions(evidence)
    duality = evidence.unit_duality
    if duality is None:
        raise Undefined("all class means coincide on the sphere")
    if duality.gaps is None:
        raise Undefined(
            f"class {named(evidence, duality.zero, evidence.present)} has a zero classifier row "
            "or a class mean at the global mean: no direction"
        )
    return Measured(float(duality.gaps.mean()), per_class=duality.gaps, null_value=1.0)


@metric(
    "gnc.cosine_margin",
    title="Cosine margin of the samples",
    definition="mean over samples of cos(h, w_y) - max over j != y of cos(h, w_j)",
    need=Need.SAMPLES | Need.DECISIONS | Need.MARGINS,
    ideal=None,
    toward="up",
    invariant="rotate scale relabel",
)
def cosine_margin(evidence: Evidence) -> Measured:
    """By how much, in cosine, each sample prefers its own class to the next best.
    Formula: cos(h, w_y) - max over j != y of cos(h, w_j); the value is the mean over samples.
    Convention: nothing is centred, no bias. The distribution is over samples; per class: the mean
    over its samples.
    Undefined when: there is one class, or a feature or a classifier row is zero.
    Reference: Jiang et al. 2024 (the margin of their hardmax problem).
    """
    several_classes(evidence)
    unit_directions(evidence)
    zero = evidence.zero_weights
    if zero:
        every = tuple(range(len(evidence.names)))
        raise Undefined(f"classifier row {named(evidence, zero, every)} is zero: no direction")
    found = known(answers(evidence).cosine_margin)
    sums = known(answers(evidence).cosine_margin_sum)
    return Measured(found.mean, per_class=sums / known(evidence.count), distribution=found)


@metric(
    "gnc.logit_margin",
    title="Logit margin of the samples",
    definition="mean over samples of z_y - max over j != y of z_j",
    need=Need.SAMPLES | Need.DECISIONS | Need.MARGINS,
    ideal=None,
    toward="up",
    invariant="rotate shift relabel",
)
def logit_margin(evidence: Evidence) -> Measured:
    """By how much each sample's own logit exceeds the next best: negative where the head errs.
    Formula: z_y - max over j != y of z_j, z = W h + b; the value is the mean over samples.
    Convention: with the bias; in units of logits. The distribution is over samples; per class: the
    mean over its samples. With --logit-scale S, z = S cos(h, w).
    Undefined when: there is one class; with --logit-scale, when gnc.cosine_margin is.
    Reference: Jiang et al. 2024; common usage.
    """
    several_classes(evidence)
    scale = evidence.convention.logit_scale
    if scale is not None:
        cosines = cosine_margin.measure(evidence)
        return replace(
            cosines,
            value=scale * cosines.value,
            per_class=scale * known(cosines.per_class),
            distribution=known(cosines.distribution).scaled(scale),
        )
    found = known(answers(evidence).logit_margin)
    sums = known(answers(evidence).logit_margin_sum)
    return Measured(found.mean, per_class=sums / known(evidence.count), distribution=found)


METRICS = (unit_pinv, unit_duality, cosine_margin, logit_margin)
