"""Between the passes: where the class means lie, and how far apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.engine.fact import Undefined, fact
from nctool.facts import point_costs
from nctool.facts.samples import resolution_of

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.engine.device import Engine
    from nctool.facts.samples import Sizes
    from nctool.geometry.points import Storage
    from nctool.settings.conventions import Convention
    from nctool.statistics.moments import Moments
    from nctool.statistics.whitening import Spectrum, Whitener

BALANCED = 1.5
"""Up to this ratio of the largest class to the smallest they count as equal, with the simplex as
the reference."""
SAMPLE_LIMITED = "sample-limited"
MATERIAL_SHARE = 0.05
"""Say that few samples flatter a number once they do so by five percent."""


@fact()
def global_mean(sizes: Sizes, moments: Moments, convention: Convention) -> Tensor:  # (D,)
    return centre_of(moments.mean, moments, convention)


def centre_of(means: Tensor, moments: Moments, convention: Convention) -> Tensor:
    """The mean of the class means, or of all samples."""
    balanced = means.mean(0)
    if convention.center == "balanced":
        return balanced
    share = moments.count / moments.count.sum()
    return balanced + share @ (means - balanced)


@fact(cost=point_costs.table)
def centred_means(moments: Moments, global_mean: Tensor) -> Tensor:  # (K, D) float64
    return moments.mean - global_mean


@fact()
def resolution(moments: Moments, variances: Tensor, engine: Engine) -> float:
    """What the class means may be off by from the arithmetic alone."""
    return resolution_of(moments.mean, variances, engine)


@fact(timed=True, cost=point_costs.whitening)
def whitening(centred_means: Tensor, resolution: float, engine: Engine) -> Whitener:
    """The factor of S_B^+."""
    from nctool.statistics.whitening import whitener

    return whitener(centred_means, resolution=resolution, work=engine.work)


@fact()
def spectrum(whitening: Whitener) -> Spectrum:
    """The singular values of the centred class means."""
    return whitening.spectrum


@fact()
def between_trace(centred_means: Tensor) -> float:
    """Tr S_B."""
    return float(centred_means.square().sum()) / len(centred_means)


@fact()
def between(sizes: Sizes, between_trace: float, spectrum: Spectrum) -> float:
    """Tr S_B, if the class means are not all the same."""
    if spectrum.rank == 0:
        raise Undefined("all class means coincide: collapse onto one point is not neural collapse")
    return between_trace


@fact()
def within_trace(
    moments: Moments, variances: Tensor, convention: Convention, columns: Tensor
) -> float:
    """Tr S_W: every sample weighs the same, or every class does."""
    if not len(columns):
        raise Undefined("no class has a sample")
    if convention.within_traces == "classes":
        return float(variances.mean())
    return float(moments.scatter.sum() / moments.count.sum())


@fact()
def understatement(
    sizes: Sizes, between_trace: float, moments: Moments, variances: Tensor
) -> float | None:
    """How far Tr S_W / Tr S_B lies below its unbiased value, as a share of it; None if hopeless.

    Means of n samples scatter by v/n around their true place, which adds to Tr S_B, and v itself
    is short by 1/n.
    """
    noise = variances / (moments.count - 1).clamp(min=1)
    sampling = float(noise.mean()) * (1 - 1 / len(moments.count))
    if between_trace <= 0:
        return None
    if sampling >= between_trace:
        return 1.0
    size = sizes.per_class
    inflation = size / (size - 1) if size > 1 else 1.0
    return 1 - (1 - sampling / between_trace) / inflation


@fact()
def sample_flags(understatement: float | None) -> tuple[str, ...]:
    """Do few samples per class make the means look further apart, the classes tighter?"""
    limited = understatement is not None and understatement > MATERIAL_SHARE
    return (SAMPLE_LIMITED,) if limited else ()


@fact()
def null_pinv(sizes: Sizes) -> float | None:
    """Tr(S_W S_B^+)/K of white noise with these sizes (expectation of an inverse Wishart)."""
    size, classes, dim = sizes.per_class, sizes.classes, sizes.dim
    if dim > classes:
        return (size - 1) * (classes - 1) / (dim - classes)
    if classes - 2 > dim:
        return (size - 1) * dim / (classes - 2 - dim)
    return None


@fact(cost=point_costs.table)
def unit_centred(
    sizes: Sizes,
    sphere_moments: Moments,
    variances: Tensor,
    convention: Convention,
    engine: Engine,
) -> Tensor:  # (K, D) float64
    """The class means of features of length one, centred."""
    import torch

    unit, inverse = sphere_moments.unit_mean, sphere_moments.inverse_norm
    assert unit is not None and inverse is not None
    centred = unit - centre_of(unit, sphere_moments, convention)
    resolution = resolution_of(unit, variances * inverse.square(), engine)
    lengths = torch.linalg.vector_norm(centred, dim=1)
    if float(lengths.max()) <= len(unit) ** 0.5 * resolution:
        raise Undefined("all class means coincide on the sphere")
    return centred


@fact(timed=True, cost=point_costs.whitening)
def unit_whitening(
    unit_centred: Tensor, sphere_moments: Moments, variances: Tensor, engine: Engine
) -> Whitener:
    """The factor of S_B^+ of features of length one."""
    from nctool.statistics.whitening import whitener

    unit, inverse = sphere_moments.unit_mean, sphere_moments.inverse_norm
    assert unit is not None and inverse is not None
    resolution = resolution_of(unit, variances * inverse.square(), engine)
    white = whitener(unit_centred, resolution=resolution, work=engine.work)
    if white.spectrum.rank == 0:
        raise Undefined("all class means coincide on the sphere")
    return white


@fact()
def mean_rounding(feature_storage: Storage) -> float:
    """Squared rounding error of a collapsed class's mean: every sample rounds alike."""
    return feature_storage.rounding
