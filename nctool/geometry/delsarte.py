"""How little energy K points on a sphere can have: a linear program bounds it from below.

This is Delsarte's linear programming method, for energies as Yudin used it. If p(t) =
sum_i c_i P_i(t) <= f(t) on [-1, 1), with P_i the Gegenbauer polynomials of the sphere and c_i >= 0
for i >= 1, then the mean of f over the pairs of any K unit vectors is at least
c_0 - (c_1 + c_2 + ...)/(K-1), because no P_i sums to less than zero over all ordered pairs
(Schoenberg: each P_i is a positive definite function on the sphere). The best such p is found on a
grid that grows where p shows above f; by how much it still does between the points of the grid is
bounded, not guessed, and taken off.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from nctool.geometry.no_bound import NoBound

Array = npt.NDArray[np.float64]

DEGREE = 32
"""Higher ones matter only to thousands of points in a few dimensions."""
FIRST_GRID = 300
CHECK_GRID = 3000
ROUNDS = 12
"""Of solving and adding points where the polynomial came out above the energy."""
TOUCH = 1e-9
"""A polynomial this little above the energy, relative to its own size, is not pushed further."""
HALVINGS = 60
SLACK = 1e-13
"""Of the polynomial's size: the rounding of its evaluation."""
TOLERANCE = 1e-10


@cache
def energy_bound(count: int, dim: int, power: int) -> float:
    """At least this is the mean of rho^-power over pairs of K points (power 0: of log(1/rho)).

    For ``power`` 0, 1 or 2 and ``dim`` > 1. Sharp for the simplex, the cross-polytope and the
    other sharp codes; within a few tenths of a percent of the best codes found elsewhere.
    """
    grid = _chebyshev(FIRST_GRID)
    check = _chebyshev(CHECK_GRID)
    coefficients = None
    for _ in range(ROUNDS):
        solved = _solve(count, dim, power, grid)
        if solved is None:  # any earlier polynomial will do, less its excess
            break
        coefficients = solved
        peaks = _peaks(coefficients, dim, power, check)
        if not len(peaks):
            break
        grid = np.concatenate([grid, peaks])
    if coefficients is None:
        raise NoBound(f"the linear program failed for K = {count}, d = {dim}")
    excess = _excess(coefficients, dim, power, check)
    return float(coefficients[0] - coefficients[1:].sum() / (count - 1) - excess)


def _chebyshev(size: int) -> Array:
    """Ascending from -1, dense at both ends, without 1."""
    points: Array = np.cos(np.pi * (1 - np.arange(size) / size))
    return points


def gegenbauer(dim: int, degree: int, cosine: Array) -> Array:
    """P_0 .. P_degree, one row each, with P_i(1) = 1; none exceeds 1 on [-1, 1].

    By their three-term recurrence, which is stable on this interval.
    """
    rows = [np.ones_like(cosine), cosine]
    for i in range(1, degree):
        rows.append(((2 * i + dim - 2) * cosine * rows[i] - i * rows[i - 1]) / (i + dim - 2))
    return np.array(rows[: degree + 1])


def potential(power: int, cosine: Array, order: int = 0) -> Array:
    """f of the cosine, f(t) = (2-2t)^(-power/2) or -log(2-2t)/2, or a derivative of it.

    Every derivative is positive and grows with the cosine.
    """
    square = 2 - 2 * cosine
    if power == 0 and order == 0:
        return -np.log(square) / 2
    factor, exponent = 1.0, power / 2
    for _ in range(order):
        factor *= 2 * exponent or 1.0
        exponent += 1
    return factor * square**-exponent


def _polynomial(coefficients: Array, dim: int, cosine: Array, order: int = 0) -> Array:
    """sum_i c_i P_i, or a derivative of it, which is such a sum in two dimensions more."""
    for _ in range(order):
        i = np.arange(1, len(coefficients))
        coefficients = coefficients[1:] * (i * (i + dim - 2) / (dim - 1))
        dim += 2
    values: Array = coefficients @ gegenbauer(dim, len(coefficients) - 1, cosine)
    return values


