"""How far random points are from a simplex."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.few import few_points
from nctool.geometry.nulls.null import EXACT, Array, Null, covers, of_draws, over_quantiles

QUANTILES = 400
WISHART = "formula: mean participation ratio of a Wishart matrix, chi-square spread"


@lru_cache(4096)
def etf_deviation(count: int, dim: int, centred: bool) -> Null | None:
    """|G/|G|_F - T_K|_F of the Gram matrix; None out of range.

    cos(G, T) = Tr(PG)/(sqrt(p) |G|), P the projection that centres, p = K-1. Of a Gaussian draw
    shape and size of G are independent, so the mean square of Tr(PG)/|G| is the ratio of
    E Tr(PG)^2 = dp(dp+2) and E Tr G^2 = d t (d+t+1), with t = p for centred points and K for rows.
    About that mean the square of the deviation spreads like the m(m+1)/2 - 1 free entries of the
    smaller Gram matrix, m = min(t, d), above the floor that d < p leaves.
    """
    if not covers(count, dim):
        return None
    if centred and count == 2:
        return Null(0.0, 0.0, EXACT)
    few = few_points(count, dim, centred)
    if few is not None:
        return of_draws(few.etf_deviation)
    from scipy.special import gammaincinv

    p = count - 1
    tall = p if centred else count
    overlap = math.sqrt((p * dim + 2) / (tall * (tall + dim + 1)))
    floor = 2 - 2 * math.sqrt(min(dim / p, 1.0))
    excess = 2 - 2 * overlap - floor
    smaller = min(tall, dim)
    half = (smaller * (smaller + 1) / 2 - 1) / 2

    def deviation(u: Array) -> Array:
        values: Array = np.sqrt(floor + excess * gammaincinv(half, u) / half)
        return values

    return over_quantiles(deviation, QUANTILES, WISHART)
