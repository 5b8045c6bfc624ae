"""The Newtonian energy of random directions: log of the mean over pairs of rho^-(d-2).

Its mean over draws is 1 and is never seen: a few pairs closer than any that occur make it. So the
value is a median, and the spread that of the quartiles.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.cosines import correlation, upper_quantiles
from nctool.geometry.nulls.draws import Unequal, generator
from nctool.geometry.nulls.few import few_points
from nctool.geometry.nulls.null import EXACT, Array, Null, covers, median_of_draws

DRAWS = 400
CLOSEST = 128
"""Pairs that are drawn; the others are at their mean."""
GRID = 2000


@lru_cache(4096)
def newton(count: int, dim: int, centred: bool, sizes: Unequal | None = None) -> Null | None:
    """None out of range; the energy itself needs three dimensions."""
    if not covers(count, dim) or dim < 3:
        return None
    if centred and count == 2:
        return Null(-(dim - 2) * math.log(2), 0.0, EXACT)
    few = few_points(count, dim, centred, sizes)
    if few is not None:
        return median_of_draws(few.newton)
    pairs, power = count * (count - 1) // 2, (dim - 2) / 2
    # Shares that the closest pairs' cosines are exceeded with, the least of them first: order
    # statistics of uniform variables are sums of exponentials (Renyi 1953).
    random = generator(count, dim, centred)
    sums = random.standard_exponential((DRAWS, CLOSEST)).cumsum(1)
    shares = sums / (sums[:, -1:] + random.standard_gamma(pairs + 1 - CLOSEST, (DRAWS, 1)))
    log_share = np.linspace(math.log(shares.min()), 0.0, GRID)
    # The last node at the far end of the sphere, where the energy is least, not a share of one.
    nodes = np.exp(np.minimum(log_share, -1e-9))
    complement = upper_quantiles(nodes, dim, correlation(count, centred)).complement
    logs = -power * np.log(2 * complement)
    top = logs.max()
    near = np.interp(np.log(shares), log_share, logs)
    beyond = _tail_sums(log_share, np.exp(logs - top))
    far = np.interp(np.log(shares[:, -1]), log_share, beyond) * (pairs - CLOSEST)
    far /= 1 - shares[:, -1]
    energies: Array = top + np.log((np.exp(near - top).sum(1) + far) / pairs)
    return median_of_draws(energies, "closest pairs simulated").of_equal(sizes)


def _tail_sums(log_share: Array, values: Array) -> Array:
    """The integral over shares from each node to one: dp = p d(log p), by trapezoids."""
    weighted = values * np.exp(log_share)
    steps = (weighted[1:] + weighted[:-1]) / 2 * np.diff(log_share)
    sums: Array = np.append(steps[::-1].cumsum()[::-1], 0.0)
    return sums
