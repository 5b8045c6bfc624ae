"""By how much a head that knows nothing of the samples prefers their own class."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.cosines import largest_of
from nctool.geometry.nulls.null import Array, Null, covers, over_quantiles

QUANTILES = 400
HEADS = 0.4
"""Heads differ by about this times value/sqrt(Kd), once their size is given: 0.1 to 0.6 seen."""
BEST_OF_OTHERS = "formula: largest of K-1 independent "


@lru_cache(4096)
def cosine_margin(count: int, dim: int, samples: int) -> Null | None:
    """cos(h, w_y) - max over j != y of cos(h, w_j), mean over samples; None out of range."""
    if not covers(count, dim):
        return None

    def largest(u: Array) -> Array:
        return largest_of(count - 1, u, dim).value

    best = over_quantiles(largest, QUANTILES, BEST_OF_OTHERS + "cosines")
    return _margin(best, count, dim, samples, 1 / dim)


@lru_cache(4096)
def logit_margin(count: int, dim: int, samples: int) -> Null | None:
    """The same of logits with variance one, which are normal."""
    from scipy.special import ndtri

    if not covers(count, dim):
        return None

    def largest(u: Array) -> Array:
        quantiles: Array = -ndtri(-np.expm1(np.log(u) / (count - 1)))
        return quantiles

    best = over_quantiles(largest, QUANTILES, BEST_OF_OTHERS + "normal logits")
    return _margin(best, count, dim, samples, 1.0)


def _margin(best: Null, count: int, dim: int, samples: int, own: float) -> Null:
    """``own``: variance of the logit of a sample's class, whose mean is zero."""
    assert best.sd is not None
    sd = math.hypot(
        HEADS * best.value / math.sqrt(count * dim), math.sqrt((own + best.sd**2) / samples)
    )
    return Null(-best.value, sd, best.source)
