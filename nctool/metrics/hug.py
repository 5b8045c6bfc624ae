"""HUG between classes: how uniformly do the class means, and the classifier rows, fill a sphere?

All points are scaled to length one; rho is the distance of two of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from nctool.core.text import count
from nctool.engine.evidence import Evidence
from nctool.geometry import energy_optima, optima
from nctool.metrics.metric import Measured, Undefined, on_points
from nctool.metrics.shared import SAMPLE_LIMITED, named, points, understatement, unit_points
from nctool.report import Direction, Reference

if TYPE_CHECKING:
    from nctool.geometry.determinant import LogDeterminant
    from nctool.geometry.energy import Energies, Energy

FEW_FOR_NULL = 4
"""With fewer points the centring itself fixes most angles; random values say nothing."""
MANY = 4096
"""From so many points on the pairs take long enough to be watched."""
GIB = 1 << 30
NAMED_PAIRS = 3


def energy_s0(evidence: Evidence, kind: str) -> Measured:
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
    return _riesz(evidence, kind, 0)


def energy_s1(evidence: Evidence, kind: str) -> Measured:
    """How much do the directions of the {points} repel each other, as charges do?
    Formula: mean over pairs of 1/rho, rho the distance of two directions.
    Convention: each pair once. The least is sqrt((K-1)/(2K)) at the simplex (K <= d+1) and known
    for K = 2d and d = 2; otherwise it is bounded by linear programming. Per class: the mean over
    the others. Above 4,096 points products are float32 where that keeps six digits.
    Undefined when: there are fewer than two points, one has length zero, or two directions
    coincide (infinite).
    Reference: Thomson 1904; Liu et al. 2018 (s = 1); Liu et al. 2023.
    """
    return _riesz(evidence, kind, 1)


def energy_s2(evidence: Evidence, kind: str) -> Measured:
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
    return _riesz(evidence, kind, 2)


def energy_newton(evidence: Evidence, kind: str) -> Measured:
    """The energy whose force obeys Newton's law in d dimensions, as a logarithm.
    Formula: log of the mean over pairs of rho^-(d-2), rho the distance of two directions.
    Convention: summed as logarithms, so that nothing vanishes however large d is. The least is
    -(d-2)/2 log(2K/(K-1)) at the simplex (K <= d+1). Of random points the mean is 1 but its
    variance is infinite: no value to expect. Per class: the log of the mean over the others.
    Undefined when: d <= 2, there are fewer than two points, one has length zero, or two
    directions coincide (infinite).
    Reference: Liu et al. 2023 (GNC2, Riesz energy with s = d-2).
    """
    chosen = points(evidence, kind)
    size, dim = chosen.vectors.shape
    if dim <= 2:
        raise Undefined(f"d = {dim}: the Newtonian energy needs at least three dimensions")
    found = distinct_energies(evidence, kind).newton
    assert found is not None
    best = None
    with suppress(energy_optima.NoBound):
        best = energy_optima.least_newtonian(size, dim)
    return _measured(evidence, kind, found, best, None)


def separation(evidence: Evidence, kind: str) -> Measured:
    """The two {points} whose directions are closest.
    Formula: smallest rho over all pairs, rho the distance of two directions.
    Convention: 0 where two coincide. The largest possible depends on K and d: sqrt(2K/(K-1)) at
    the simplex (K <= d+1). Per class: the distance to the nearest other.
    Undefined when: there are fewer than two points, or one has length zero.
    Reference: Tammes 1930; Liu et al. 2021 and 2023 (maximum hyperspherical separation).
    """
    chosen = points(evidence, kind)
    found = energies_of(evidence, kind)
    coincident, pairs = _coincident(evidence, kind)
    closest = pairs[:1] or (found.closest,)
    details: dict[str, object] = {"closest": _names(evidence, kind, closest)[0]}
    if coincident:
        details |= {"coincident_pairs": coincident, "pairs": _names(evidence, kind, pairs)}
    return Measured(
        0.0 if coincident else found.separation,
        per_class=found.nearest,
        classes=chosen.classes,
        best_known=optima.separation(*chosen.vectors.shape),
        details=details,
        flags=_flags(evidence, kind),
    )


def logdet(evidence: Evidence, kind: str) -> Measured:
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
    size, dim = points(evidence, kind).vectors.shape
    found = log_determinant_of(evidence, kind)
    return Measured(
        found.value,
        best_known=energy_optima.largest_log_determinant(size, dim),
        details={"epsilon": 1.0, "rounding": found.rounding},
        flags=_flags(evidence, kind),
    )


def uniformity(evidence: Evidence, kind: str) -> Measured:
    """Where between random (0) and as uniform as possible (1) do the {points} lie?
    Formula: (E_random - E) / (E_random - E_best), E the mean over pairs of 1/rho^2.
    Convention: E_random = (d-2)/(2(d-3)) is expected of independent uniform directions. E_best is
    the least possible: exact for K <= d+1 and K = 2d, otherwise a lower bound by linear
    programming, so that 1 may be out of reach by a few tenths of a percent of E. Negative where
    pairs are closer than at random. Per class: the same with the class's own mean.
    Undefined when: d <= 3 (E_random is infinite), there are fewer than two points, one has length
    zero, two directions coincide, or no bound is found.
    Reference: hyperspherical energy of Liu et al. 2023; the bound, Delsarte, Goethals & Seidel
    1977 and Yudin 1992.
    """
    chosen = points(evidence, kind)
    size, dim = chosen.vectors.shape
    random = energy_optima.random_energy(dim, 2)
    if random is None:
        raise Undefined(f"d = {dim}: random points have infinite energy for d <= 3")
    found = distinct_energies(evidence, kind).riesz
    assert found is not None
    try:
        best = energy_optima.least_energy(size, dim, 2)
    except energy_optima.NoBound as why:
        raise Undefined(f"nothing to measure against: {why}") from why
    assert best is not None
    span = random - best.value
    return Measured(
        (random - found[2].mean) / span,
        per_class=(random - found[2].by_point) / span,
        classes=chosen.classes,
        null_value=0.0 if size >= FEW_FOR_NULL else None,
        details={"random": random, "best": best.value, "best_source": best.source},
        flags=_flags(evidence, kind),
    )


def energies_of(evidence: Evidence, kind: str) -> Energies:
    """All that the pairs of directions say, from one pass over them."""
    rows = unit_points(evidence, kind)

    def compute() -> Energies:
        from nctool.geometry.energy import energies, pairs_of

        if len(rows) < MANY:
            return energies(rows)
        title = "pairs of class means" if kind == "means" else "pairs of classifier rows"
        with evidence.progress.task(title, pairs_of(len(rows))) as advance:
            return energies(rows, advance=advance)

    return evidence.once(("energies", kind), compute)


def distinct_energies(evidence: Evidence, kind: str) -> Energies:
    """The same, where no two directions coincide."""
    total, pairs = _coincident(evidence, kind)
    if total:
        shown = [" and ".join(pair) for pair in _names(evidence, kind, pairs[:NAMED_PAIRS])]
        what = "class means" if kind == "means" else "classifier rows"
        raise Undefined(
            f"{count(total, 'pair')} of {what} {'has' if total == 1 else 'have'} one direction: "
            + "; ".join(shown + ["..."] * (total > len(shown)))
        )
    return energies_of(evidence, kind)


def log_determinant_of(evidence: Evidence, kind: str) -> LogDeterminant:
    """log det of the Gaussian kernel, where it has digits that mean something."""
    from nctool.geometry import determinant

    rows = unit_points(evidence, kind)
    needed = determinant.memory_of(len(rows))
    if needed > evidence.budget.memory:
        raise Undefined(
            f"needs a K x K matrix and its factor, {needed / GIB:.1f} GiB: raise --memory"
        )
    distinct_energies(evidence, kind)
    found = evidence.once(("logdet", kind), lambda: determinant.log_determinant(rows))
    if found is None or not found.significant:
        raise Undefined("the kernel matrix is singular but for rounding: points nearly coincide")
    return found


def _riesz(evidence: Evidence, kind: str, power: int) -> Measured:
    size, dim = points(evidence, kind).vectors.shape
    found = distinct_energies(evidence, kind).riesz
    assert found is not None
    best = None
    with suppress(energy_optima.NoBound):
        best = energy_optima.least_energy(size, dim, power)
    null = energy_optima.random_energy(dim, power) if size >= FEW_FOR_NULL else None
    return _measured(evidence, kind, found[power], best, null)


def _measured(
    evidence: Evidence, kind: str, found: Energy, best: Reference | None, null: float | None
) -> Measured:
    return Measured(
        found.mean,
        per_class=found.by_point,
        classes=points(evidence, kind).classes,
        best_known=best,
        null_value=null,
        flags=_flags(evidence, kind),
    )


def _coincident(evidence: Evidence, kind: str) -> tuple[int, tuple[tuple[int, int], ...]]:
    """How many pairs coincide, in direction or already before scaling, and the first of them."""
    found, before = energies_of(evidence, kind), points(evidence, kind).pairs
    if found.coincident_count >= before.coincident_count:
        return found.coincident_count, found.coincident
    return before.coincident_count, before.coincident


def _names(evidence: Evidence, kind: str, pairs: tuple[tuple[int, int], ...]) -> list[list[str]]:
    classes = points(evidence, kind).classes
    return [[named(evidence, (one,), classes) for one in pair] for pair in pairs]


def _flags(evidence: Evidence, kind: str) -> tuple[str, ...]:
    """Few samples blur the means: their directions then look more random than they are."""
    if kind == "weights":
        return ()
    share = understatement(evidence)
    return (SAMPLE_LIMITED,) if share is not None and share > 0.5 else ()


Row = tuple[Callable[[Evidence, str], Measured], str, str, Direction, float | None]

ROWS: tuple[Row, ...] = (
    (energy_s0, "Logarithmic energy", "mean over pairs of log(1/rho)", "down", None),
    (energy_s1, "Energy of 1/rho", "mean over pairs of 1/rho", "down", None),
    (energy_s2, "Energy of 1/rho^2", "mean over pairs of 1/rho^2", "down", None),
    (energy_newton, "Newtonian energy", "log of the mean of rho^-(d-2)", "down", None),
    (separation, "Closest two directions", "smallest rho over pairs", "up", None),
    (logdet, "Room on the sphere", "log det of exp(-rho^2)", "up", None),
    (uniformity, "Uniformity", "(E_random - E)/(E_random - E_best), s = 2", "up", 1.0),
)

METRICS = tuple(
    one
    for function, title, definition, toward, ideal in ROWS
    for one in on_points(
        f"hug.{function.__name__}",
        title=title,
        definition=definition,
        function=function,
        ideal=ideal,
        toward=toward,
    )
)
