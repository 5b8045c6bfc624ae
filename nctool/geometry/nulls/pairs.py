"""The closest pair of random directions."""

from __future__ import annotations

from functools import lru_cache

from nctool.geometry.nulls.cosines import Cosines, correlation, largest_of
from nctool.geometry.nulls.draws import Unequal
from nctool.geometry.nulls.few import few_points
from nctool.geometry.nulls.null import EXACT, Array, Null, covers, of_draws, over_quantiles

QUANTILES = 400
INDEPENDENT = "formula: largest of K(K-1)/2 independent cosines"


@lru_cache(4096)
def max_cosine(count: int, dim: int, centred: bool, sizes: Unequal | None = None) -> Null | None:
    """The largest cosine over pairs; None out of range."""
    if not covers(count, dim):
        return None
    if centred and count == 2:
        return Null(-1.0, 0.0, EXACT)
    few = few_points(count, dim, centred, sizes)
    if few is not None:
        return of_draws(few.max_cosine)

    def largest(u: Array) -> Array:
        return _closest(u, count, dim, centred).value

    return over_quantiles(largest, QUANTILES, INDEPENDENT).of_equal(sizes)


@lru_cache(4096)
def separation(count: int, dim: int, centred: bool, sizes: Unequal | None = None) -> Null | None:
    """The smallest distance over pairs; None out of range."""
    if not covers(count, dim):
        return None
    if centred and count == 2:
        return Null(2.0, 0.0, EXACT)
    few = few_points(count, dim, centred, sizes)
    if few is not None:
        return of_draws(few.separation)

    def smallest(u: Array) -> Array:
        return _closest(u, count, dim, centred).distance

    return over_quantiles(smallest, QUANTILES, INDEPENDENT).of_equal(sizes)


def _closest(u: Array, count: int, dim: int, centred: bool) -> Cosines:
    return largest_of(count * (count - 1) / 2, u, dim, correlation(count, centred))
