"""What is left to perfect collapse, dial by dial, as a share of the way from structureless.

Each is a squared quantity over the one that structureless data have, so that 1 is structureless
and 0 perfect: the small number is computed, and one less it is the way come so far.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nctool.engine.fact import Accumulator, Undefined, fact, sweep
from nctool.facts import costs, point_costs
from nctool.facts.points import BOTH

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.facts.points import EnergyRoom
    from nctool.facts.samples import Sizes
    from nctool.geometry.energy import Energies
    from nctool.geometry.hull import Margins
    from nctool.geometry.nulls import Null
    from nctool.geometry.points import Points
    from nctool.geometry.seli import Target
    from nctool.settings.conventions import Convention
    from nctool.statistics.decisions import MeanRule
    from nctool.statistics.moments import Moments

SQUARE_OF_RANDOM = 2 - math.sqrt(2)
"""Squared deviation of many random points in K-1 dimensions, where a simplex just fits."""
TRAINING = ("train", "training")
"""Splits whose class sizes are those that the network was trained on."""
MOST_NOISE = 0.5
"""Share of the class means' squared length that is taken for sampling error, at most: with more
the estimate is itself noise."""
ROUNDING = 1e-9
"""Room between random and best, relative to it, that rounding alone would fill."""
SAME_ROWS = 1e-14
"""What subtraction leaves of equal rows, relative to them: a direction, but of rounding alone."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left, of which goal, and what is left without structure."""

    share: float
    goal: str
    random: Null | None = None


@fact()
def left_nc1(between: float, sizes: Sizes, within_trace: float, class_counts: Tensor) -> Left:
    """One less the adjusted R^2 of the features by their classes: labels at random leave 1."""
    from nctool.geometry.nulls import Null

    samples, classes = sizes.samples, sizes.classes
    free = samples - classes
    if free == 0:
        raise Undefined("every class has one sample: nothing is within classes")
    adjusted = (samples - 1) / free
    # Means of n samples of noise are 1/n of it apart: the variance between, without structure.
    apart = (1 - 1 / classes) * float(class_counts.pow(-1).mean())
    by_lot = free / samples / (free / samples + apart) * adjusted
    spread = math.sqrt(2 * (classes - 1) / (free * sizes.dim * (samples - 1)))
    return Left(
        within_trace / (within_trace + between) * adjusted,
        "features on class means",
        Null(by_lot, spread, "exact for Gaussian features"),
    )


@fact()
def unequal_targets(
    seli_targets: tuple[Target, Target] | Undefined | None, split: str | None
) -> tuple[Target, Target] | None:
    """The best geometry for the class sizes that the network was trained on, if they are unequal.

    Sizes of held-out classes did not shape it.
    """
    trained = split is None or split in TRAINING
    return seli_targets if trained and isinstance(seli_targets, tuple) else None


@fact(name="simplex_points[means]", of="means")
def means_against_simplex(points: Points) -> Points:
    return points


@fact(name="simplex_points[weights]", of="weights")
def rows_against_simplex(points: Points, columns: Tensor | None = None) -> Points:
    """Rows of the classes that have samples, less their mean: a softmax cannot see that."""
    from dataclasses import replace

    rows, classes = points.vectors, points.classes
    if columns is not None and 1 < len(columns) < len(rows):
        rows, classes = rows[columns], tuple(columns.tolist())
    centred = rows - rows.mean(0)
    if float(centred.norm()) <= SAME_ROWS * float(rows.norm()):
        raise Undefined("all classifier rows are the same")
    return replace(points, vectors=centred, classes=classes)


@fact(each=BOTH, cost=point_costs.gram)
def left_nc2(simplex_points: Points, unequal_targets: tuple[Target, Target] | None) -> Left:
    """Squared deviation from a simplex, or from SELI where that is nearer."""
    from nctool.geometry import nulls
    from nctool.geometry.seli import deviation as seli_deviation
    from nctool.geometry.simplex import etf_deviation

    count, dim = simplex_points.shape
    if count > dim + 1:
        raise Undefined(
            f"no simplex of {count:,} points fits into {dim:,} dimensions: read collapse.gnc"
        )
    vectors = simplex_points.vectors
    deviation, target = etf_deviation(vectors, vectors), "simplex"
    assert deviation is not None  # not all zero
    if unequal_targets is not None:
        rows, means = unequal_targets
        seli = seli_deviation(vectors, means if simplex_points.centred else rows)
        if seli is not None and seli < deviation:
            deviation, target = seli, "seli"
    random = nulls.etf_deviation(count, dim, centred=True)
    return Left(deviation**2 / SQUARE_OF_RANDOM, target, random and _squared(random))


