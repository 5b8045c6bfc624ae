"""What K points say of each other: class means, centred; or classifier rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nctool.engine.cost import afford
from nctool.engine.fact import Undefined, fact
from nctool.facts import point_costs
from nctool.facts.head import framed
from nctool.facts.means import BALANCED, SAMPLE_LIMITED
from nctool.facts.names import class_list

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.core.progress import Progress
    from nctool.engine.device import Engine
    from nctool.engine.group import Group
    from nctool.geometry.determinant import LogDeterminant
    from nctool.geometry.energy import Energies
    from nctool.geometry.hull import Margins
    from nctool.geometry.nulls import Null
    from nctool.geometry.points import Points, Storage
    from nctool.report import Reference
    from nctool.settings.budget import Budget
    from nctool.settings.conventions import Convention

BOTH = ("means", "weights")


@dataclass(frozen=True, slots=True)
class EnergyRoom:
    """What energies (s = 2) are measured in: from that of random points to the least."""

    random: float
    best: Reference
    null: Null | None
    """The random one, with how much it varies."""

    @property
    def size(self) -> float:
        return self.random - self.best.value


@fact(name="all_points[means]")
def all_means(
    centred_means: Tensor,
    feature_storage: Storage,
    present: tuple[int, ...],
    class_counts: Tensor,
    convention: Convention,
) -> Points:
    from nctool.geometry.nulls import Unequal
    from nctool.geometry.points import Points

    sizes = None
    if class_counts.max() > BALANCED * class_counts.min():
        # In order of size: what is expected of them does not depend on their names.
        counts = tuple(class_counts.sort().values.tolist())
        sizes = Unequal(counts, convention.center == "samples")
    return Points(centred_means, feature_storage, present, "means", sizes)


@fact(name="all_points[weights]", cost=point_costs.table)
def all_rows(weight: Tensor, weight_storage: Storage) -> Points:
    from nctool.geometry.points import Points

    return Points(weight.double(), weight_storage, tuple(range(len(weight))), "weights")


@fact(name="points[means]", of="means")
def means(between: float, all_points: Points) -> Points:
    """Class means that are not all the same."""
    return all_points


@fact(name="points[weights]", of="weights")
def rows(all_points: Points) -> Points:
    """Two classifier rows at least, not all of them zero."""
    if len(all_points.vectors) < 2:
        raise Undefined("one class only: no pairs")
    if len(all_points.zero) == len(all_points.vectors):
        raise Undefined("the classifier is all zero")
    return all_points


@fact(each=BOTH)
def directed(points: Points, class_names: tuple[str, ...]) -> Points:
    """The same, if each has a direction."""
    if points.zero:
        named = class_list(class_names, [points.classes[row] for row in points.zero])
        kind = "class mean" if points.centred else "classifier row"
        raise Undefined(f"{kind} {named} is zero: it has no direction")
    return points


@fact(each=BOTH, cost=point_costs.table)
def unit_points(directed: Points) -> Tensor:  # (K, D) float64
    """Scaled to length one."""
    return directed.vectors / directed.norms[:, None]


@fact(each=BOTH, timed=True, cost=point_costs.gram)
def simplex_deviation(points: Points, convention: Convention) -> float:
    """Of the Gram matrix, of points as the convention wants them."""
    from nctool.geometry.simplex import etf_deviation

    vectors = points.vectors if points.centred else framed(points.vectors, convention)
    value = etf_deviation(vectors, vectors)
    assert value is not None
    return value


@fact(name="point_flags[means]")
def flags_of_means(understatement: float | None) -> tuple[str, ...]:
    """Few samples blur the means: the geometry then looks less collapsed than it is."""
    limited = understatement is not None and understatement > 0.5
    return (SAMPLE_LIMITED,) if limited else ()


@fact(name="point_flags[weights]")
def flags_of_rows() -> tuple[str, ...]:
    return ()


@fact(each=BOTH)
def margin_points(points: Points, class_names: tuple[str, ...], convention: Convention) -> Points:
    """What margins are between: directions, unless the convention leaves lengths as they are."""
    return directed(points, class_names) if convention.unit_rows else points


@fact(each=BOTH, timed=True, cost=point_costs.margins)
def margins(
    margin_points: Points,
    convention: Convention,
    budget: Budget,
    engine: Engine,
    progress: Progress,
    group: Group,
) -> Margins:
    """How far each point stands clear of the hull of all the others."""
    from nctool.geometry.hull import margins

    rows = margin_points.vectors
    if convention.unit_rows:
        rows = rows / margin_points.norms[:, None]
    with progress.task(f"margins of {margin_points.title}", len(rows)) as advance:
        return margins(
            rows,
            gap=budget.gap,
            least_only=budget.margin == "min",
            memory=engine.memory or budget.memory,
            advance=advance,
            team=group,
        )


@fact(each=BOTH)
def energy_room(directed: Points) -> EnergyRoom:
    """Between the mean energy (s = 2) of random points and the least there can be."""
    from nctool.geometry import energy_optima, nulls
    from nctool.geometry.no_bound import NoBound

    size, dim = directed.shape
    if directed.centred and size == 2:
        raise Undefined("two centred class means are opposite, whatever they are")
    random = nulls.random_level(2, dim, nulls.correlation(size, directed.centred))
    if random is None:
        raise Undefined(f"d = {dim}: random points have infinite energy for d <= 3")
    try:
        best = energy_optima.least_energy(size, dim, 2)
    except NoBound as why:
        raise Undefined(f"nothing to measure against: {why}") from why
    assert best is not None
    null = nulls.energy(2, size, dim, directed.centred)
    return EnergyRoom(random, best, null and null.of_equal(directed.sizes))


@fact(each=BOTH)
def determinant_fits(directed: Points, budget: Budget) -> bool:
    """Is there memory for the factor of a kernel matrix?"""
    needed = point_costs.kernel_bytes(len(directed.vectors))
    afford(needed, budget.memory, "half a K x K matrix")
    return True


@fact(each=BOTH, timed=True, cost=point_costs.log_determinant)
def log_determinant(
    determinant_fits: bool, distinct_energies: Energies, unit_points: Tensor
) -> LogDeterminant:
    """log det of the Gaussian kernel, where it has digits that mean something."""
    from nctool.geometry import determinant

    result = determinant.log_determinant(unit_points)
    if result is None or not result.significant:
        raise Undefined("the kernel matrix is singular but for rounding: points nearly coincide")
    return result


@fact(name="centred_flags[means]")
def centred_flags_of_means(sample_flags: tuple[str, ...]) -> tuple[str, ...]:
    """Few samples draw the class means to themselves: what is compared with them looks tighter."""
    return sample_flags


@fact(name="centred_flags[weights]")
def centred_flags_of_rows() -> tuple[str, ...]:
    return ()
