"""NC3: do the classifier rows and the class means become the same thing?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nctool.engine.evidence import Evidence, Need
from nctool.geometry import optima
from nctool.metrics.metric import Measured, Undefined, metric
from nctool.metrics.shared import between_classes, known, named, several_classes

if TYPE_CHECKING:
    from torch import Tensor

DUAL = Need.SAMPLES | Need.HEAD


@metric(
    "nc3.distance",
    title="Distance between classifier and class means",
    definition="|W/|W|_F - M/|M|_F|_F",
    need=DUAL,
    invariant="rotate shift scale relabel",
)
def distance(evidence: Evidence) -> Measured:
    """How far the classifier is from the centred class means once both have norm one.
    Formula: |W/|W|_F - M/|M|_F|_F, between 0 and 2.
    Convention: W as stored (profile zhou: its mean row removed), M centred; profile notebook
    reports the square. A vector added to all rows of W changes no decision but moves this number.
    Undefined when: there is one class, all class means coincide, or W is zero.
    Reference: Papyan, Han & Donoho 2020, NC3.
    """
    between_classes(evidence)
    value = known(evidence.duality).distance
    if value is None:
        raise Undefined("the classifier is all zero")
    squared = evidence.convention.squared_duality
    noise = math.hypot(_mean_noise(evidence), _weight_noise(evidence))
    return Measured(
        value * value if squared else value,
        null_value=2.0 if squared else math.sqrt(2),
        noise_floor=noise * noise if squared else noise,
    )


@metric(
    "nc3.cosine",
    title="Alignment of classifier rows with class means",
    definition="mean over classes of cos(w_c, m_c)",
    need=DUAL,
    ideal=1.0,
    toward="up",
)
def cosine(evidence: Evidence) -> Measured:
    """Does each classifier row point where its class mean points?
    Formula: mean over classes of cos(w_c, m_c).
    Convention: W as stored, class means centred; lengths play no part. Per class: the cosine.
    Undefined when: there is one class, or a row or a class mean is zero.
    Reference: Wu & Papyan 2024.
    """
    cosines = _cosines(evidence)
    return Measured(float(cosines.mean()), per_class=cosines, null_value=0.0)


@metric(
    "nc3.cosine_cv",
    title="Uniform duality",
    definition="std / mean over classes of cos(w_c, m_c)",
    need=DUAL,
)
def cosine_cv(evidence: Evidence) -> Measured:
    """Is every class aligned with its classifier row to the same degree?
    Formula: standard deviation over mean of cos(w_c, m_c) over classes.
    Convention: sample standard deviation (divisor K-1). Zero even for a poor alignment, if it
    is equally poor everywhere: read it beside nc3.cosine.
    Undefined when: as nc3.cosine, or the mean cosine is zero.
    Reference: Wu & Papyan 2024, UNC3.
    """
    cosines = _cosines(evidence)
    mean = float(cosines.mean())
    if mean == 0.0:
        raise Undefined("the mean cosine is zero")
    return Measured(
        float(cosines.std(correction=1)) / mean,
        per_class=cosines,
        apart=(cosines - mean).abs(),
    )


@metric(
    "nc3.etf_deviation",
    title="Distance of W M' from a simplex",
    definition="|W M'/|W M'|_F - T_K|_F",
    need=DUAL,
)
def etf_deviation(evidence: Evidence) -> Measured:
    """Self-duality and simplex geometry in one number: zero only when both hold.
    Formula: |W M'/|W M'|_F - T_K|_F, T_K = (I - 11'/K)/sqrt(K-1).
    Convention: W as stored (profile zhou: its mean row removed), M centred. Above K = d+1 the
    floor is sqrt(2 - 2 sqrt(d/(K-1))).
    Undefined when: there is one class, all class means coincide, or W M' is zero.
    Reference: Zhu et al. 2021.
    """
    between_classes(evidence)
    value = evidence.duality_deviation
    if value is None:
        raise Undefined("W M' is zero")
    return Measured(
        value, floor=optima.etf_floor(evidence.classes, evidence.dim), null_value=math.sqrt(2)
    )


@metric(
    "nc3.bias_collapse",
    title="Bias collapse",
    definition="|b + W mu_G| with the mean over classes removed",
    need=DUAL,
    invariant="rotate shift relabel",
)
def bias_collapse(evidence: Evidence) -> Measured:
    """Does the bias cancel the global mean, so that only centred features decide?
    Formula: |b + W mu_G| after removing its mean over classes.
    Convention: the mean over classes is removed because a softmax cannot see it (profiles zhu and
    zhou leave it in); without a bias, b = 0. In units of logits: it depends on scale.
    Undefined when: there is one class.
    Reference: Zhu et al. 2021.
    """
    several_classes(evidence)
    residual = known(evidence.bias_residual)
    if evidence.convention.bias_modulo_shift:
        residual = residual - residual.mean()
    return Measured(float(residual.norm()), per_class=residual.abs())


def _cosines(evidence: Evidence) -> Tensor:
    between_classes(evidence)
    duality = known(evidence.duality)
    if duality.cosines is None:
        raise Undefined(
            f"class {named(evidence, duality.zero, evidence.present)} has a zero classifier row "
            "or a class mean at the global mean: no direction"
        )
    return duality.cosines


def _mean_noise(evidence: Evidence) -> float:
    means = known(evidence.means)
    return math.sqrt(len(means.vectors) * means.storage.rounding) / float(means.vectors.norm())


def _weight_noise(evidence: Evidence) -> float:
    storage = known(evidence.weight_storage)
    return math.sqrt(storage.rounding / storage.mean_square)


METRICS = (distance, cosine, cosine_cv, etf_deviation, bias_collapse)
