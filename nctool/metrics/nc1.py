"""NC1: do the features of a class contract onto their mean?"""

from __future__ import annotations

from nctool.engine.evidence import Evidence, Need
from nctool.metrics.metric import Measured, Undefined, metric
from nctool.metrics.shared import (
    answers,
    between_classes,
    known,
    mean_rounding,
    named,
    null_pinv,
    per_class_size,
    sample_flags,
    several_classes,
)


@metric(
    "nc1.pinv",
    title="Within-class over between-class covariance",
    definition="Tr(S_W S_B^+)/K",
    need=Need.SAMPLES | Need.WHITENING,
)
def pinv(evidence: Evidence) -> Measured:
    """How far the samples of a class stray from their mean, measured along the directions in
    which the class means differ, each direction in units of how much they differ there.
    Formula: Tr(S_W S_B^+)/K, S_W = (1/N) sum z z' with z = h - mu_y, S_B = (1/K) sum m m' with
    m = mu_c - mu_G.
    Convention: every sample weighs the same in S_W, every class in S_B; mu_G is the mean of the
    class means (--center samples: of all samples). Singular values of the class means under
    max(K, d) * 2.2e-16 of the largest, or under the rounding error of the means, are not
    inverted; at most min(K-1, d) are. The kept rank and the cut-off are in the report.
    Undefined when: there is one class, or all class means coincide.
    Reference: Papyan, Han & Donoho 2020, NC1 (there as the caption of figure 6).
    """
    between_classes(evidence)
    convention = evidence.convention
    classes = evidence.classes if convention.nc1_over_classes else 1
    sums = known(answers(evidence).whitened)
    count = known(evidence.count)
    per_class = sums / count.clamp(min=1)
    if convention.within_pinv == "classes":
        value = float(per_class.mean()) / classes
    else:
        value = float(sums.sum()) / evidence.samples / classes
    spectrum = known(evidence.spectrum)
    kept = spectrum.singular[: spectrum.rank]
    inverse = float((evidence.classes / kept.square()).sum())
    null = null_pinv(evidence)
    return Measured(
        value,
        per_class=per_class / classes,
        null_value=None if null is None else null * evidence.classes / classes,
        noise_floor=mean_rounding(evidence) / evidence.dim * inverse / classes,
        flags=sample_flags(evidence),
    )


@metric(
    "nc1.trace_ratio",
    title="Within-class over between-class variance",
    definition="Tr S_W / Tr S_B",
    need=Need.SAMPLES,
)
def trace_ratio(evidence: Evidence) -> Measured:
    """Total variance within classes over total variance of the class means; blind to direction,
    and so to small eigenvalues.
    Formula: Tr S_W / Tr S_B.
    Convention: as nc1.pinv. Per class: v_c / Tr S_B, v_c the mean squared distance to the mean.
    Undefined when: there is one class, or all class means coincide.
    Reference: Tirer, Huang & Niles-Weed 2023, equation 3.
    """
    between = between_classes(evidence)
    classes = evidence.classes
    return Measured(
        known(evidence.within) / between,
        per_class=known(evidence.variance) / between,
        null_value=(per_class_size(evidence) - 1) * classes / (classes - 1),
        noise_floor=mean_rounding(evidence) / between,
        flags=sample_flags(evidence),
    )


@metric(
    "nc1.within_fraction",
    title="Share of variance that is within classes",
    definition="Tr S_W / (Tr S_W + Tr S_B)",
    need=Need.SAMPLES,
)
def within_fraction(evidence: Evidence) -> Measured:
    """The share of all variance that separates samples of one class rather than classes.
    Formula: Tr S_W / (Tr S_W + Tr S_B), between 0 and 1.
    Convention: as nc1.pinv. Per class: v_c / (v_c + Tr S_B).
    Undefined when: there is one class, or all class means coincide.
    Reference: Rangamani et al. 2023 (their profile weighs every class the same).
    """
    between = between_classes(evidence)
    within = known(evidence.within)
    variance = known(evidence.variance)
    null = (per_class_size(evidence) - 1) * evidence.classes / (evidence.classes - 1)
    noise = mean_rounding(evidence)
    return Measured(
        within / (within + between),
        per_class=variance / (variance + between),
        null_value=null / (1 + null),
        noise_floor=noise / (noise + between),
        flags=sample_flags(evidence),
    )


@metric(
    "nc1.cdnv",
    title="Class-distance normalised variance",
    definition="mean over class pairs of (v_a + v_b) / (2 |mu_a - mu_b|^2)",
    need=Need.SAMPLES | Need.MEAN_PAIRS,
)
def cdnv(evidence: Evidence) -> Measured:
    """How wide two classes are against how far apart they lie, averaged over all pairs: the pairs
    that are hard to tell apart dominate it.
    Formula: mean over a != b of (v_a + v_b) / (2 |mu_a - mu_b|^2).
    Convention: v_c divides by n_c; every pair weighs the same; no centring enters. Per class: the
    mean over the other classes. Profile wu-papyan squares the squared distance, which makes the
    number depend on the scale of the features.
    Undefined when: there is one class, or two class means coincide.
    Reference: Galanti, György & Hutter 2022; Wu & Papyan 2024 for the power.
    """
    several_classes(evidence)
    pairs = known(evidence.means).pairs
    if pairs.cdnv is None:
        raise Undefined(coincidence(evidence))
    size, dim = per_class_size(evidence), evidence.dim
    plain = evidence.convention.cdnv_power == 1
    return Measured(
        float(pairs.cdnv.mean()),
        per_class=pairs.cdnv,
        null_value=(size - 1) * dim / (2 * (dim - 2)) if dim > 2 and plain else None,
        noise_floor=mean_rounding(evidence) * known(pairs.inverse_square) if plain else None,
        flags=sample_flags(evidence),
    )


def coincidence(evidence: Evidence) -> str:
    means = known(evidence.means)
    first, second = means.pairs.coincident[0]
    pair = " and ".join(named(evidence, (row,), means.classes) for row in (first, second))
    more = means.pairs.coincident_count - 1
    return f"class means coincide: {pair}" + (f", and {more:,} more pairs" if more else "")


METRICS = (pinv, trace_ratio, within_fraction, cdnv)
