"""Class imbalance: the geometry that unequal class sizes call for, and minority collapse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from nctool.facts.names import class_list
from nctool.metrics.metric import Measured, Undefined, metric, on_points
from nctool.metrics.shared import defined, gram_noise, require
from nctool.report import Reference

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.samples import Sizes
    from nctool.geometry.points import Points
    from nctool.geometry.seli import Target
    from nctool.settings.conventions import Convention

EVERYTHING = "rotate shift scale relabel"


@on_points(
    "nc2.seli_deviation",
    title="Distance of the Gram matrix from the best for unequal classes",
    definition="|G/|G|_F - S/|S|_F|_F, S of simplex-encoded labels",
    weights_invariant=EVERYTHING,
)
def seli_deviation(
    framed_points: Tensor,
    points: Points,
    unequal_counts: Tensor,
    seli_targets: tuple[Target, Target],
    sizes: Sizes,
    point_flags: tuple[str, ...],
    convention: Convention,
) -> Measured:
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

    target = _target(seli_targets, points)
    value = deviation(framed_points, target)
    if value is None:
        raise Undefined("the classifier rows of these classes are all zero")
    return Measured(
        value,
        floor=target.floor(framed_points.shape[1]),
        null_value=_null_deviation(target, points, unequal_counts, sizes.dim, convention),
        null_source="formula: mean square of a Wishart matrix",
        noise_floor=gram_noise(framed_points, points.storage),
        flags=point_flags,
    )


@metric(
    "nc3.seli_deviation",
    title="Distance of the logits from simplex-encoded labels",
    definition="|L/|L|_F - Z/|Z|_F|_F, L the centred logits of collapsed samples",
    of="weights",
)
def dual_deviation(
    between: float,
    unequal_counts: Tensor,
    framed_points: Tensor,
    centred_means: Tensor,
    sizes: Sizes,
    seli_targets: tuple[Target, Target] | Undefined,
) -> Measured:
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

    value = logit_deviation(framed_points, centred_means, unequal_counts)
    if value is None:
        raise Undefined("W M' is zero")
    floor = 0.0
    if sizes.classes > sizes.dim + 1:
        floor = defined(seli_targets)[0].floor(sizes.dim)
    return Measured(
        value, floor=floor, null_value=math.sqrt(2), null_source="exact: directions at random"
    )


@on_points(
    "imbalance.minority_cosine",
    title="Mean cosine between small classes",
    definition="mean cosine over pairs of small classes",
    ideal=None,
    # What the best geometry raises in class means it lowers in rows, and the other way round.
    weights_toward="up",
    weights_invariant=EVERYTHING,
)
def minority_cosine(
    present_points: Tensor,
    points: Points,
    unequal_counts: Tensor,
    present: tuple[int, ...],
    class_names: tuple[str, ...],
    sizes: Sizes,
    seli_targets: tuple[Target, Target] | Undefined,
) -> Measured:
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
    rows, small = present_points, _small(unequal_counts)
    if int(small.sum()) < 2:
        raise Undefined("only one class is small: no pairs")
    lengths = rows.norm(dim=1)
    zero = (small & (lengths == 0)).nonzero().flatten().tolist()
    if zero:
        named = class_list(class_names, [present[row] for row in zero])
        raise Undefined(f"small class {named} has length zero: no direction")
    large = ~small & (lengths > 0)
    return Measured(
        require(_mean_cosine(rows[small], lengths[small])),
        best_known=_best(seli_targets, points, sizes, lambda best: best.mean_cosine(small)),
        null_value=None if points.centred else 0.0,
        null_source=None if points.centred else "exact: directions at random",
        details={
            "small_classes": int(small.sum()),
            "large_classes": int((~small).sum()),
            "large_cosine": _mean_cosine(rows[large], lengths[large]),
        },
    )


@on_points(
    "imbalance.norm_ratio",
    title="Length of small classes over that of large ones",
    definition="mean norm of small classes / mean norm of large ones",
    ideal=None,
    toward="up",
    weights_toward="down",
    weights_invariant=EVERYTHING,
)
def norm_ratio(
    present_points: Tensor,
    points: Points,
    unequal_counts: Tensor,
    sizes: Sizes,
    seli_targets: tuple[Target, Target] | Undefined,
) -> Measured:
    """Are small classes shorter than large ones ({points})?
    Formula: mean length over small classes / mean length over the others; a class is small if it
    has at most sqrt(largest * smallest) samples.
    Convention: the best geometry for these sizes (nc2.seli_deviation) has shorter classifier rows
    and longer class means for small classes; its own number stands beside where K <= d+1.
    Undefined when: the largest class has at most 1.5 times the samples of the smallest, there is
    one class, or the points of all large classes are zero.
    Reference: Thrampoulidis, Kini, Vakilian & Behnia 2022; Fang, He, Long & Su 2021.
    """
    small = _small(unequal_counts)
    lengths = present_points.norm(dim=1)
    short, long = float(lengths[small].mean()), float(lengths[~small].mean())
    if long == 0.0:
        raise Undefined("all large classes have length zero")
    return Measured(
        short / long,
        best_known=_best(seli_targets, points, sizes, lambda best: best.norm_ratio(small)),
        null_value=None if points.centred else 1.0,
        null_source=None if points.centred else "exact: lengths alike",
        details={
            "small_classes": int(small.sum()),
            "large_classes": int((~small).sum()),
            "small_norm": short,
            "large_norm": long,
        },
    )


def _small(counts: Tensor) -> Tensor:
    """The classes below the geometric middle of the sizes."""
    whole = counts.long()
    return whole * whole <= whole.min() * whole.max()


def _target(targets: tuple[Target, Target], points: Points) -> Target:
    rows, means = targets
    return means if points.centred else rows


def _best(
    targets: tuple[Target, Target] | Undefined,
    points: Points,
    sizes: Sizes,
    of: Callable[[Target], float],
) -> Reference | None:
    """A number of the best geometry for these sizes, where that fits into the dimensions."""
    if sizes.classes > sizes.dim + 1 or isinstance(targets, Undefined):
        return None
    value = of(_target(targets, points))
    return Reference(value, "exact: SELI geometry of these class sizes")


def _mean_cosine(rows: Tensor, lengths: Tensor) -> float | None:
    count = len(rows)
    total = (rows / lengths[:, None]).sum(0)
    return (float(total.square().sum()) - count) / (count * (count - 1)) if count > 1 else None


def _null_deviation(
    target: Target, points: Points, counts: Tensor, dim: int, convention: Convention
) -> float:
    """Of Gaussian points: rows that are all alike, or means of so many samples each, centred."""
    from nctool.geometry.seli import null_deviation

    noise = 1 / counts if points.centred else counts.new_ones(len(counts))
    share = counts / counts.sum()
    if not points.centred:
        share = share * 0
    elif convention.center == "balanced":
        share = share.new_full((len(counts),), 1 / len(counts))
    return null_deviation(target, dim, noise, share)