def _solve(count: int, dim: int, power: int, grid: Array) -> Array | None:
    """The coefficients that are best on the grid; None where the solver gives up."""
    from scipy.optimize import linprog

    gain = np.full(DEGREE + 1, -1 / (count - 1))
    gain[0] = 1.0
    solution = linprog(
        -gain,
        A_ub=gegenbauer(dim, DEGREE, grid).T,
        b_ub=potential(power, grid),
        bounds=[(None, None)] + [(0, None)] * DEGREE,
        method="highs",
        options={
            "primal_feasibility_tolerance": TOLERANCE,
            "dual_feasibility_tolerance": TOLERANCE,
        },
    )
    if solution.x is None:
        return None
    coefficients: Array = np.array(solution.x)
    # The solver keeps signs within its tolerance only, and the bound needs them exactly.
    coefficients[1:] = coefficients[1:].clip(0)
    return coefficients


def _peaks(coefficients: Array, dim: int, power: int, grid: Array) -> Array:
    """Where the polynomial is highest above the energy, polished by a few Newton steps."""
    above = _above(coefficients, dim, power, grid)
    padded = np.concatenate([[-np.inf], above, [-np.inf]])
    top = (above >= padded[:-2]) & (above >= padded[2:])
    spots, width = grid[top], np.pi / len(grid)
    low, high = np.maximum(spots - width, -1.0), np.minimum(spots + width, grid[-1])
    for _ in range(6):
        slope, bend = (_above(coefficients, dim, power, spots, order) for order in (1, 2))
        spots = np.where(bend < 0, spots - slope / np.where(bend < 0, bend, -1.0), spots)
        spots = np.clip(spots, low, high)
    above = _above(coefficients, dim, power, spots)
    peaks: Array = spots[above > TOUCH * _size(coefficients)]
    return peaks


def _above(coefficients: Array, dim: int, power: int, cosine: Array, order: int = 0) -> Array:
    """The polynomial less the energy, or a derivative of that."""
    return _polynomial(coefficients, dim, cosine, order) - potential(power, cosine, order)


def _size(coefficients: Array) -> float:
    return float(np.abs(coefficients).sum())


def _excess(coefficients: Array, dim: int, power: int, grid: Array) -> float:
    """No more than this is the polynomial above the energy, anywhere on [-1, 1).

    On a cell of half-width h about m, g = p - f is at most g(m) + |g'(m)| h + b h^2/2 where b
    bounds g'' from above: p'' changes by at most h p'''(1), f'' is least at the left end. Cells
    are halved until that is as good as the best value seen. Near 1, where there is no cell, f
    exceeds p(1), the largest p.
    """
    size = _size(coefficients)
    steep = float(_polynomial(coefficients, dim, np.ones(1), 3)[0])
    top = _reach(float(coefficients.sum()), power)
    edges = np.append(grid[grid < top], top)
    left, right = edges[:-1], edges[1:]
    if not len(left):
        return SLACK * size
    known = proven = 0.0
    for _ in range(HALVINGS):
        middle, half = (left + right) / 2, (right - left) / 2
        value, slope = (_above(coefficients, dim, power, middle, order) for order in range(2))
        bend = _polynomial(coefficients, dim, middle, 2) + half * steep - potential(power, left, 2)
        bound = value + np.abs(slope) * half + bend.clip(0) * half**2 / 2
        known = max(known, float(value.max()))
        open_ = bound > known + SLACK * size
        proven = max(proven, float(bound[~open_].max(initial=0.0)))
        if not open_.any():
            break
        left, middle, right = left[open_], middle[open_], right[open_]
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    else:
        proven = max(proven, float(bound.max()))
    return proven + SLACK * size


def _reach(value: float, power: int) -> float:
    """The cosine at which f is ``value``, within [-1, 1)."""
    if power == 0:
        square = np.exp(-2 * value)
    elif value <= 0:
        return -1.0
    else:
        square = value ** (-2 / power)
    return float(max(1 - square / 2, -1.0))
