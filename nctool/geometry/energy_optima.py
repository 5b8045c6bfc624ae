"""How much energy K points on a sphere must have, and how much room they can take.

Nothing here needs torch before it is asked.
"""

from __future__ import annotations

import math

from nctool.report import Reference

SIMPLEX = "exact: regular simplex, K <= d+1"
POLYGON = "exact: regular polygon, d = 2"
ORTHOPLEX = "exact: cross-polytope, K = 2d"
BOUND = "bound: linear programming"
LARGEST_POWER = 2
"""The linear program is tried up to this power of 1/rho."""


Shells = list[tuple[float, float]]
"""Squared distances from one point of a regular set, each with its share of the others."""


def least_energy(count: int, dim: int, power: int) -> Reference | None:
    """The least mean over pairs of rho^-power (power 0: of log(1/rho)), or a bound below it.

    None where points must coincide. NoBound where the linear program fails.
    """
    known = universal_optimum(count, dim)
    if known is not None:
        shells, source = known
        terms = (share * _potential(square, power) for square, share in shells)
        return Reference(math.fsum(terms), source)
    if dim < 2:
        return None
    return Reference(_bound(count, dim, power), BOUND)


def least_newtonian(count: int, dim: int) -> Reference | None:
    """The least logarithm of the mean of rho^-(d-2); None where it is not known."""
    power, known = dim - 2, universal_optimum(count, dim)
    if power < 1:
        return None
    if known is not None:
        shells, source = known
        logs = [math.log(share) - power / 2 * math.log(square) for square, share in shells]
        top = max(logs)
        # Log-sum-exp: in many dimensions the power itself overflows.
        return Reference(top + math.log(math.fsum(math.exp(log - top) for log in logs)), source)
    if power > LARGEST_POWER:
        return None
    return Reference(math.log(_bound(count, dim, power)), BOUND)


def largest_log_determinant(count: int, dim: int) -> Reference | None:
    """Of log det exp(-rho^2); known where the simplex fits.

    log det is concave, so averaging the matrix over all orders of the points, which keeps the mean
    g of its off-diagonal entries, cannot lower it. What results, (K-1) log(1-g) + log(1+(K-1)g),
    falls as g grows, and the simplex has the least g: the kernel is a completely monotone function
    of the squared distance.
    """
    if count > dim + 1:
        return None
    g = math.exp(-2 * count / (count - 1))
    return Reference((count - 1) * math.log1p(-g) + math.log1p((count - 1) * g), SIMPLEX)


def universal_optimum(count: int, dim: int) -> tuple[Shells, str] | None:
    """Sets that have the least energy for every completely monotone function of rho^2.

    Cohn and Kumar 2007 (universal optimality).
    """
    if count <= dim + 1:
        return [(2 * count / (count - 1), 1.0)], SIMPLEX
    if dim == 2:
        step, share = math.pi / count, 1 / (count - 1)
        return [(4 * math.sin(step * turn) ** 2, share) for turn in range(1, count)], POLYGON
    if dim > 1 and count == 2 * dim:
        opposite = 1 / (count - 1)
        return [(4.0, opposite), (2.0, 1 - opposite)], ORTHOPLEX
    return None


def _potential(square: float, power: int) -> float:
    return -math.log(square) / 2 if power == 0 else square ** (-power / 2)


def _bound(count: int, dim: int, power: int) -> float:
    from nctool.geometry.delsarte import energy_bound

    return energy_bound(count, dim, power)
