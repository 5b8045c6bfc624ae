"""Collapse: how far on the way from structureless (0) to perfect (1), dial by dial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nctool.facts.collapse import SQUARE_OF_RANDOM
from nctool.metrics.metric import Measured, Undefined, metric, on_points
from nctool.metrics.shared import gram_noise

if TYPE_CHECKING:
    from nctool.facts.collapse import Left
    from nctool.facts.samples import Sizes
    from nctool.geometry.points import Points, Storage
    from nctool.statistics.alignment import Misalignment

EVERYTHING = "rotate shift scale relabel"


@metric(
    "collapse.nc1",
    title="Way to NC1: samples on their class mean",
    definition="1 - nc1.within_fraction (N-1)/(N-K)",
    ideal=1.0,
    toward="up",
)
def nc1(left_nc1: Left, between: float, mean_rounding: float) -> Measured:
    """How much of the spread of all features do the classes explain, beyond what classes drawn by
    lot would?
    Formula: 1 - nc1.within_fraction (N-1)/(N-K): the adjusted R^2 of the features by their class.
    Convention: 0 is what labels at random give, 1 every sample on its class mean; few samples a
    class do not flatter it, as they do nc1.trace_ratio.
    Undefined when: there is one class, all class means coincide, or every class has one sample.
    Reference: adjusted R^2 (Ezekiel 1930), here of all coordinates together.
    """
    return _way(left_nc1, mean_rounding / (mean_rounding + between))


@on_points(
    "collapse.nc2",
    title="Way to NC2: a simplex",
    definition="1 - nc2.etf_deviation^2 / (2 - sqrt(2)), of centred points",
    ideal=1.0,
    toward="up",
    weights_invariant=EVERYTHING,
)
def nc2(left_nc2: Left, simplex_points: Points, point_flags: tuple[str, ...]) -> Measured:
    """How near is the Gram matrix of the {points} to that of a simplex?
    Formula: 1 - D^2/(2 - sqrt(2)), D = nc2.etf_deviation; D^2 = 2 - sqrt(2) is that of many random
    points in K-1 dimensions, where a simplex just fits.
    Convention: both class means and rows are centred over classes, since a softmax cannot see what
    all rows share. No width buys the zero: random points in many dimensions are near a simplex, and
    `null_value` says how near. Classes of sizes apart by more than 1.5, in training data, are held
    against the better of simplex and SELI; `details.goal` names it.
    Undefined when: K > d+1 (no simplex fits), there are fewer than two points, or all are the same.
    Reference: Papyan, Han & Donoho 2020; Thrampoulidis et al. 2022 for unequal classes.
    """
    noise = gram_noise(simplex_points.vectors, simplex_points.storage) ** 2 / SQUARE_OF_RANDOM
    return _way(left_nc2, noise, point_flags)


@metric(
    "collapse.nc3",
    title="Way to NC3: rows equal class means",
    definition="cosine of centred W and centred means, each as one vector",
    ideal=1.0,
    toward="up",
)
def nc3(left_nc3: Left, weight_storage: Storage, feature_storage: Storage) -> Measured:
    """Do classifier rows and class means become one, but for a common factor?
    Formula: <W, M>/(|W|_F |M|_F), both centred over classes.
    Convention: |M| is put right by what the sampling error of the means adds to it (at most half of
    its square). Classes of sizes apart by more than 1.5, in training data: divided by the cosine at
    the SELI optimum, and at most 1.
    Undefined when: there is one class, all class means coincide, or all rows are the same.
    Reference: Papyan, Han & Donoho 2020; Thrampoulidis et al. 2022 for unequal classes.
    """
    noise = (weight_storage.relative_rounding + feature_storage.relative_rounding) / 2
    return _way(left_nc3, noise)


@metric(
    "collapse.nc4",
    title="Way to NC4: the head decides as the nearest class mean",
    definition="Cohen's kappa of head and nearest-mean decisions",
    ideal=1.0,
    toward="up",
    invariant="rotate shift relabel",
)
def nc4(left_nc4: Left) -> Measured:
    """How often do head and nearest class mean agree, beyond what they would by chance?
    Formula: (p - q)/(1 - q), p the share of samples where both decide the same (1 - nc4.mismatch),
    q that of two who name classes as often as these do, but independently.
    Convention: as nc4.mismatch; 0 where both always name one and the same class.
    Undefined when: there is one class.
    Reference: Cohen 1960.
    """
    return _way(left_nc4, 0.0)


@on_points(
    "collapse.gnc",
    title="Way to GNC: room of the tightest class",
    definition="(least margin - that of random points) / (best known - that of random points)",
    ideal=1.0,
    toward="up",
)
def gnc(left_gnc: Left, point_flags: tuple[str, ...]) -> Measured:
    """Where between random and the best known code is the least margin of the {points}?
    Formula: (m - r)/(b - r), m = gnc2.margin, r what random points of this K and d have, b the best
    known margin.
    Convention: r is simulated for few points and a fitted law for many; `null_sd` is the spread of
    one draw. Above 1 only where the best known is beaten.
    Undefined when: as gnc2.margin; rows are not scaled to length one; random points leave no room.
    Reference: Jiang et al. 2024, GNC2.
    """
    return _way(left_gnc, 0.0, point_flags)


@on_points(
    "collapse.hug",
    title="Way to HUG: spread over the sphere",
    definition="(E_random - E)/(E_random - E_best), s = 2",
    ideal=1.0,
    toward="up",
)
def hug(left_hug: Left, point_flags: tuple[str, ...]) -> Measured:
    """Where between random and as uniform as possible do the directions of the {points} lie?
    Formula: (E_random - E)/(E_random - E_best), E = hug.energy_s2.
    Convention: E_random is that of random points of this K and d, of centred ones for class means,
    which leaves hardly any room up to K = d+1: `null_sd` says how much one draw fills of it.
    Undefined when: as hug.uniformity.
    Reference: hyperspherical energy of Liu et al. 2023.
    """
    return _way(left_hug, 0.0, point_flags)


@metric(
    "collapse.weakest",
    title="Way to collapse, at its weakest",
    definition="least of the ways to NC1, NC2 (GNC where K > d+1), NC3 and NC4",
    ideal=1.0,
    toward="up",
    invariant="rotate shift relabel",
    of="means",
)
def weakest(
    sizes: Sizes,
    misalignment: Misalignment | None,
    left_nc1: Left,
    left_of_means: Left,
    left_of_rows: Left | None,
    left_nc3: Left | None,
    left_nc4: Left | None,
    point_flags: tuple[str, ...],
) -> Measured:
    """Has this network collapsed? Collapse is a conjunction: the least of its parts says how far.
    Formula: min of collapse.nc1, collapse.nc2.means, collapse.nc2.weights, collapse.nc3 and
    collapse.nc4.
    Convention: where no simplex fits (K > d+1) collapse.gnc takes the place of collapse.nc2. Two
    classes: NC2 holds by definition and is not counted. Without a head only NC1 and the means are.
    Words: COLLAPSED: 0.9 or more. NOT COLLAPSED: under 0.5, and collapse.nc1 under 0.9. PARTLY
    COLLAPSED: everything between. Beyond 0.9 it is read in nines: 0.99 has two, 0.999 three.
    Undefined when: one of the parts is; rows, labels and head rows do not match.
    Reference: Papyan, Han & Donoho 2020, for the four parts.
    """
    if misalignment is not None:
        raise Undefined(f"rows and labels do not match ({misalignment.slug})")
    crowded = sizes.classes > sizes.dim + 1
    geometry = "gnc" if crowded else "nc2"
    left = {"collapse.nc1": left_nc1}
    if sizes.classes > 2:
        left[f"collapse.{geometry}.means"] = left_of_means
        if left_of_rows is not None:
            left[f"collapse.{geometry}.weights"] = left_of_rows
    if left_nc3 is not None:
        left["collapse.nc3"] = left_nc3
    if left_nc4 is not None:
        left["collapse.nc4"] = left_nc4
    furthest = max(left, key=lambda name: left[name].share)
    share = left[furthest].share
    return Measured(
        1 - share,
        details={"left": share, "weakest": furthest, "counted": list(left)},
        # Few samples blur the means and hide how near they are; the other parts allow for it.
        flags=point_flags if furthest.endswith(".means") else (),
    )


def _way(left: Left, noise: float, flags: tuple[str, ...] = ()) -> Measured:
    """``noise``: what of what is left is rounding."""
    random = left.random
    return Measured(
        1 - left.share,
        null_value=None if random is None else 1 - random.value,
        null_sd=None if random is None else random.sd,
        null_source=None if random is None else random.source,
        details={"left": left.share, "left_noise": noise, "goal": left.goal},
        flags=flags,
    )