def _squared(random: Null) -> Null:
    """Of its square, over that of points for which a simplex just fits."""
    from nctool.geometry.nulls import Null

    spread = random.sd or 0.0
    mean = random.value**2 + spread**2
    share = 2 * random.value * spread / SQUARE_OF_RANDOM
    return Null(mean / SQUARE_OF_RANDOM, share, random.source)


@fact(of="weights")
def left_nc3(
    between: float,
    simplex_points: Points,
    centred_means: Tensor,
    moments: Moments,
    variances: Tensor,
    between_trace: float,
    unequal_targets: tuple[Target, Target] | None,
) -> Left:
    """One less the cosine between centred rows and class means, each as one long vector."""
    from nctool.geometry.duality import compare_rows
    from nctool.geometry.nulls import Null

    distance = compare_rows(simplex_points.vectors, centred_means).distance
    assert distance is not None  # both have a length
    # Means of n samples scatter by v/n about their true place: that much of their length is noise.
    scatter = variances / (moments.count - 1).clamp(min=1)
    noise = float(scatter.mean()) * (1 - 1 / len(scatter)) / between_trace
    noise = min(noise, MOST_NOISE)
    # 1 - (1 - off)/longest, without taking small numbers from one.
    off, longest, target = distance**2 / 2, math.sqrt(1 - noise), "simplex"
    short = noise / (1 + longest)
    if unequal_targets is not None:
        longest, target = longest * unequal_targets[0].duality, "seli"
        short = 1 - longest
    classes, dim = centred_means.shape
    random = Null(1.0, 1 / math.sqrt((classes - 1) * dim), "exact: directions at random")
    return Left(max(off - short, 0.0) / longest, target, random)


@sweep(over="present_samples", cost=costs.counted)
def mean_chosen(mean_rule: MeanRule, class_counts: Tensor) -> Accumulator[Tensor]:
    """(K,) How many samples are nearest to the mean of each class."""
    from nctool.statistics.sums import Tally

    return Tally(mean_rule.chosen, len(class_counts), width=mean_rule.width)


@fact()
def left_nc4(
    sizes: Sizes, agreed: Tensor, head_chosen: Tensor, mean_chosen: Tensor, columns: Tensor
) -> Left:
    """Disagreement of head and nearest mean over that by chance: one less Cohen's kappa."""
    from nctool.geometry.nulls import Null

    total = sizes.samples
    apart = total - float(agreed.sum())
    by_chance = total - float(head_chosen[columns] @ mean_chosen) / total
    # Where both always name one class, they agree by chance alone: that is no collapse.
    left = apart / by_chance if by_chance > 0 else 1.0
    return Left(left, "nearest class mean", Null(1.0, None, "exact: independent decisions"))


@fact(each=BOTH)
def left_gnc(margin_points: Points, margins: Margins, convention: Convention) -> Left:
    """How far the least margin is from the best known one, over how far random points are."""
    from nctool.geometry import nulls, optima

    if not convention.unit_rows:
        raise Undefined("margins of rows as they are stored have no random level")
    count, dim = margin_points.shape
    if dim == 1 and count > 2:
        raise Undefined("in one dimension there is no geometry of more than two classes")
    best = optima.margin(count, dim)
    random = nulls.least_margin(count, dim, centred=margin_points.centred)
    if best is None or random is None or best.value - random.value <= ROUNDING * best.value:
        raise Undefined("random points already have the best margin there is")
    room = best.value - random.value
    left = (best.value - float(margins.value.min())) / room
    return Left(left, best.source, _by_definition(random, room))


@fact(each=BOTH)
def left_hug(energy_room: EnergyRoom, distinct_energies: Energies) -> Left:
    """How far the energy is from the least possible, over how far that of random points is."""
    assert distinct_energies.riesz is not None
    room, best = energy_room.size, energy_room.best
    left = (distinct_energies.riesz[2].mean - best.value) / room
    return Left(left, best.source, energy_room.null and _by_definition(energy_room.null, room))


def _by_definition(random: Null, room: float) -> Null:
    """Random points leave all of the room, more or less."""
    from nctool.geometry.nulls import Null

    return Null(1.0, None if random.sd is None else random.sd / room, random.source)


@fact(of="means")
def left_of_means(sizes: Sizes, left_nc2: Left | Undefined, left_gnc: Left | Undefined) -> Left:
    """Of the geometry that the means can have: a simplex, or a code where none fits."""
    return _fitting(left_nc2, left_gnc, sizes.classes > sizes.dim + 1)


@fact(of="weights")
def left_of_rows(
    sizes: Sizes, weight: Tensor, left_nc2: Left | Undefined, left_gnc: Left | Undefined
) -> Left:
    """The same of the classifier rows."""
    return _fitting(left_nc2, left_gnc, sizes.classes > sizes.dim + 1)


def _fitting(simplex: Left | Undefined, code: Left | Undefined, crowded: bool) -> Left:
    left = code if crowded else simplex
    if isinstance(left, Undefined):
        raise left
    return left
