"""Class imbalance: the geometry that unequal class sizes call for, and minority collapse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from nctool.engine.evidence import Evidence, Need, Storage
from nctool.metrics.metric import Measured, Metric, Undefined, metric, on_points
from nctool.metrics.shared import (
    SAMPLE_LIMITED,
    between_classes,
    known,
    named,
    points,
    several_classes,
    understatement,
)
from nctool.report import Reference

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.geometry.seli import Target

BALANCED = 1.5
"""Up to this ratio of the largest class to the smallest the simplex is the reference."""
EVERYTHING = "rotate shift scale relabel"


def seli_deviation(evidence: Evidence, kind: str) -> Measured:
    """How far is the Gram matrix from the best one for classes of these sizes ({points})?
    Formula: |G/|G|_F - S/|S|_F|_F, G = X X'. Simplex-encoded labels Z = A Y' = V L U',
    A = I - 11'/K, have a column per sample; S is V L V' for classifier rows and U L U', one row
    and one column per class, for class means.
    Convention: classes without a sample are left out; profile zhou removes the mean row from W
    first. For classes of equal size this would be nc2.etf_deviation. Above K = d+1 no set of
    points reaches zero: the floor is that of the best one of rank d.
    Undefined when: the largest class has at most 1.5 times the samples of the smallest, there is
    one class, all points are zero, or the reference takes more than --memory.
    Reference: Thrampoulidis, Kini, Vakilian & Behnia 2022, SELI.
    """
    from nctool.geometry.seli import deviation

    rows = _of_present(evidence, kind)
    counts = unequal_sizes(evidence)
    if kind == "weights" and evidence.convention.center_weights:
        rows = rows - rows.mean(0)
    target = _target(evidence, kind)
    value = deviation(rows, target)
    if value is None:
        raise Undefined("the classifier rows of these classes are all zero")
    storage = evidence.feature_storage if kind == "means" else evidence.weight_storage
    few = understatement(evidence) if kind == "means" else 0.0
    return Measured(
        value,
        floor=target.floor(rows.shape[1]),
        null_value=_null_deviation(evidence, kind, counts),
        noise_floor=_rounding(rows, known(storage)),
        flags=(SAMPLE_LIMITED,) if few is not None and few > 0.5 else (),
    )


@metric(
    "nc3.seli_deviation",
    title="Distance of the logits from simplex-encoded labels",
    definition="|L/|L|_F - Z/|Z|_F|_F, L the centred logits of collapsed samples",
    need=Need.SAMPLES | Need.HEAD | Need.MEAN_PAIRS | Need.WEIGHT_PAIRS,
)
def dual_deviation(evidence: Evidence) -> Measured:
    """Are the logits of collapsed samples those of simplex-encoded labels, class sizes and all?
    Formula: |L/|L|_F - Z/|Z|_F|_F, L = W M' Y' and Z = A Y', A = I - 11'/K: a column for every
    sample, where every sample stands at its class mean.
    Convention: classes without a sample are left out; profile zhou removes the mean row from W
    first. With one column per class instead it is nc3.etf_deviation. Above K = d+1 the floor is
    that of the best logits of rank d.
    Undefined when: the largest class has at most 1.5 times the samples of the smallest, there is
    one class, all class means coincide, or W M' is zero.
    Reference: Thrampoulidis, Kini, Vakilian & Behnia 2022, SELI.
    """
    from nctool.geometry.seli import logit_deviation

    between_classes(evidence)
    counts = unequal_sizes(evidence)
    rows, means = (_of_present(evidence, kind) for kind in ("weights", "means"))
    if evidence.convention.center_weights:
        rows = rows - rows.mean(0)
    value = logit_deviation(rows, means, counts)
    if value is None:
        raise Undefined("W M' is zero")
    floor = 0.0
    if evidence.classes > evidence.dim + 1:
        floor = _target(evidence, "weights").floor(evidence.dim)
    return Measured(value, floor=floor, null_value=math.sqrt(2))


def minority_cosine(evidence: Evidence, kind: str) -> Measured:
    """Do small classes point the same way, so that they cannot be told apart ({points})?
    Formula: mean cosine over all pairs of small classes; a class is small if it has at most
    sqrt(largest * smallest) samples.
    Convention: 1 is minority collapse. In the best geometry for these sizes (nc2.seli_deviation)
    the rows of small classes draw nearer than a simplex has them, and their means move apart; its
    own number stands beside where K <= d+1. A larger one for rows is more than that.
    Undefined when: the largest class has at most 1.5 times the samples of the smallest, fewer
    than two classes are small, or a small class has length zero.
    Reference: Fang, He, Long & Su 2021, minority collapse.
    """
    rows = _of_present(evidence, kind)
    small = _small(unequal_sizes(evidence))
    if int(small.sum()) < 2:
        raise Undefined("only one class is small: no pairs")
    lengths = rows.norm(dim=1)
    zero = (small & (lengths == 0)).nonzero().flatten().tolist()
    if zero:
        raise Undefined(
            f"small class {named(evidence, tuple(zero), evidence.present)} has length zero: "
            "no direction"
        )
    large = ~small & (lengths > 0)
    return Measured(
        known(_mean_cosine(rows[small], lengths[small])),
        best_known=_best(evidence, kind, lambda best: best.mean_cosine(small)),
        null_value=0.0 if kind == "weights" else None,
        details={
            "small_classes": int(small.sum()),
            "large_classes": int((~small).sum()),
            "large_cosine": _mean_cosine(rows[large], lengths[large]),
        },
    )


def norm_ratio(evidence: Evidence, kind: str) -> Measured:
    """Are small classes shorter than large ones ({points})?
    Formula: mean length over small classes / mean length over the others; a class is small if it
    has at most sqrt(largest * smallest) samples.
    Convention: the best geometry for these sizes (nc2.seli_deviation) has shorter classifier rows
    and longer class means for small classes; its own number stands beside where K <= d+1.
    Undefined when: the largest class has at most 1.5 times the samples of the smallest, there is
    one class, or the points of all large classes are zero.
    Reference: Thrampoulidis, Kini, Vakilian & Behnia 2022; Fang, He, Long & Su 2021.
    """
    rows = _of_present(evidence, kind)
    small = _small(unequal_sizes(evidence))
    lengths = rows.norm(dim=1)
    short, long = float(lengths[small].mean()), float(lengths[~small].mean())
    if long == 0.0:
        raise Undefined("all large classes have length zero")
    return Measured(
        short / long,
        best_known=_best(evidence, kind, lambda best: best.norm_ratio(small)),
        null_value=1.0 if kind == "weights" else None,
        details={
            "small_classes": int(small.sum()),
            "large_classes": int((~small).sum()),
            "small_norm": short,
            "large_norm": long,
        },
    )


def unequal_sizes(evidence: Evidence) -> Tensor:
    """How many samples each present class has, if that differs enough to matter."""
    counts = known(evidence.count)
    if float(counts.max()) <= BALANCED * float(counts.min()):
        raise Undefined(
            "class sizes are within a factor of 1.5: that counts as balanced, and the simplex "
            "is the reference"
        )
    return counts


def _small(counts: Tensor) -> Tensor:
    """The classes below the geometric middle of the sizes."""
    whole = counts.long()
    return whole * whole <= whole.min() * whole.max()


def _of_present(evidence: Evidence, kind: str) -> Tensor:
    """The points of classes that have samples, in their order."""
    several_classes(evidence)
    chosen = points(evidence, kind, directions=False)
    if chosen.classes == evidence.present:
        return chosen.vectors
    return chosen.vectors[list(evidence.present)]


def _target(evidence: Evidence, kind: str) -> Target:
    """The best geometry for these sizes, computed once."""
    from nctool.geometry import seli

    counts = known(evidence.count)
    sizes = seli.different(counts)
    if sizes > seli.MOST_SIZES:
        raise Undefined(
            f"classes of {sizes:,} different sizes: their reference takes a singular value "
            f"decomposition that is done up to {seli.MOST_SIZES:,}"
        )
    needed = seli.memory_needed(sizes)
    if needed > evidence.budget.memory:
        raise Undefined(
            f"classes of {sizes:,} different sizes: their reference takes "
            f"{needed / 2**20:,.0f} MiB, more than --memory allows"
        )
    both = evidence.once("seli", lambda: seli.targets(counts))
    return both[0] if kind == "weights" else both[1]


def _best(evidence: Evidence, kind: str, of: Callable[[Target], float]) -> Reference | None:
    """A number of the best geometry for these sizes, where that fits into the dimensions."""
    if evidence.classes > evidence.dim + 1:
        return None
    try:
        return Reference(of(_target(evidence, kind)), "exact: SELI geometry of these class sizes")
    except Undefined:
        return None


def _mean_cosine(rows: Tensor, lengths: Tensor) -> float | None:
    count = len(rows)
    total = (rows / lengths[:, None]).sum(0)
    return (float(total.square().sum()) - count) / (count * (count - 1)) if count > 1 else None


def _rounding(rows: Tensor, storage: Storage) -> float:
    """Storage rounding of the points, seen in their Gram matrix of norm one."""
    from nctool.geometry.seli import gram_norm

    size = float(rows.abs().max())
    scaled = rows / size
    along = math.sqrt(storage.rounding / storage.dim) / size
    return along * math.sqrt(2 * len(rows)) * float(scaled.norm()) / gram_norm(scaled)


def _null_deviation(evidence: Evidence, kind: str, counts: Tensor) -> float:
    """Of Gaussian points: rows that are all alike, or means of so many samples each, centred."""
    from nctool.geometry.seli import null_deviation

    noise = counts.new_ones(len(counts)) if kind == "weights" else 1 / counts
    share = counts / counts.sum()
    if kind == "weights":
        share = share * 0
    elif evidence.convention.center == "balanced":
        share = share.new_full((len(counts),), 1 / len(counts))
    return null_deviation(_target(evidence, kind), evidence.dim, noise, share)


def _opposed(means: Metric, weights: Metric) -> tuple[Metric, Metric]:
    """What the best geometry raises in class means it lowers in rows, and the other way round."""
    return means, replace(weights, toward_collapse=means.worst_is, worst_is=means.toward_collapse)


METRICS = (
    *on_points(
        "nc2.seli_deviation",
        title="Distance of the Gram matrix from the best for unequal classes",
        definition="|G/|G|_F - S/|S|_F|_F, S of simplex-encoded labels",
        function=seli_deviation,
        also=Need.SAMPLES,
        weights_invariant=EVERYTHING,
    ),
    dual_deviation,
    *_opposed(
        *on_points(
            "imbalance.minority_cosine",
            title="Mean cosine between small classes",
            definition="mean cosine over pairs of small classes",
            function=minority_cosine,
            ideal=None,
            also=Need.SAMPLES,
            weights_invariant=EVERYTHING,
        )
    ),
    *_opposed(
        *on_points(
            "imbalance.norm_ratio",
            title="Length of small classes over that of large ones",
            definition="mean norm of small classes / mean norm of large ones",
            function=norm_ratio,
            ideal=None,
            toward="up",
            also=Need.SAMPLES,
            weights_invariant=EVERYTHING,
        )
    ),
)
