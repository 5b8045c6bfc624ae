"""The way to collapse, as one less what is left of it: squared quantities over structureless ones.

What random points have is no formula but a law of its own, looked up here as it is there and held
against simulations in ``tests/geometry/nulls``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nctool.geometry import nulls, optima
from tests.support.oracle.energy_bounds import best_energy
from tests.support.oracle.formula import (
    MEANS_COINCIDE,
    ZERO_WEIGHT,
    Side,
    equal_sizes,
    formula,
    on_sides,
)
from tests.support.oracle.gnc_margin import margin
from tests.support.oracle.hug import MEANS_APART, ROWS_APART, energy_s2
from tests.support.oracle.imbalance import seli_means, seli_weights
from tests.support.oracle.nc2 import from_simplex
from tests.support.oracle.nc4 import logits, nearest
from tests.support.oracle.view import (
    Array,
    Outcome,
    Undefined,
    View,
    centred_means,
    head_rows,
    matched_rows,
)

RANDOM_SQUARE = 2 - math.sqrt(2)
CROWDED = ("many_classes", "one_dimension")
"""No simplex fits."""
NO_ROOM = ("one_dimension", "two_classes")
"""Random points are as far apart as any."""

Left = Callable[[View], float]


def left_nc1(seen: View) -> float:
    """(1 - R^2)(N-1)/(N-K), the variance between being that of the class means."""
    samples, classes = len(seen.residual), len(seen.position)
    if samples == classes:
        raise Undefined("every class has one sample")
    within = math.fsum((seen.residual**2).ravel().tolist()) / samples
    between = math.fsum((centred_means(seen) ** 2).ravel().tolist()) / classes
    if between == 0.0:
        raise Undefined("the class means coincide")
    return within / (within + between) * (samples - 1) / (samples - classes)


def simplex_rows(seen: View, side: Side) -> Array:
    """Centred over the classes that have samples."""
    if side == "means":
        return centred_means(seen)  # (K, D)
    rows = head_rows(seen)[seen.sample.rows]  # (K, D)
    centred: Array = rows - rows.mean(axis=0)  # (K, D)
    if not np.linalg.norm(centred) > 1e-14 * np.linalg.norm(rows):
        raise Undefined("all rows are the same")
    return centred


def unequal(seen: View) -> bool:
    return not equal_sizes(seen.sample.counts)


def left_nc2(seen: View, side: Side) -> float:
    """D^2/(2 - sqrt 2), D the deviation from a simplex or from SELI, whichever is nearer."""
    rows = simplex_rows(seen, side)
    if len(rows) > rows.shape[1] + 1:
        raise Undefined("no simplex fits")
    gram = rows @ rows.T  # (K, K)
    deviation = from_simplex(gram).value
    assert deviation is not None
    if unequal(seen):
        target = (seli_means if side == "means" else seli_weights)(seen.sample.counts)
        apart = gram / np.linalg.norm(gram) - target / np.linalg.norm(target)
        deviation = min(deviation, float(np.linalg.norm(apart)))
    return deviation**2 / RANDOM_SQUARE


def left_nc3(seen: View) -> float:
    """1 - cos(W, M)/longest; the squared length of M less the sampling error of its means."""
    rows, means = simplex_rows(seen, "weights"), matched_rows(seen)[1]
    if not means.any():
        raise Undefined("the class means coincide")
    off = float(((rows / np.linalg.norm(rows) - means / np.linalg.norm(means)) ** 2).sum()) / 2
    classes, counts = len(means), seen.sample.counts
    scatter = float((seen.variance / np.maximum(counts - 1, 1)).mean()) * (1 - 1 / classes)
    noise = min(scatter / float((means**2).sum(axis=1).mean()), 0.5)
    longest = math.sqrt(1 - noise)
    if unequal(seen):
        weights = np.linalg.svd(
            np.repeat(np.eye(classes) - 1 / classes, counts, axis=1), compute_uv=False
        )[: classes - 1]  # (K-1,)
        longest *= len(weights) / math.sqrt(float(weights.sum()) * float((1 / weights).sum()))
    return max(off - (1 - longest), 0.0) / longest


def left_nc4(seen: View) -> float:
    """Disagreement over that of two who choose independently: one less kappa."""
    head, closest = logits(seen).argmax(axis=1), nearest(seen)  # (N,) (N,)
    size = len(head_rows(seen))
    shares = [np.bincount(chosen, minlength=size) / len(head) for chosen in (head, closest)]
    apart = 1 - float(shares[0] @ shares[1])
    return float((head != closest).mean()) / apart if apart > 1e-15 else 1.0


@formula("collapse.nc1", undefined_on=MEANS_COINCIDE)
def nc1(seen: View) -> Outcome:
    return Outcome(1 - left_nc1(seen))


@on_sides("collapse.nc2", means=(*MEANS_COINCIDE, *CROWDED), weights=CROWDED)
def nc2(seen: View, side: Side) -> Outcome:
    return Outcome(1 - left_nc2(seen, side))


@formula("collapse.nc3", undefined_on=MEANS_COINCIDE)
def nc3(seen: View) -> Outcome:
    return Outcome(1 - left_nc3(seen))


@formula("collapse.nc4")
def nc4(seen: View) -> Outcome:
    return Outcome(1 - left_nc4(seen))


def points(seen: View, side: Side) -> Array:
    """As GNC and HUG see them: rows not centred."""
    return centred_means(seen) if side == "means" else head_rows(seen)


def left_gnc(seen: View, side: Side) -> float:
    rows = points(seen, side)
    least, best = margin(rows).value, optima.margin(*rows.shape)
    random = nulls.least_margin(len(rows), rows.shape[1], side == "means")
    assert least is not None
    if random is None or best is None or best.value - random.value <= 1e-9 * best.value:
        raise Undefined("random points have no room")
    return (best.value - least) / (best.value - random.value)


@on_sides(
    "collapse.gnc",
    means=(*MEANS_COINCIDE, *NO_ROOM),
    weights=(*ZERO_WEIGHT, "one_dimension"),
    rounding="complement",
)
def gnc(seen: View, side: Side) -> Outcome:
    return Outcome(1 - left_gnc(seen, side))


@on_sides(
    "collapse.hug", means=(*MEANS_APART, "two_classes"), weights=ROWS_APART, rounding="energy_bound"
)
def hug(seen: View, side: Side) -> Outcome:
    """(E_random - E)/(E_random - E_best), s = 2."""
    rows = points(seen, side)
    energy = energy_s2(rows).value
    random = nulls.energy(2, len(rows), rows.shape[1], side == "means")
    best = best_energy(*rows.shape)
    assert energy is not None
    if random is None or best is None or random.value - best <= 1e-9 * best:
        raise Undefined("random points have no room")
    return Outcome((random.value - energy) / (random.value - best))


@formula("collapse.weakest", undefined_on=(*MEANS_COINCIDE, "one_dimension"), rounding="length")
def weakest(seen: View) -> Outcome:
    """The least way of NC1, NC2 or GNC, NC3 and NC4."""
    classes, dim = centred_means(seen).shape
    sides: tuple[Side, ...] = ("means",) if seen.sample.weight is None else ("means", "weights")
    left = [left_nc1(seen)]
    if classes > 2:
        geometry = left_gnc if classes > dim + 1 else left_nc2
        left += [geometry(seen, side) for side in sides]
    if len(sides) == 2:
        left += [left_nc3(seen), left_nc4(seen)]
    return Outcome(1 - max(left))
