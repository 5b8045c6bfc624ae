"""HUG within classes: how tight is each class on the sphere, and how much tighter than the classes
are spread?

The three gaps weigh both against each other, as the objectives they come from do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from nctool.core.text import count
from nctool.engine.evidence import Evidence, Need
from nctool.geometry.energy_optima import random_energy
from nctool.metrics import hug
from nctool.metrics.metric import Measured, Metric, Undefined, metric, on_points
from nctool.metrics.shared import (
    answers,
    known,
    named,
    per_class_size,
    points,
    sample_flags,
)
from nctool.report import Reference

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.statistics.anchors import Closeness
    from nctool.statistics.keepsake import Choice
    from nctool.statistics.within import Within

CONFIDENT = 1.959964
"""Standard errors to either side that hold 95 percent of a normal distribution."""


def reverse_energy(evidence: Evidence, kind: str) -> Measured:
    """How far do the samples of a class point away from their own among the {points}?
    Formula: mean over classes of the mean over samples of |x - p|, x and p scaled to length one.
    Convention: features are centred as the points are: means: (h - mu_G)/|h - mu_G| against
    m_c/|m_c|; weights: h/|h| against w_c/|w_c|. Every class weighs the same. From 0 to 2. Per
    class: the mean over its samples.
    Undefined when: there is one class, or a sample or one of the points has no direction.
    Reference: Liu et al. 2023, hyperspherical reverse energy, as in the code of MHE-HUG.
    """
    found = closeness_of(evidence, kind)
    means = known(found.total) / known(evidence.count)
    centred = kind == "means"
    null = random_energy(evidence.dim, -1)
    if centred:
        null = math.sqrt(2 - 2 / math.sqrt(per_class_size(evidence)))
    return Measured(
        float(means.mean()),
        per_class=means,
        null_value=null,
        noise_floor=_noise(evidence, kind),
        flags=sample_flags(evidence) if centred else (),
    )


def mhe(evidence: Evidence, kind: str) -> Measured:
    """Are the directions of the {points} spread evenly, and each class close to its own?
    Formula: -alpha E_2 - beta R, E_2 the mean over pairs of 1/rho^2 (hug.energy_s2), R the mean
    distance to the own point (hug.reverse_energy).
    Convention: alpha = beta = 1 unless given. A sum of means, as in the published code; the paper
    sums over pairs. No pair is dropped.
    Undefined when: hug.energy_s2 or hug.reverse_energy is.
    Reference: Liu et al. 2023, MHE-HUG.
    """
    within = reverse_energy(evidence, kind)
    return _gap(evidence, kind, hug.energy_s2(evidence, kind), within.value, sign=-1)


def mhs(evidence: Evidence, kind: str) -> Measured:
    """Is the closest pair of the {points} further apart than classes are wide?
    Formula: alpha min rho - beta (mean over classes of the largest |x - p|).
    Convention: as hug.mhe; min rho is hug.separation, 0 where two points coincide. One stray
    sample decides the width of its class.
    Undefined when: hug.separation or hug.reverse_energy is.
    Reference: Liu et al. 2023, MHS-HUG.
    """
    largest = known(closeness_of(evidence, kind).largest)
    return _gap(evidence, kind, hug.separation(evidence, kind), float(largest.mean()))


def mgd(evidence: Evidence, kind: str) -> Measured:
    """Do the {points} take much room on the sphere, and the samples of a class little?
    Formula: alpha log det exp(-rho^2) - beta (mean over classes of log det of
    [exp(-|x_i - x_j|^2) + 0.000001 if i = j], over the samples and their point).
    Convention: as hug.mhe. Without the jitter on its diagonal the second determinant would be 0 at
    perfect collapse. It shrinks with the number of samples: compare only runs that have the same.
    At most 256 samples per class, chosen by --seed, fewer where memory or time is short: the
    details say how many, and what a collapsed class would give.
    Undefined when: hug.logdet or hug.reverse_energy is, or --memory cannot hold the samples.
    Reference: Liu et al. 2023, MGD-HUG.
    """
    from nctool.statistics.crowding import JITTER

    closeness_of(evidence, kind)
    choice = _choice(evidence)
    logs = _within(evidence).log_determinants[kind]
    kept = known(evidence.count).clamp(max=choice.most)
    collapsed = (kept + 1 + JITTER).log() + kept * math.log(JITTER)
    found = _gap(evidence, kind, hug.logdet(evidence, kind), float(logs.mean()))
    details = {
        **known(found.details),
        "jitter": JITTER,
        "within_at_collapse": float(collapsed.mean()),
        **_sampling(evidence, choice),
    }
    return Measured(found.value, details=details, flags=found.flags)


@metric(
    "hug.alignment",
    title="Squared distance of two samples of a class",
    definition="mean over classes of the mean over pairs of |x_i - x_j|^2, x = h/|h|",
    need=Need.SAMPLES | Need.UNIT_MEANS | Need.UNIT_SCATTER,
    invariant="rotate scale relabel",
)
def alignment(evidence: Evidence) -> Measured:
    """How differently do two samples of the same class point?
    Formula: mean over classes of the mean over pairs of |x_i - x_j|^2, x = h/|h|.
    Convention: exact, from 2/(n-1) times the sum of |x_i - mean x|^2. Not centred. Every class of
    two samples or more weighs the same. Per class: the mean over its pairs. From 0 to 4.
    Undefined when: there is one class, every class has one sample, or a feature is zero.
    Reference: Wang & Isola 2020, alignment, with classes for positive pairs.
    """
    several, here = _with_pairs(evidence)
    scatter = known(_within(evidence).unit_scatter)[several]
    values = 2 * scatter / (known(evidence.count)[several] - 1)
    return Measured(
        float(values.mean()),
        per_class=values,
        classes=here,
        null_value=2.0,
        noise_floor=2 * _relative_rounding(evidence),
        details=_singles(evidence, here),
    )


@metric(
    "hug.pair_distance",
    title="Distance of two samples of a class",
    definition="mean over classes of the mean over pairs of |x_i - x_j|, x = h/|h|",
    need=Need.SAMPLES | Need.SAMPLE_PAIRS,
    invariant="rotate scale relabel",
)
def pair_distance(evidence: Evidence) -> Measured:
    """How far apart on the sphere are two samples of the same class?
    Formula: mean over classes of the mean over pairs of |x_i - x_j|, x = h/|h|.
    Convention: not centred. Every class of two samples or more weighs the same. Exact for classes
    of at most 256 samples; of larger ones so many are chosen by --seed, and the interval holds
    the value of all of them with 95 percent confidence. Per class: the mean over these pairs.
    From 0 to 2.
    Undefined when: there is one class, every class has one sample, a feature is zero, or --memory
    cannot hold a few samples of each class.
    Reference: Liu et al. 2023, reverse energy over all pairs of a class (Riesz, s = -1).
    """
    several, here = _with_pairs(evidence)
    choice = _choice(evidence)
    found = known(_within(evidence).pairs)
    values = found.mean[several]
    value = float(values.mean())
    error = CONFIDENT * math.sqrt(float(found.variance[several].sum())) / len(values)
    details = _sampling(evidence, choice)
    return Measured(
        value,
        per_class=values,
        classes=here,
        null_value=random_energy(evidence.dim, -1),
        noise_floor=math.sqrt(2 * _relative_rounding(evidence)),
        ci=(max(value - error, 0.0), value + error) if details["sampled"] else None,
        details=details | (_singles(evidence, here) or {}),
    )


def closeness_of(evidence: Evidence, kind: str) -> Closeness:
    """Distances of the samples to the points, where all of them have a direction."""
    if kind == "means":
        points(evidence, kind)
    found = _within(evidence).closeness[kind]
    present = set(evidence.present)
    zero = tuple(one for one in evidence.zero_weights if one in present)
    if kind == "weights" and zero:
        every = tuple(range(len(evidence.names)))
        raise Undefined(f"classifier row {named(evidence, zero, every)} is zero: no direction")
    _all_have_directions(found.lost, "at the global mean" if kind == "means" else "of zeros")
    return found


def _all_have_directions(lost: int, where: str) -> None:
    if lost:
        verb = "has" if lost == 1 else "have"
        raise Undefined(f"{count(lost, 'feature')} {where} {verb} no direction")


def _within(evidence: Evidence) -> Within:
    return known(answers(evidence).within)


def _gap(
    evidence: Evidence, kind: str, between: Measured, within: float, sign: int = 1
) -> Measured:
    """alpha * between - beta * within; at best ``within`` is zero."""
    convention = evidence.convention
    alpha, beta = convention.alpha, convention.beta
    best = between.best_known
    if best is not None:
        best = Reference(sign * alpha * best.value, best.source)
    return Measured(
        sign * alpha * between.value - beta * within,
        best_known=best,
        details={"alpha": alpha, "beta": beta, "between": between.value, "within": within},
        flags=sample_flags(evidence) if kind == "means" else (),
    )


def _with_pairs(evidence: Evidence) -> tuple[Tensor, tuple[int, ...]]:
    """Which classes have two samples or more, features all having a direction."""
    _all_have_directions(_within(evidence).closeness["weights"].lost, "of zeros")
    several = known(evidence.count) > 1
    if not bool(several.any()):
        raise Undefined("every class has one sample: there are no pairs")
    pairs = zip(evidence.present, several.tolist(), strict=True)
    return several, tuple(one for one, enough in pairs if enough)


def _singles(evidence: Evidence, here: tuple[int, ...]) -> dict[str, object] | None:
    """How many classes are left out for having one sample."""
    left = evidence.classes - len(here)
    return {"single_sample_classes": left} if left else None


def _choice(evidence: Evidence) -> Choice:
    choice = _within(evidence).choice
    if choice is None:
        raise Undefined(
            f"a few samples of each of {count(evidence.classes, 'class', 'classes')} do not fit a "
            "quarter of --memory: raise it"
        )
    return choice


def _sampling(evidence: Evidence, choice: Choice) -> dict[str, object]:
    """How many classes were sampled, how finely, and why not more."""
    sampled = int((known(evidence.count) > choice.most).sum())
    details: dict[str, object] = {"sampled": sampled, "per_class": choice.most}
    return details | ({"limited_by": choice.limit} if choice.limit else {})


def _relative_rounding(evidence: Evidence) -> float:
    """Mean squared rounding error of a stored feature, as a share of its squared length."""
    storage = known(evidence.feature_storage)
    return storage.rounding / storage.mean_square


def _noise(evidence: Evidence, kind: str) -> float:
    """Distance to the anchor that storage rounding alone would give."""
    rounding = known(evidence.feature_storage).rounding
    if kind == "means":
        return math.sqrt(rounding * float(points(evidence, kind).pairs.norms.pow(-2).mean()))
    head = known(evidence.weight_storage)
    return math.sqrt(_relative_rounding(evidence) + head.rounding / head.mean_square)


GAPS: tuple[tuple[Callable[[Evidence, str], Measured], Need, str, str], ...] = (
    (mhe, Need.ANCHORS, "Energy gap", "-alpha E_2 - beta mean distance to the own point"),
    (mhs, Need.ANCHORS, "Separation gap", "alpha min rho - beta largest distance to the own point"),
    (mgd, Need.ANCHORS | Need.KERNELS, "Determinant gap", "alpha log det - beta log det within"),
)

METRICS: tuple[Metric, ...] = (
    *on_points(
        "hug.reverse_energy",
        title="Distance to the own direction",
        definition="mean over classes of the mean of |x - p|, both of length one",
        function=reverse_energy,
        also=Need.SAMPLES | Need.ANCHORS,
    ),
    alignment,
    pair_distance,
    *(
        one
        for function, need, title, definition in GAPS
        for one in on_points(
            f"hug.{function.__name__}",
            title=title,
            definition=definition,
            function=function,
            ideal=None,
            toward="up",
            also=Need.SAMPLES | need,
        )
    ),
)
