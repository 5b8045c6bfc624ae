"""NC3: do the classifier rows and the class means become the same thing?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nctool.geometry import optima
from nctool.metrics.metric import Measured, Undefined, metric

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes
    from nctool.geometry.duality import Duality
    from nctool.geometry.nulls import Null
    from nctool.geometry.points import Points, Storage
    from nctool.settings.conventions import Convention


AT_RANDOM = "exact: directions at random"


@metric(
    "nc3.distance",
    title="Distance between classifier and class means",
    definition="|W/|W|_F - M/|M|_F|_F",
    invariant="rotate shift scale relabel",
    of="means",
)
def distance(
    between: float,
    duality: Duality,
    all_points: Points,
    weight_storage: Storage,
    convention: Convention,
) -> Measured:
    """How far the classifier is from the centred class means once both have norm one.
    Formula: |W/|W|_F - M/|M|_F|_F, between 0 and 2.
    Convention: W as stored (profile zhou: its mean row removed), M centred; profile notebook
    reports the square. A vector added to all rows of W changes no decision but moves this number.
    Undefined when: there is one class, all class means coincide, or W is zero.
    Reference: Papyan, Han & Donoho 2020, NC3.
    """
    value = duality.distance
    if value is None:
        raise Undefined("the classifier is all zero")
    squared = convention.squared_duality
    # The cosine of two matrices at random has the variance 1/Kd, the distance half of it.
    sd = 1 / math.sqrt(all_points.vectors.numel())
    noise = math.hypot(_mean_noise(all_points), math.sqrt(weight_storage.relative_rounding))
    return Measured(
        value * value if squared else value,
        null_value=2.0 if squared else math.sqrt(2),
        null_sd=2 * sd if squared else sd / math.sqrt(2),
        null_source=AT_RANDOM,
        noise_floor=noise * noise if squared else noise,
    )


@metric(
    "nc3.cosine",
    title="Alignment of classifier rows with class means",
    definition="mean over classes of cos(w_c, m_c)",
    ideal=1.0,
    toward="up",
)
def cosine(sizes: Sizes, duality_cosines: Tensor) -> Measured:
    """Does each classifier row point where its class mean points?
    Formula: mean over classes of cos(w_c, m_c).
    Convention: W as stored, class means centred; lengths play no part. Per class: the cosine.
    Undefined when: there is one class, or a row or a class mean is zero.
    Reference: Wu & Papyan 2024.
    """
    return Measured(
        float(duality_cosines.mean()),
        per_class=duality_cosines,
        null_value=0.0,
        null_sd=1 / math.sqrt(sizes.classes * sizes.dim),
        null_source=AT_RANDOM,
    )


@metric(
    "nc3.cosine_cv",
    title="Uniform duality",
    definition="std / mean over classes of cos(w_c, m_c)",
)
def cosine_cv(duality_cosines: Tensor) -> Measured:
    """Is every class aligned with its classifier row to the same degree?
    Formula: standard deviation over mean of cos(w_c, m_c) over classes.
    Convention: sample standard deviation (divisor K-1). Zero even for a poor alignment, if it
    is equally poor everywhere: read it beside nc3.cosine.
    Undefined when: as nc3.cosine, or the mean cosine is zero.
    Reference: Wu & Papyan 2024, UNC3.
    """
    mean = float(duality_cosines.mean())
    if mean == 0.0:
        raise Undefined("the mean cosine is zero")
    return Measured(
        float(duality_cosines.std(correction=1)) / mean,
        per_class=duality_cosines,
        apart=(duality_cosines - mean).abs(),
        null_source="none: by chance it has any sign, a size of about sqrt(K), and no mean",
    )


@metric(
    "nc3.etf_deviation",
    title="Distance of W M' from a simplex",
    definition="|W M'/|W M'|_F - T_K|_F",
)
def etf_deviation(between: float, sizes: Sizes, duality_deviation: float) -> Measured:
    """Self-duality and simplex geometry in one number: zero only when both hold.
    Formula: |W M'/|W M'|_F - T_K|_F, T_K = (I - 11'/K)/sqrt(K-1).
    Convention: W as stored (profile zhou: its mean row removed), M centred. Above K = d+1 the
    floor is sqrt(2 - 2 sqrt(d/(K-1))).
    Undefined when: there is one class, all class means coincide, or W M' is zero.
    Reference: Zhu et al. 2021.
    """
    floor = optima.etf_floor(sizes.classes, sizes.dim)
    return Measured(duality_deviation, floor=floor, null_value=math.sqrt(2), null_source=AT_RANDOM)


@metric(
    "nc3.bias_collapse",
    title="Bias collapse",
    definition="|b + W mu_G| with the mean over classes removed",
    invariant="rotate shift relabel",
)
def bias_collapse(bias_residual: Tensor, bias_by_chance: Null, convention: Convention) -> Measured:
    """Does the bias cancel the global mean, so that only centred features decide?
    Formula: |b + W mu_G| after removing its mean over classes.
    Convention: the mean over classes is removed because a softmax cannot see it (profiles zhu and
    zhou leave it in); without a bias, b = 0. In units of logits: it depends on scale.
    Undefined when: there is one class.
    Reference: Zhu et al. 2021.
    """
    residual = bias_residual
    if convention.bias_modulo_shift:
        residual = residual - residual.mean()
    return Measured(float(residual.norm()), per_class=residual.abs()).beside(bias_by_chance)


def _mean_noise(means: Points) -> float:
    return math.sqrt(len(means.vectors) * means.storage.rounding) / float(means.vectors.norm())
