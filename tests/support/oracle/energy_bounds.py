"""Mean energies rho^-s of pairs on the sphere: of random directions, and the least there can be."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.integrate import quad
from scipy.optimize import linprog
from scipy.special import hyp2f1

from tests.support.oracle.view import Array


def random_energy(dim: int, s: float = 2) -> float:
    """E rho^-s of two independent uniform points, s < D-1:

    2^(D-2-s) Gamma(D/2) Gamma((D-1-s)/2) / (sqrt(pi) Gamma(D-1-s/2)).
    """
    logarithm = (dim - 2 - s) * math.log(2) + math.lgamma(dim / 2) + math.lgamma((dim - 1 - s) / 2)
    return math.exp(logarithm - math.lgamma(dim - 1 - s / 2)) / math.sqrt(math.pi)


@cache
def random_energy_of_means(classes: int, dim: int) -> float:
    """E rho^-2 of two of K Gaussian points less their mean, whose correlation is -1/(K-1):

    an integral over Hotelling's density of the correlation (1953), for d pairs about a known mean.
    """
    r = -1 / (classes - 1)

    def density(angle: float) -> float:
        cosine = math.cos(angle)
        smooth = hyp2f1(0.5, 0.5, dim + 0.5, (1 + r * cosine) / 2)
        logarithm = (dim - 2) * math.log(math.sin(angle)) - (dim - 0.5) * math.log(1 - r * cosine)
        return float(smooth) * math.exp(logarithm - peak)

    peak = 0.0
    peak = max(math.log(density(angle)) for angle in np.linspace(0.01, 3.13, 1000))
    # Where it is not negligible: many standard deviations of 1/sqrt(d) about its middle.
    middle, reach = math.acos(r), 12 / math.sqrt(dim)
    limits = max(middle - reach, 1e-9), min(middle + reach, math.pi - 1e-9)
    whole = quad(density, *limits, epsabs=0, epsrel=1e-12, limit=400)[0]
    energy = quad(
        lambda angle: density(angle) / (4 * math.sin(angle / 2) ** 2),
        *limits, epsabs=0, epsrel=1e-12, limit=400,
    )[0]  # fmt: skip
    return float(energy / whole)


def best_energy(classes: int, dim: int) -> float:
    """The least mean of rho^-2 over pairs: of the simplex, of the orthoplex, or a lower bound."""
    if classes <= dim + 1:
        return (classes - 1) / (2 * classes)
    if classes == 2 * dim:
        return (1 / 4 + (classes - 2) / 2) / (classes - 1)
    return energy_bound(classes, dim)


@cache
def energy_bound(classes: int, dim: int, s: int = 2, degree: int = 16) -> float:
    """Delsarte-Yudin: (K^2 c_0 - K sum_i c_i) / (K(K-1)) for sum_i c_i P_i(t) <= f(t) on [-1, 1)
    and c_i >= 0 for i > 0; on a grid, so a ten-millionth is taken off."""
    grid = np.cos(np.pi * (np.arange(4000) + 0.5) / 4000)  # (4000,)
    gains = np.full(degree + 1, -1 / (classes - 1))  # (degree+1,)
    gains[0] += classes / (classes - 1)
    bounds = [(None, None)] + [(0, None)] * degree
    solved = linprog(
        -gains,
        A_ub=gegenbauer(degree, dim, grid).T,
        b_ub=(2 - 2 * grid) ** (-s / 2),
        bounds=bounds,
        method="highs",
    )
    assert solved.status == 0, solved.message
    return float(-solved.fun) - 1e-7


def gegenbauer(degree: int, dim: int, values: Array) -> Array:
    """P_0 ... P_degree of R^D with P_i(1) = 1."""
    rows = [np.ones_like(values), values]
    for i in range(1, degree):
        above = (2 * i + dim - 2) * values * rows[i] - i * rows[i - 1]
        rows.append(above / (i + dim - 2))
    return np.array(rows)  # (degree+1, n)
