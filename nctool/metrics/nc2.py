"""NC2: do the class means, and the classifier rows, become a simplex?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nctool.geometry import nulls, optima
from nctool.metrics.metric import Measured, Undefined, on_points
from nctool.metrics.shared import along, gram_noise, require

if TYPE_CHECKING:
    from nctool.geometry.nulls import Null
    from nctool.geometry.pairs import Pairs
    from nctool.geometry.points import Points
    from nctool.settings.conventions import Convention


@on_points("nc2.norm_cv", title="Spread of lengths", definition="std / mean of the norms")
def norm_cv(points: Points, convention: Convention, point_flags: tuple[str, ...]) -> Measured:
    """Are the {points} equally long?
    Formula: standard deviation of the K lengths over their mean.
    Convention: sample standard deviation (divisor K-1), as the original notebook. Profile
    wu-papyan takes it of the logarithms of the lengths. Per class: the length itself; the least
    collapsed is furthest from the mean length, and how far, as a share of it, is shown.
    Undefined when: there are fewer than two points, or all are zero.
    Reference: Papyan, Han & Donoho 2020, equinorm.
    """
    norms = points.norms
    measured = norms.log() if convention.log_norms else norms
    mean = float(measured.mean())
    if mean == 0.0:
        raise Undefined("the mean of the log lengths is zero")
    plain = not convention.log_norms
    return Measured(
        float(measured.std(correction=1)) / mean,
        per_class=norms,
        apart=(norms / norms.mean() - 1).abs(),
        classes=points.classes,
        noise_floor=along(points) / float(norms.mean()) if plain else None,
        flags=point_flags,
    ).beside(_null_norm_cv(points) if plain else None)


@on_points("nc2.cos_std", title="Spread of angles", definition="std of pairwise cosines")
def cos_std(directed: Points, pairs: Pairs, point_flags: tuple[str, ...]) -> Measured:
    """Are all angles between the {points} the same?
    Formula: standard deviation of the cosines over all pairs.
    Convention: divisor: the number of pairs. Above K = d+1 centred points of equal length cannot
    reach zero: their least is sqrt(K (K-1-d) / d) / (K-1), attained by tight frames.
    Undefined when: there are fewer than two points, or one has length zero.
    Reference: Papyan, Han & Donoho 2020, equiangularity.
    """
    return Measured(
        require(pairs.cosine_std),
        noise_floor=_angle_noise(directed),
        flags=point_flags,
    ).beside(nulls.cosine_std(*directed.shape, directed.centred, directed.sizes))


@on_points(
    "nc2.angle_gap",
    title="Distance of angles from the simplex angle",
    definition="mean |cos + 1/(K-1)| over pairs",
)
def angle_gap(directed: Points, pairs: Pairs, point_flags: tuple[str, ...]) -> Measured:
    """Are all angles between the {points} as wide as a simplex has them?
    Formula: mean over pairs of |cos + 1/(K-1)|.
    Convention: the absolute value is inside: the mean without it is zero for any equal-length
    centred points. Per class: the mean over the other classes.
    Undefined when: there are fewer than two points, or one has length zero.
    Reference: Papyan, Han & Donoho 2020, maximal angle.
    """
    return Measured(
        require(pairs.angle_gap),
        per_class=require(pairs.class_gap),
        classes=directed.classes,
        noise_floor=_angle_noise(directed) * math.sqrt(2 / math.pi),
        flags=point_flags,
    ).beside(nulls.angle_gap(*directed.shape, directed.centred, directed.sizes))


@on_points(
    "nc2.etf_deviation",
    title="Distance of the Gram matrix from a simplex",
    definition="|G/|G|_F - T_K|_F",
)
def etf_deviation(
    points: Points,
    simplex_deviation: float,
    convention: Convention,
    point_flags: tuple[str, ...],
) -> Measured:
    """How far is the Gram matrix of the {points} from that of a simplex equiangular tight frame?
    Formula: |G/|G|_F - T_K|_F, G = X X', T_K = (I - 11'/K)/sqrt(K-1).
    Convention: profile zhou removes the mean row from W first. Above K = d+1 no set of points
    reaches zero: the floor is sqrt(2 - 2 sqrt(d/(K-1))). At most sqrt(2).
    Undefined when: there are fewer than two points, or all are zero.
    Reference: Zhu et al. 2021 (on W); Kothapalli 2023 (on the means).
    """
    count, dim = points.shape
    return Measured(
        simplex_deviation,
        floor=optima.etf_floor(count, dim),
        noise_floor=gram_noise(points.vectors, points.storage),
        flags=point_flags,
    ).beside(
        nulls.etf_deviation(count, dim, points.centred or convention.center_weights, points.sizes)
    )


@on_points(
    "nc2.max_cos",
    title="Largest pairwise cosine",
    definition="max cosine over pairs",
    ideal=None,
)
def max_cos(directed: Points, pairs: Pairs, point_flags: tuple[str, ...]) -> Measured:
    """The two {points} that are hardest to tell apart by direction.
    Formula: largest cosine over all pairs (the Tammes problem asks for the least possible).
    Convention: the ideal depends on K and d: -1/(K-1) up to K = d+1, 0 up to K = 2d, and beyond
    that it is only bounded or best found. Per class: the largest cosine to another class.
    Undefined when: there are fewer than two points, or one has length zero.
    Reference: Rankin 1955; Jiang et al. 2024 (one-vs-one distance).
    """
    return Measured(
        require(pairs.max_cosine),
        per_class=require(pairs.class_max_cosine),
        classes=directed.classes,
        best_known=optima.max_cosine(*directed.shape),
        flags=point_flags,
    ).beside(nulls.max_cosine(*directed.shape, directed.centred, directed.sizes))


def _angle_noise(points: Points) -> float:
    """Rounding error of a cosine: both points, each across its own direction."""
    return along(points) * math.sqrt(2 * float(points.norms.pow(-2).mean()))


def _null_norm_cv(points: Points) -> Null:
    """Spread of the length of a Gaussian vector (chi distribution), seen in K of them."""
    count, dim = points.shape
    mean = math.sqrt(2) * math.exp(math.lgamma((dim + 1) / 2) - math.lgamma(dim / 2))
    value = math.sqrt(max(dim / mean**2 - 1, 0.0))
    null = nulls.Null(value, value / math.sqrt(2 * (count - 1)), "formula: chi distribution")
    return null.of_equal(points.sizes)
