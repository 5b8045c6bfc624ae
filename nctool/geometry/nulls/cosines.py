"""The cosine of two random directions: its quantiles, and means of powers of the distance.

All pairs of K random directions have this law and are independent two by two. Two centred class
means are a Gaussian pair of correlation r = -1/(K-1): their cosine is nearly that of independent
ones moved by the Moebius map c -> (c + r)/(1 + r c) (Fisher's z, shifted). Means over pairs take
what is missing from Hotelling's density of a correlation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.null import Array

NODES = 48


def correlation(count: int, centred: bool) -> float:
    return -1 / (count - 1) if centred else 0.0


@dataclass(frozen=True, slots=True)
class Cosines:
    """Cosines c of pairs of correlation r, with 1 - c kept to its last digit."""

    value: Array
    complement: Array  # 1 - c

    @property
    def distance(self) -> Array:
        """Of the two directions."""
        return np.sqrt(2 * self.complement)


def upper_quantiles(share: Array, dim: int, r: float = 0.0) -> Cosines:
    """What a cosine exceeds with this probability: 1 - c^2 is a beta variable."""
    from scipy.special import betaincinv

    # As small a share as asked: nothing of it is lost in a difference from one.
    square = betaincinv((dim - 1) / 2, 0.5, 2 * np.minimum(share, 1 - share))
    cosine = np.sqrt(1 - square)
    small = square / (1 + cosine)  # 1 - |c|
    upper = share <= 0.5
    cosine, complement = np.where(upper, cosine, -cosine), np.where(upper, small, 2 - small)
    # 1 - (c+r)/(1+rc) = (1-c)(1-r)/(1+rc)
    below = 1 + r * cosine
    return Cosines((cosine + r) / below, complement * (1 - r) / below)


def largest_of(number: float, u: Array, dim: int, r: float = 0.0) -> Cosines:
    """Quantiles ``u`` of the largest of so many independent ones: F(c)^number = u."""
    return upper_quantiles(-np.expm1(np.log(u) / number), dim, r)


def mean_power(dim: int, power: float, r: float = 0.0) -> float | None:
    """The mean of rho^-power, to rounding; None where it is infinite. A distance has power -1."""
    if dim == 1:
        return opposite(r) * 2**-power if power < 0 else None
    if power >= dim - 1:
        return None
    law = weighted(dim, r, power)
    return float(law.weight.sum())


def opposite(r: float) -> float:
    """How often two numbers of correlation r differ in sign: what directions are on a line."""
    return 0.5 - math.asin(r) / math.pi


@dataclass(frozen=True, slots=True)
class Weighted:
    """Nodes for means of a smooth number times rho^-power: sum of weight times number."""

    cosines: Cosines
    weight: Array


@lru_cache(256)
def weighted(dim: int, r: float, power: float) -> Weighted:
    """Gauss-Jacobi quadrature, power < d-1: what is singular is part of the weight.

    At r = 0 the mean of rho^-power is a ratio of gamma functions, and with that factor (1+c)/2 has
    another beta law. The Moebius map multiplies by a power of (1-r)/(1+rc), which is smooth. So is
    the exact density (Hotelling 1953) over that of the map, ``correction``.
    """
    alpha, beta = (dim - 3 - power) / 2, (dim - 3) / 2
    n = np.arange(NODES, dtype=float)
    total = 2 * n + alpha + beta
    with np.errstate(divide="ignore", invalid="ignore"):
        diagonal = (beta**2 - alpha**2) / (total * (total + 2))
        below = 4 * n * (n + alpha) * (n + beta) * (n + alpha + beta)
        beside = below / (total**2 * (total + 1) * (total - 1))
    # The first of each by their limits, where 0/0 may stand.
    diagonal[0] = (beta - alpha) / (alpha + beta + 2)
    beside[1] = 4 * (1 + alpha) * (1 + beta) / ((2 + alpha + beta) ** 2 * (3 + alpha + beta))
    off = np.sqrt(beside[1:])
    # Golub & Welsch 1969: squared first components sum to one, within range in any dimension.
    cosine, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
    log_mean = (
        (dim - 2 - power) * math.log(2)
        + math.lgamma(dim / 2)
        + math.lgamma((dim - 1 - power) / 2)
        - math.lgamma(dim - 1 - power / 2)
        - math.log(math.pi) / 2
    )
    shrink = (1 - r) / (1 + r * cosine)
    moved = Cosines((cosine + r) / (1 + r * cosine), (1 - cosine) * shrink)
    weight = math.exp(log_mean) * vectors[0] ** 2 * shrink ** (-power / 2)
    return Weighted(moved, weight * correction(moved.value, dim, r))


def correction(cosine: Array, dim: int, r: float) -> Array:
    """(1-r^2)^(1/2) (1-rc)^(-1/2) 2F1(1/2, 1/2; d+1/2; (1+rc)/2), scaled to be one at r = 0."""
    from scipy.special import hyp2f1

    smooth: Array = hyp2f1(0.5, 0.5, dim + 0.5, (1 + r * cosine) / 2)
    smooth /= hyp2f1(0.5, 0.5, dim + 0.5, 0.5)
    return smooth * np.sqrt((1 - r * r) / (1 - r * cosine))
