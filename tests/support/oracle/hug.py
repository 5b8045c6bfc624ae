"""HUG between classes: energies and determinants of rows X on the sphere."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tests.support.oracle.energy_bounds import best_energy, random_energy, random_energy_of_means
from tests.support.oracle.formula import MEANS_COINCIDE, ZERO_WEIGHT, Side, on_rows, on_sides
from tests.support.oracle.sphere import all_chords, apart, log_determinant, mean, pair_chords
from tests.support.oracle.view import Array, Outcome, Undefined, View, centred_means, head_rows

MEANS_APART = (*MEANS_COINCIDE, "coincident_means", "one_dimension")
ROWS_APART = (*ZERO_WEIGHT, "one_dimension")
"""No two directions coincide: of three rows on a line two do."""


@on_rows("hug.energy_s0", means=MEANS_APART, weights=ROWS_APART, rounding="logarithm")
def energy_s0(rows: Array) -> Outcome:
    """Mean over pairs of log(1/rho)."""
    return Outcome(mean(-np.log(apart(rows))))


def energy(rows: Array, s: int) -> Outcome:
    """Mean over pairs of rho^-s."""
    return Outcome(mean(apart(rows) ** -s))


@on_rows("hug.energy_s1", means=MEANS_APART, weights=ROWS_APART)
def energy_s1(rows: Array) -> Outcome:
    """Mean over pairs of 1/rho."""
    return energy(rows, 1)


@on_rows("hug.energy_s2", means=MEANS_APART, weights=ROWS_APART)
def energy_s2(rows: Array) -> Outcome:
    """Mean over pairs of 1/rho^2."""
    return energy(rows, 2)


@on_rows("hug.energy_newton", means=MEANS_APART, weights=ROWS_APART, rounding="logarithm")
def energy_newton(rows: Array) -> Outcome:
    """log of the mean over pairs of rho^-(D-2), the largest power taken out of the mean."""
    dim = rows.shape[1]
    if dim <= 2:
        raise Undefined("the Newtonian kernel needs three dimensions")
    powers = -(dim - 2) * np.log(apart(rows))  # (K(K-1)/2,)
    return Outcome(float(powers.max()) + math.log(mean(np.exp(powers - powers.max()))))


@on_rows("hug.separation", rounding="length")
def separation(rows: Array) -> Outcome:
    """min over pairs of rho."""
    return Outcome(float(pair_chords(rows).min()))


@on_rows("hug.logdet", means=MEANS_APART, weights=ROWS_APART, rounding="logarithm")
def logdet(rows: Array) -> Outcome:
    """log det of exp(-rho^2)."""
    apart(rows)
    return Outcome(log_determinant(np.exp(-(all_chords(rows) ** 2))))


@on_sides(
    "hug.uniformity",
    means=(*MEANS_APART, "two_classes"),
    weights=ROWS_APART,
    rounding="energy_bound",
)
def uniformity_of(seen: View, side: Side) -> Outcome:
    """Random class means are centred, too; and two of them are opposite."""
    if side == "weights":
        return uniformity(head_rows(seen))
    rows = centred_means(seen)
    if len(rows) == 2:
        raise Undefined("two centred means are opposite")
    return uniformity(rows, random_energy_of_means)


def uniformity(
    rows: Array, random: Callable[[int, int], float] = lambda _, dim: random_energy(dim)
) -> Outcome:
    """(E_random - E) / (E_random - E_best), s = 2."""
    classes, dim = rows.shape
    if dim <= 3:
        raise Undefined("the energy of random directions is infinite")
    own, chance, best = energy(rows, 2).value, random(classes, dim), best_energy(classes, dim)
    assert own is not None
    return Outcome((chance - own) / (chance - best))
