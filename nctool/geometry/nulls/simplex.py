"""How far random points are from a simplex."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.draws import Unequal
from nctool.geometry.nulls.few import few_points
from nctool.geometry.nulls.null import EXACT, Array, Null, covers, of_draws, over_quantiles

QUANTILES = 400
WISHART = "formula: mean participation ratio of a Wishart matrix, chi-square spread"


@lru_cache(4096)
def etf_deviation(count: int, dim: int, centred: bool, sizes: Unequal | None = None) -> Null | None:
    """|G/|G|_F - T_K|_F of the Gram matrix; None out of range.

    cos(G, T) = Tr(CG)/(sqrt(p) |G|), C the projection that centres, p = K-1. The square of the
    cosine is taken as the ratio of means E Tr(CG)^2 and E Tr G^2, which is exact where shape and
    size of G are independent: the covariance P of the points over classes is C, or I. With
    E Tr(CG)^2 = d^2 Tr(CP)^2 + 2d Tr CPCP and E Tr G^2 = d(d+1) Tr P^2 + d (Tr P)^2 it is a fair
    guess for others. About that mean the square of the deviation spreads like the m(m+1)/2 - 1
    free entries of the smaller Gram matrix, m = min(rank P, d), above the floor that d < p leaves.
    """
    if not covers(count, dim):
        return None
    if centred and count == 2:
        return Null(0.0, 0.0, EXACT)
    few = few_points(count, dim, centred, sizes)
    if few is not None:
        return of_draws(few.etf_deviation)
    from scipy.special import gammaincinv

    p = count - 1
    tall = p if centred else count
    overlap = math.sqrt(_overlap(count, dim, centred, sizes))
    floor = 2 - 2 * math.sqrt(min(dim / p, 1.0))
    excess = 2 - 2 * overlap - floor
    smaller = min(tall, dim)
    half = (smaller * (smaller + 1) / 2 - 1) / 2

    def deviation(u: Array) -> Array:
        values: Array = np.sqrt(floor + excess * gammaincinv(half, u) / half)
        return values

    return over_quantiles(deviation, QUANTILES, WISHART)


def _overlap(count: int, dim: int, centred: bool, sizes: Unequal | None) -> float:
    """The squared cosine: E Tr(CG)^2 / (p E Tr G^2)."""
    p = count - 1
    tall = p if centred else count
    if sizes is None:
        return (p * dim + 2) / (tall * (tall + dim + 1))
    # P = D - ... centred on the mean over classes, or P = D - 11'/N on that of the samples, with
    # D the diagonal of 1/n; CPC = CDC either way.
    counts = np.array(sizes.counts)
    noise = 1 / counts
    first, second = float(noise.sum()), float(np.square(noise).sum())
    inner = first - first / count  # Tr CD
    square = second - 2 * second / count + first**2 / count**2  # Tr CDCD
    trace, whole = inner, square
    if sizes.by_sample:
        total = float(counts.sum())
        trace = first - count / total
        whole = second - 2 * first / total + count**2 / total**2
    size = dim * (dim + 1) * whole + dim * trace**2
    return (dim**2 * inner**2 + 2 * dim * square) / (p * size)
