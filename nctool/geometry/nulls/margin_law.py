"""The margin of one of many random directions, by the convex Gaussian min-max theorem."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.null import Array

BASE = 50
APPROACH = 0.6
"""What class means have more of than rows fades about as K^-0.6 in the simulations."""
REFINEMENTS = 6
GRID = 65


@lru_cache(4096)
def typical_margin(count: int, dim: int, centred: bool) -> float:
    """Roughly the median over classes: exact for K = 2 and while no class leaves the support.

    The margin is min over convex weights a of max over |v| = 1 of v'(x - X'a). By the comparison
    theorem of Gordon (CGMT: Thrampoulidis, Oymak & Hassibi 2015) that of Gaussian rows has the
    value of min_a |(1, a)| - a'c with c independent of each other. Here rows have length one: c_j
    is the cosine of a row with v, and what is left of the row has the square 1 - c_j^2. The best
    weights are a_j ~ (c_j - g)_+/(1 - c_j^2); sums over rows are means over the law of a cosine:
    S1 = <(c-g)_+/(1-c^2)>, S2 = <(c-g)_+^2/(1-c^2)>, S3 = <c (c-g)_+/(1-c^2)>. What remains is
    least over g of

        sqrt(1 + 1/n + (n-1)/n^2 (S2 d/(d-1)/S1^2 - 1)) - (n-1)/n S3/S1,      n = K-1,

    where the terms in 1/n make it exact for equal weights. Class means are the vertices of the
    simplex of their draw: centring lengthens directions' differences by sqrt(K/(K-1)).
    In three dimensions S1 is infinite; there the MEAN margin is 4/(K+1), seen within 1 % for
    K = 2 to 5,000, and exact for K = 2.
    """
    stretch = math.sqrt(count / (count - 1)) if centred else 1.0
    if dim == 3:
        return 4 / (count + 1) * stretch
    # From all weights positive to a few in the farthest tail of a cosine.
    low, high = -60.0, math.asinh(math.sqrt(dim))
    for _ in range(REFINEMENTS):
        place = np.linspace(low, high, GRID)
        values = _objective(count, dim, np.sinh(place[1:-1]) / math.sqrt(dim))
        best, step = int(values.argmin()) + 1, place[1] - place[0]
        low, high = place[best] - step, place[best] + step
    return float(values.min()) * stretch


def terms_of_fit(count: int, centred: bool) -> Array:
    """What the logarithm of a quantile over the typical margin is fitted with."""
    x = math.log(count / BASE)
    return np.array([1.0, x, math.exp(-APPROACH * x) if centred else 0.0])


def _objective(count: int, dim: int, g: Array) -> Array:
    """Of g below 1, in closed form: all three means are incomplete beta functions."""
    from scipy.special import betainc

    n = count - 1
    inside = np.clip(g, -1.0, 1.0)
    square = (1 - inside) * (1 + inside)

    def above(dims: int) -> Array:
        """P(cos > g) in so many dimensions."""
        half = betainc((dims - 1) / 2, 0.5, square) / 2
        beyond: Array = np.where(inside < 0, 1 - half, half)
        return beyond

    # The means of 1, c/(1-c^2) and 1/(1-c^2) over c > g. A cosine's density is
    # (1-c^2)^((d-3)/2): divided by 1-c^2 it is that of two dimensions less, times (d-2)/(d-3).
    log_norm = math.lgamma(dim / 2) - math.lgamma((dim - 1) / 2) - math.log(math.pi) / 2
    share = above(dim)
    slope = np.exp(log_norm) * square ** ((dim - 3) / 2) / (dim - 3)
    inverse = (dim - 2) / (dim - 3) * above(dim - 2)
    first = slope - g * inverse
    second = (1 + g * g) * inverse - 2 * g * slope - share
    third = inverse - share - g * slope
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = second * dim / (dim - 1) / first**2 - 1
        values = np.sqrt(1 + 1 / n + (n - 1) / n**2 * spread) - (n - 1) / n * third / first
    # Far out in the tail the differences above have no digits left.
    known = np.isfinite(values) & (first > 1e-8 * slope) & (second > 0)
    return np.where(known, values, np.inf)
