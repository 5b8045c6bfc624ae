"""How angles between random directions spread, and how far they are from those of a simplex."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.cosines import correction, correlation, upper_quantiles
from nctool.geometry.nulls.draws import Unequal
from nctool.geometry.nulls.few import few_points
from nctool.geometry.nulls.null import EXACT, Array, Null, covers, of_draws

QUANTILES = 4000
PAIRWISE = "formula: law of a cosine"


@lru_cache(4096)
def cosine_std(count: int, dim: int, centred: bool, sizes: Unequal | None = None) -> Null | None:
    """Standard deviation of the cosines over pairs; None out of range."""
    few = few_points(count, dim, centred, sizes) if covers(count, dim) else None
    if few is not None:
        return of_draws(few.cosine_std) if count > 2 else Null(0.0, 0.0, EXACT)
    square = _mean(lambda cosine, middle: (cosine - middle) ** 2, count, dim, centred, sizes)
    if square is None or square.sd is None:
        return None
    root = math.sqrt(square.value)
    return Null(root, square.sd / (2 * root), square.source)


@lru_cache(4096)
def angle_gap(count: int, dim: int, centred: bool, sizes: Unequal | None = None) -> Null | None:
    """Mean over pairs of |cos + 1/(K-1)|; None out of range."""
    few = few_points(count, dim, centred, sizes) if covers(count, dim) else None
    if few is not None:
        return of_draws(few.angle_gap) if count > 2 or not centred else Null(0.0, 0.0, EXACT)
    return _mean(lambda cosine, _: abs(cosine + 1 / (count - 1)), count, dim, centred, sizes)


def _mean(
    of: Callable[[Array, float], Array],
    count: int,
    dim: int,
    centred: bool,
    sizes: Unequal | None,
) -> Null | None:
    """Over pairs, which are independent two by two; ``of`` the cosines and their mean."""
    if not covers(count, dim):
        return None
    r = correlation(count, centred)
    cosine = upper_quantiles((np.arange(QUANTILES) + 0.5) / QUANTILES, dim, r).value
    weight = correction(cosine, dim, r) / QUANTILES
    weight /= weight.sum()
    values = of(cosine, float(weight @ cosine))
    mean = float(weight @ values)
    variance = float(weight @ (values - mean) ** 2) / (count * (count - 1) / 2)
    return Null(mean, math.sqrt(variance), PAIRWISE).of_equal(sizes)
