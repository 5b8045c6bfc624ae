"""NC1: do the features of a class contract onto their mean?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.facts.mean_lines import coincidence
from nctool.metrics.metric import Measured, metric
from nctool.metrics.shared import require

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes
    from nctool.geometry.pairs import Pairs
    from nctool.geometry.points import Points
    from nctool.settings.conventions import Convention
    from nctool.statistics.whitening import Spectrum

RATIO = "formula: ratio of means, equal classes"
"""Where a random value comes from."""


@metric(
    "nc1.pinv",
    title="Within-class over between-class covariance",
    definition="Tr(S_W S_B^+)/K",
)
def pinv(
    between: float,
    sizes: Sizes,
    whitened_total: float,
    whitened: Tensor | None,
    class_counts: Tensor,
    spectrum: Spectrum,
    mean_rounding: float,
    null_pinv: float | None,
    sample_flags: tuple[str, ...],
    convention: Convention,
) -> Measured:
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
    return of_whitened(
        whitened_total, whitened, class_counts, spectrum, sizes, mean_rounding, null_pinv,
        sample_flags, convention,
    )  # fmt: skip


def of_whitened(
    total: float,
    sums: Tensor | None,
    counts: Tensor,
    spectrum: Spectrum,
    sizes: Sizes,
    rounding: float,
    null: float | None,
    flags: tuple[str, ...],
    convention: Convention,
) -> Measured:
    """From sums of z' S_B^+ z, in all and by class where these are known.

    ``rounding``: squared rounding error of a class mean.
    """
    classes = sizes.classes if convention.nc1_over_classes else 1
    per_class = None if sums is None else sums / counts.clamp(min=1) / classes
    value = total / sizes.samples / classes
    if per_class is not None and convention.within_pinv == "classes":
        value = float(per_class.mean())
    kept = spectrum.singular[: spectrum.rank]
    inverse = float((sizes.classes / kept.square()).sum())
    return Measured(
        value,
        per_class=per_class,
        null_value=None if null is None else null * sizes.classes / classes,
        null_source=None if null is None else RATIO,
        noise_floor=rounding / sizes.dim * inverse / classes,
        flags=flags,
    )


@metric(
    "nc1.trace_ratio",
    title="Within-class over between-class variance",
    definition="Tr S_W / Tr S_B",
)
def trace_ratio(
    between: float,
    sizes: Sizes,
    within_trace: float,
    variances: Tensor,
    mean_rounding: float,
    sample_flags: tuple[str, ...],
) -> Measured:
    """Total variance within classes over total variance of the class means; blind to direction,
    and so to small eigenvalues.
    Formula: Tr S_W / Tr S_B.
    Convention: as nc1.pinv. Per class: v_c / Tr S_B, v_c the mean squared distance to the mean.
    Undefined when: there is one class, or all class means coincide.
    Reference: Tirer, Huang & Niles-Weed 2023, equation 3.
    """
    return Measured(
        within_trace / between,
        per_class=variances / between,
        null_value=null_trace_ratio(sizes),
        null_source=RATIO,
        noise_floor=mean_rounding / between,
        flags=sample_flags,
    )


def null_trace_ratio(sizes: Sizes) -> float:
    """Of white noise with these sizes."""
    return (sizes.per_class - 1) * sizes.classes / (sizes.classes - 1)


@metric(
    "nc1.within_fraction",
    title="Share of variance that is within classes",
    definition="Tr S_W / (Tr S_W + Tr S_B)",
)
def within_fraction(
    between: float,
    sizes: Sizes,
    within_trace: float,
    variances: Tensor,
    mean_rounding: float,
    sample_flags: tuple[str, ...],
) -> Measured:
    """The share of all variance that separates samples of one class rather than classes.
    Formula: Tr S_W / (Tr S_W + Tr S_B), between 0 and 1.
    Convention: as nc1.pinv. Per class: v_c / (v_c + Tr S_B).
    Undefined when: there is one class, or all class means coincide.
    Reference: Rangamani et al. 2023 (their profile weighs every class the same).
    """
    null = null_trace_ratio(sizes)
    return Measured(
        within_trace / (within_trace + between),
        per_class=variances / (variances + between),
        null_value=null / (1 + null),
        null_source=RATIO,
        noise_floor=mean_rounding / (mean_rounding + between),
        flags=sample_flags,
    )


@metric(
    "nc1.cdnv",
    title="Class-distance normalised variance",
    definition="mean over class pairs of (v_a + v_b) / (2 |mu_a - mu_b|^2)",
    of="means",
)
def cdnv(
    sizes: Sizes,
    pairs: Pairs,
    all_points: Points,
    class_names: tuple[str, ...],
    mean_rounding: float,
    sample_flags: tuple[str, ...],
    convention: Convention,
) -> Measured:
    """How wide two classes are against how far apart they lie, averaged over all pairs: the pairs
    that are hard to tell apart dominate it.
    Formula: mean over a != b of (v_a + v_b) / (2 |mu_a - mu_b|^2).
    Convention: v_c divides by n_c; every pair weighs the same; no centring enters. Per class: the
    mean over the other classes. Profile wu-papyan squares the squared distance, which makes the
    number depend on the scale of the features.
    Undefined when: there is one class, or two class means coincide.
    Reference: Galanti, György & Hutter 2022; Wu & Papyan 2024 for the power.
    """
    if pairs.cdnv is None or pairs.inverse_square is None:
        raise coincidence(pairs, all_points, class_names)
    size, dim = sizes.per_class, sizes.dim
    plain = convention.cdnv_power == 1
    return Measured(
        float(pairs.cdnv.mean()),
        per_class=pairs.cdnv,
        null_value=(size - 1) * dim / (2 * (dim - 2)) if dim > 2 and plain else None,
        null_source=RATIO if dim > 2 and plain else None,
        noise_floor=mean_rounding * pairs.inverse_square if plain else None,
        flags=sample_flags,
    )


@metric(
    "nc1.directional_cdnv",
    title="Directional class-distance normalised variance",
    definition="mean over ordered pairs of E_a[((h - mu_a).(mu_b - mu_a))^2] / |mu_b - mu_a|^4",
    of="means",
)
def directional_cdnv(
    sizes: Sizes,
    pairs: Pairs,
    along_lines: Tensor,
    class_counts: Tensor,
    mean_rounding: float,
    sample_flags: tuple[str, ...],
    convention: Convention,
) -> Measured:
    """How wide a class is along the line to another one, against the distance of the two: only
    spread towards other classes counts, which is what makes few samples of a new class suffice.
    Formula: mean over ordered pairs a != b of E_a[((h - mu_a).(mu_b - mu_a))^2] / |mu_b - mu_a|^4.
    Convention: variance within a class divides by n_a; every pair weighs the same; no centring
    enters. At most nc1.cdnv, and 1/d of it for spread that is alike in all directions.
    Per class: the mean over the other classes.
    Undefined when: there is one class, two class means coincide, or K x K distances do not fit
    --memory.
    Reference: Galanti et al. 2026 (arXiv 2603.03530).
    """
    per_class = along_lines / class_counts / (sizes.classes - 1)
    plain = convention.cdnv_power == 1 and pairs.inverse_square is not None
    return Measured(
        float(per_class.mean()),
        per_class=per_class,
        null_value=(sizes.per_class - 1) / (2 * (sizes.dim - 2)) if sizes.dim > 2 else None,
        null_source=RATIO if sizes.dim > 2 else None,
        noise_floor=mean_rounding / sizes.dim * require(pairs.inverse_square) if plain else None,
        flags=sample_flags,
    )
