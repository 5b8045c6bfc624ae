"""HUG within classes: how tight is each class on the sphere, and how much tighter than the classes
are spread?

The three gaps weigh both against each other, as the objectives they come from do.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from nctool.geometry import nulls
from nctool.metrics import hug
from nctool.metrics.metric import Measured, metric, on_points
from nctool.metrics.shared import require
from nctool.report import Reference

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.pairs import Coincident
    from nctool.facts.samples import Sizes
    from nctool.geometry.determinant import LogDeterminant
    from nctool.geometry.energy import Energies
    from nctool.geometry.nulls import Null
    from nctool.geometry.points import Points, Storage
    from nctool.settings.conventions import Convention
    from nctool.statistics.closeness import Closeness
    from nctool.statistics.kept_samples import Choice
    from nctool.statistics.within_class import PairDistances

CONFIDENT = 1.959964
"""Standard errors to either side that hold 95 percent of a normal distribution."""


@on_points(
    "hug.reverse_energy",
    title="Distance to the own direction",
    definition="mean over classes of the mean of |x - p|, both of length one",
)
def reverse_energy(
    sizes: Sizes,
    closeness: Closeness,
    all_points: Points,
    feature_storage: Storage,
    class_counts: Tensor,
    centred_flags: tuple[str, ...],
) -> Measured:
    """How far do the samples of a class point away from their own among the {points}?
    Formula: mean over classes of the mean over samples of |x - p|, x and p scaled to length one.
    Convention: features are centred as the points are: means: (h - mu_G)/|h - mu_G| against
    m_c/|m_c|; weights: h/|h| against w_c/|w_c|. Every class weighs the same. From 0 to 2. Per
    class: the mean over its samples.
    Undefined when: there is one class, or a sample or one of the points has no direction.
    Reference: Liu et al. 2023, hyperspherical reverse energy, as in the code of MHE-HUG.
    """
    means = require(closeness.total) / class_counts
    null = nulls.own_distance(sizes.dim, class_counts.cpu().numpy(), all_points.centred)
    return Measured(
        float(means.mean()),
        per_class=means,
        noise_floor=_noise(all_points, feature_storage),
        flags=centred_flags,
    ).beside(null)


@metric(
    "hug.alignment",
    title="Squared distance of two samples of a class",
    definition="mean over classes of the mean over pairs of |x_i - x_j|^2, x = h/|h|",
    invariant="rotate scale relabel",
)
def alignment(
    classes_with_pairs: Tensor,
    unit_scatter: Tensor,
    class_counts: Tensor,
    present: tuple[int, ...],
    feature_storage: Storage,
) -> Measured:
    """How differently do two samples of the same class point?
    Formula: mean over classes of the mean over pairs of |x_i - x_j|^2, x = h/|h|.
    Convention: exact, from 2/(n-1) times the sum of |x_i - mean x|^2. Not centred. Every class of
    two samples or more weighs the same. Per class: the mean over its pairs. From 0 to 4.
    Undefined when: there is one class, every class has one sample, or a feature is zero.
    Reference: Wang & Isola 2020, alignment, with classes for positive pairs.
    """
    several = classes_with_pairs
    values = 2 * unit_scatter[several] / (class_counts[several] - 1)
    classes = _named(several, present)
    return Measured(
        float(values.mean()),
        per_class=values,
        classes=classes,
        noise_floor=2 * feature_storage.relative_rounding,
        details=_singles(present, classes),
    ).beside(_over_pairs(2.0, 4 / feature_storage.dim, class_counts[several]))


@metric(
    "hug.pair_distance",
    title="Distance of two samples of a class",
    definition="mean over classes of the mean over pairs of |x_i - x_j|, x = h/|h|",
    invariant="rotate scale relabel",
)
def pair_distance(
    sizes: Sizes,
    classes_with_pairs: Tensor,
    kept_choice: Choice,
    pair_distances: PairDistances,
    class_counts: Tensor,
    present: tuple[int, ...],
    feature_storage: Storage,
) -> Measured:
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
    several = classes_with_pairs
    values = pair_distances.mean[several]
    value = float(values.mean())
    mean = require(nulls.random_level(-1, sizes.dim))
    error = CONFIDENT * math.sqrt(float(pair_distances.variance[several].sum())) / len(values)
    details = _sampling(class_counts, kept_choice)
    classes = _named(several, present)
    return Measured(
        value,
        per_class=values,
        classes=classes,
        noise_floor=math.sqrt(2 * feature_storage.relative_rounding),
        ci=(max(value - error, 0.0), value + error) if details["sampled"] else None,
        details=details | (_singles(present, classes) or {}),
    ).beside(_over_pairs(mean, 2 - mean**2, class_counts[several].clamp(max=kept_choice.most)))


@on_points(
    "hug.mhe",
    title="Energy gap",
    definition="-alpha E_2 - beta mean distance to the own point",
    ideal=None,
    toward="up",
)
def mhe(
    sizes: Sizes,
    closeness: Closeness,
    directed: Points,
    distinct_energies: Energies,
    class_counts: Tensor,
    convention: Convention,
    centred_flags: tuple[str, ...],
) -> Measured:
    """Are the directions of the {points} spread evenly, and each class close to its own?
    Formula: -alpha E_2 - beta R, E_2 the mean over pairs of 1/rho^2 (hug.energy_s2), R the mean
    distance to the own point (hug.reverse_energy).
    Convention: alpha = beta = 1 unless given. A sum of means, as in the published code; the paper
    sums over pairs. No pair is dropped.
    Undefined when: hug.energy_s2 or hug.reverse_energy is.
    Reference: Liu et al. 2023, MHE-HUG.
    """
    within = float((require(closeness.total) / class_counts).mean())
    between = hug.riesz(directed, distinct_energies, (), 2)
    null = nulls.own_distance(sizes.dim, class_counts.cpu().numpy(), directed.centred)
    return _gap(between, within, null, convention, centred_flags, sign=-1)


@on_points(
    "hug.mhs",
    title="Separation gap",
    definition="alpha min rho - beta largest distance to the own point",
    ideal=None,
    toward="up",
)
def mhs(
    sizes: Sizes,
    closeness: Closeness,
    directed: Points,
    energies: Energies,
    coincident: Coincident,
    class_names: tuple[str, ...],
    class_counts: Tensor,
    convention: Convention,
    centred_flags: tuple[str, ...],
) -> Measured:
    """Is the closest pair of the {points} further apart than classes are wide?
    Formula: alpha min rho - beta (mean over classes of the largest |x - p|).
    Convention: as hug.mhe; min rho is hug.separation, 0 where two points coincide. One stray
    sample decides the width of its class.
    Undefined when: hug.separation or hug.reverse_energy is.
    Reference: Liu et al. 2023, MHS-HUG.
    """
    within = float(require(closeness.largest).mean())
    between = hug.closest(directed, energies, coincident, class_names, ())
    null = nulls.furthest_distance(sizes.dim, class_counts.cpu().numpy(), directed.centred)
    return _gap(between, within, null, convention, centred_flags)


@on_points(
    "hug.mgd",
    title="Determinant gap",
    definition="alpha log det - beta log det within",
    ideal=None,
    toward="up",
)
def mgd(
    sizes: Sizes,
    closeness: Closeness,
    kept_choice: Choice,
    kernels: Tensor,
    directed: Points,
    log_determinant: LogDeterminant,
    class_counts: Tensor,
    convention: Convention,
    centred_flags: tuple[str, ...],
) -> Measured:
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
    from nctool.statistics.within_class import JITTER

    kept = class_counts.clamp(max=kept_choice.most)
    collapsed = (kept + 1 + JITTER).log() + kept * math.log(JITTER)
    between = hug.room(directed, log_determinant, ())
    sizes_by_class, most = class_counts.cpu().numpy(), kept_choice.most
    null = nulls.room_within(sizes.dim, sizes_by_class, most, JITTER, directed.centred)
    gap = _gap(between, float(kernels.mean()), null, convention, centred_flags)
    details = {
        **require(gap.details),
        "jitter": JITTER,
        "within_at_collapse": float(collapsed.mean()),
        **_sampling(class_counts, kept_choice),
    }
    return replace(gap, best_known=None, details=details)


def _gap(
    between: Measured,
    within: float,
    null_within: Null,
    convention: Convention,
    flags: tuple[str, ...],
    sign: int = 1,
) -> Measured:
    """alpha * between - beta * within; at best ``within`` is zero."""
    alpha, beta = convention.alpha, convention.beta
    best = between.best_known
    if best is not None:
        best = Reference(sign * alpha * best.value, best.source)
    null = between.null and between.null.map(sign * alpha).plus(null_within.map(-beta))
    return Measured(
        sign * alpha * between.value - beta * within,
        best_known=best,
        details={"alpha": alpha, "beta": beta, "between": between.value, "within": within},
        flags=flags,
    ).beside(null)


def _over_pairs(mean: float, variance: float, counts: Tensor) -> Null:
    """Of a mean over classes of means over pairs, which are independent two by two."""
    pairs = counts * (counts - 1) / 2
    sd = math.sqrt(variance * float((1 / pairs).sum())) / len(counts)
    return nulls.Null(mean, sd, "exact: law of a cosine")


def _named(several: Tensor, present: tuple[int, ...]) -> tuple[int, ...]:
    pairs = zip(present, several.tolist(), strict=True)
    return tuple(index for index, enough in pairs if enough)


def _singles(present: tuple[int, ...], here: tuple[int, ...]) -> dict[str, object] | None:
    """How many classes are left out for having one sample."""
    left = len(present) - len(here)
    return {"single_sample_classes": left} if left else None


def _sampling(class_counts: Tensor, choice: Choice) -> dict[str, object]:
    """How many classes were sampled, how finely, and why not more."""
    sampled = int((class_counts > choice.most).sum())
    details: dict[str, object] = {"sampled": sampled, "per_class": choice.most}
    return details | ({"limited_by": choice.limit} if choice.limit else {})


def _noise(points: Points, features: Storage) -> float:
    """Distance to the anchor that storage rounding alone would give."""
    if points.centred:
        return math.sqrt(features.rounding * float(points.norms.pow(-2).mean()))
    return math.sqrt(features.relative_rounding + points.storage.relative_rounding)
