"""Riesz energies of random directions: mean over pairs of rho^-s, of log(1/rho) for s = 0."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.cosines import correlation, mean_power, weighted
from nctool.geometry.nulls.few import few_points
from nctool.geometry.nulls.null import EXACT, Null, covers

LARGEST_POWER = 2


@lru_cache(4096)
def energy(power: int, count: int, dim: int, centred: bool) -> Null | None:
    """For power 0, 1 or 2. The mean is exact; None out of range, and where it is infinite."""
    if not covers(count, dim) or power >= dim - 1:
        return None
    if centred and count == 2:
        return Null(-math.log(2) if power == 0 else 2.0**-power, 0.0, EXACT)
    mean = random_level(power, dim, correlation(count, centred))
    assert mean is not None
    # 2s < d-1 for a finite variance: closer pairs are too frequent otherwise.
    if 2 * power >= dim - 1:
        return Null(mean, None, "exact mean; its spread is infinite")
    few = few_points(count, dim, centred)
    if few is not None:
        sd = float(few.energies[power].std(ddof=1))
        return Null(mean, sd, f"exact mean; spread simulated: {len(few.newton)} draws, seed 0")
    return Null(mean, _spread(power, mean, count, dim, centred), "exact mean; spread by formula")


def random_level(power: int, dim: int, r: float = 0.0) -> float | None:
    """The mean of rho^-power (power 0: of log(1/rho)) of two directions of correlation r.

    None where it is infinite.
    """
    if power:
        return mean_power(dim, power, r)
    from scipy.special import digamma

    # At r = 0 from the beta law of rho^2/4; the difference of two quadratures adds the rest.
    independent = (digamma(dim - 1) - digamma((dim - 1) / 2)) / 2 - math.log(2)
    return float(independent + _mean_log(dim, r) - _mean_log(dim, 0.0))


def _mean_log(dim: int, r: float) -> float:
    """Of log(1/rho) but for a constant, to three digits: the nodes do not know of its pole."""
    law = weighted(dim, r, 0)
    return float(-(law.weight @ np.log(law.cosines.complement)) / 2)


def _spread(power: int, mean: float, count: int, dim: int, centred: bool) -> float:
    """Of one draw: the pairs are independent two by two, so that their variances add.

    The cosines of centred directions have a sum that is all but fixed: only what is not linear in
    the cosine varies. 0 to 15 percent too small for K from 6, which is why few points are drawn.
    """
    r = correlation(count, centred)
    plain, once, twice = (weighted(dim, r, s) for s in (0, power, 2 * power))
    cosine = plain.weight @ plain.cosines.value
    if power:
        variance = twice.weight.sum() - mean**2
        joint = once.weight @ (once.cosines.value - cosine)
    else:
        logs = -np.log(plain.cosines.complement) / 2
        variance = plain.weight @ (logs - plain.weight @ logs) ** 2
        joint = plain.weight @ (logs * (plain.cosines.value - cosine))
    if centred:
        variance -= joint**2 / (plain.weight @ (plain.cosines.value - cosine) ** 2)
    return math.sqrt(max(float(variance), 0.0) / (count * (count - 1) / 2))
