"""HUG between classes: how uniformly do the class means, and the classifier rows, fill a sphere?

All points are scaled to length one; rho is the distance of two of them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from nctool.geometry import energy_optima, nulls, optima
from nctool.geometry.no_bound import NoBound
from nctool.metrics.metric import Measured, Undefined, on_points
from nctool.metrics.shared import defined, require

if TYPE_CHECKING:
    from nctool.facts.pairs import Coincident
    from nctool.facts.points import EnergyRoom
    from nctool.geometry.determinant import LogDeterminant
    from nctool.geometry.energy import Energies, Energy
    from nctool.geometry.nulls import Null
    from nctool.geometry.points import Points
    from nctool.report import Reference


@on_points(
    "hug.energy_s0",
    title="Logarithmic energy",
    definition="mean over pairs of log(1/rho)",
    ideal=None,
)
def energy_s0(
    directed: Points, distinct_energies: Energies, point_flags: tuple[str, ...]
) -> Measured:
    """How much do the directions of the {points} repel each other, by the logarithm?
    Formula: mean over pairs of log(1/rho), rho the distance of two directions.
    Convention: each pair once; natural logarithm of the distance, not of its square. The least is
    -log(2K/(K-1))/2 at the simplex (K <= d+1) and known for K = 2d and d = 2; otherwise it is
    bounded by linear programming. Per class: the mean over the others. Above 4,096 points products
    are float32 where that keeps six digits.
    Undefined when: there are fewer than two points, one has length zero, or two directions
    coincide (infinite).
    Reference: Liu et al. 2018 (minimum hyperspherical energy, s = 0); Liu et al. 2023.
    """
    return riesz(directed, distinct_energies, point_flags, 0)


@on_points(
    "hug.energy_s1", title="Energy of 1/rho", definition="mean over pairs of 1/rho", ideal=None
)
def energy_s1(
    directed: Points, distinct_energies: Energies, point_flags: tuple[str, ...]
) -> Measured:
    """How much do the directions of the {points} repel each other, as charges do?
    Formula: mean over pairs of 1/rho, rho the distance of two directions.
    Convention: each pair once. The least is sqrt((K-1)/(2K)) at the simplex (K <= d+1) and known
    for K = 2d and d = 2; otherwise it is bounded by linear programming. Per class: the mean over
    the others. Above 4,096 points products are float32 where that keeps six digits.
    Undefined when: there are fewer than two points, one has length zero, or two directions
    coincide (infinite).
    Reference: Thomson 1904; Liu et al. 2018 (s = 1); Liu et al. 2023.
    """
    return riesz(directed, distinct_energies, point_flags, 1)


@on_points(
    "hug.energy_s2", title="Energy of 1/rho^2", definition="mean over pairs of 1/rho^2", ideal=None
)
def energy_s2(
    directed: Points, distinct_energies: Energies, point_flags: tuple[str, ...]
) -> Measured:
    """How much do the directions of the {points} repel each other? Close pairs weigh most.
    Formula: mean over pairs of 1/rho^2, rho the distance of two directions.
    Convention: each pair once; a pair that coincides makes it infinite and is never dropped. The
    least is (K-1)/(2K) at the simplex (K <= d+1) and known for K = 2d and d = 2; otherwise it is
    bounded by linear programming. Per class: the mean over the others. Above 4,096 points products
    are float32 where that keeps six digits.
    Undefined when: there are fewer than two points, one has length zero, or two directions
    coincide (infinite).
    Reference: Liu et al. 2023, hyperspherical energy of MHE-HUG (s = 2).
    """
    return riesz(directed, distinct_energies, point_flags, 2)


@on_points(
    "hug.energy_newton",
    title="Newtonian energy",
    definition="log of the mean of rho^-(d-2)",
    ideal=None,
)
def energy_newton(
    directed: Points, distinct_energies: Energies | Undefined, point_flags: tuple[str, ...]
) -> Measured:
    """The energy whose force obeys Newton's law in d dimensions, as a logarithm.
    Formula: log of the mean over pairs of rho^-(d-2), rho the distance of two directions.
    Convention: summed as logarithms, so that nothing vanishes however large d is. The least is
    -(d-2)/2 log(2K/(K-1)) at the simplex (K <= d+1). Of random points the mean is 1, made by pairs
    closer than any that are seen: the random value is a median. Per class: the log of the mean over
    the others.
    Undefined when: d <= 2, there are fewer than two points, one has length zero, or two
    directions coincide (infinite).
    Reference: Liu et al. 2023 (GNC2, Riesz energy with s = d-2).
    """
    size, dim = directed.shape
    if dim <= 2:
        raise Undefined(f"d = {dim}: the Newtonian energy needs at least three dimensions")
    best = None
    with suppress(NoBound):
        best = energy_optima.least_newtonian(size, dim)
    energy = require(defined(distinct_energies).newton)
    null = nulls.newton(size, dim, directed.centred, directed.sizes)
    return _measured(directed, energy, best, null, point_flags)


@on_points(
    "hug.separation",
    title="Closest two directions",
    definition="smallest rho over pairs",
    ideal=None,
    toward="up",
)
def separation(
    directed: Points,
    energies: Energies,
    coincident: Coincident,
    class_names: tuple[str, ...],
    point_flags: tuple[str, ...],
) -> Measured:
    """The two {points} whose directions are closest.
    Formula: smallest rho over all pairs, rho the distance of two directions.
    Convention: 0 where two coincide. The largest possible depends on K and d: sqrt(2K/(K-1)) at
    the simplex (K <= d+1). Per class: the distance to the nearest other.
    Undefined when: there are fewer than two points, or one has length zero.
    Reference: Tammes 1930; Liu et al. 2021 and 2023 (maximum hyperspherical separation).
    """
    return closest(directed, energies, coincident, class_names, point_flags)


def closest(
    points: Points,
    energies: Energies,
    coincident: Coincident,
    class_names: tuple[str, ...],
    flags: tuple[str, ...],
) -> Measured:
    """The closest pair by name, and the widest that closest pairs can be apart."""
    nearest = [class_names[points.classes[row]] for row in energies.closest]
    pairs = [list(pair) for pair in coincident.pairs]
    details: dict[str, object] = {"closest": pairs[0] if pairs else nearest}
    if coincident.count:
        details |= {"coincident_pairs": coincident.count, "pairs": pairs}
    return Measured(
        0.0 if coincident.count else energies.separation,
        per_class=energies.nearest,
        classes=points.classes,
        best_known=optima.separation(*points.shape),
        details=details,
        flags=flags,
    ).beside(nulls.separation(*points.shape, points.centred, points.sizes))


@on_points(
    "hug.logdet",
    title="Room on the sphere",
    definition="log det of exp(-rho^2)",
    ideal=None,
    toward="up",
)
def logdet(
    directed: Points, log_determinant: LogDeterminant, point_flags: tuple[str, ...]
) -> Measured:
    """How much room do the directions of the {points} take together?
    Formula: log det of the K x K matrix exp(-rho^2), rho the distance of two directions.
    Convention: Gaussian kernel with epsilon = 1. The plain Gram matrix will not do: orthonormal
    points maximise its determinant, and the simplex makes it zero. With K <= d+1 the simplex has
    the largest: log det is concave, so equal entries are best, and the simplex has the least of
    them. Beyond K = d+1 no largest value is known.
    Undefined when: there are fewer than two points, one has length zero, two directions coincide,
    the matrix is singular but for rounding, or it does not fit --memory.
    Reference: Liu et al. 2021 and 2023 (maximum Gram determinant).
    """
    return room(directed, log_determinant, point_flags)


def room(points: Points, log_determinant: LogDeterminant, flags: tuple[str, ...]) -> Measured:
    """The determinant, and the largest there can be."""
    return Measured(
        log_determinant.value,
        best_known=energy_optima.largest_log_determinant(*points.shape),
        details={"epsilon": 1.0, "rounding": log_determinant.rounding},
        flags=flags,
    ).beside(nulls.log_determinant(*points.shape, points.centred, points.sizes))


@on_points(
    "hug.uniformity",
    title="Uniformity",
    definition="(E_random - E)/(E_random - E_best), s = 2",
    ideal=1.0,
    toward="up",
    version=2,
)
def uniformity(
    directed: Points,
    energy_room: EnergyRoom,
    distinct_energies: Energies,
    point_flags: tuple[str, ...],
) -> Measured:
    """Where between random (0) and as uniform as possible (1) do the {points} lie?
    Formula: (E_random - E) / (E_random - E_best), E the mean over pairs of 1/rho^2.
    Convention: E_random is what random {points} have in the mean: (d-2)/(2(d-3)) for rows; for
    class means that of two of correlation -1/(K-1), which centring gives them. Up to K = d+1 that
    leaves means hardly any room (`room` in the details). E_best is the least possible: exact for
    K <= d+1 and K = 2d, otherwise a lower bound by linear programming, so that 1 may be out of
    reach by a few tenths of a percent of E. Negative where pairs are closer than at random. Per
    class: the same with the class's own mean.
    Undefined when: d <= 3 (E_random is infinite), there are fewer than two points or two class
    means (always opposite), one has length zero, two directions coincide, or no bound is found.
    Reference: hyperspherical energy of Liu et al. 2023; the bound, Delsarte, Goethals & Seidel
    1977 and Yudin 1992.
    """
    size, dim = directed.shape
    energy = require(distinct_energies.riesz)[2]
    random, best, span, null = (
        energy_room.random, energy_room.best, energy_room.size, energy_room.null,
    )  # fmt: skip
    details = {"random": random, "best": best.value, "best_source": best.source, "room": span}
    if directed.centred and size <= dim + 1:
        details["tight"] = "K <= d+1: centring alone brings random means nearly as far apart"
    return Measured(
        (random - energy.mean) / span,
        per_class=(random - energy.by_point) / span,
        classes=directed.classes,
        details=details,
        flags=point_flags,
    ).beside(null and null.map(-1 / span, random / span))


def riesz(points: Points, energies: Energies, flags: tuple[str, ...], power: int) -> Measured:
    """The energy of one power, with the least and the random one."""
    size, dim = points.shape
    best = None
    with suppress(NoBound):
        best = energy_optima.least_energy(size, dim, power)
    null = nulls.energy(power, size, dim, points.centred)
    null = null and null.of_equal(points.sizes)
    return _measured(points, require(energies.riesz)[power], best, null, flags)


def _measured(
    points: Points,
    energy: Energy,
    best: Reference | None,
    null: Null | None,
    flags: tuple[str, ...],
) -> Measured:
    return Measured(
        energy.mean,
        per_class=energy.by_point,
        classes=points.classes,
        best_known=best,
        flags=flags,
    ).beside(null)
