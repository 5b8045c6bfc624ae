"""What samples that know nothing of their class, or of the head, give."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from nctool.geometry.nulls.cosines import largest_of, mean_power
from nctool.geometry.nulls.null import Array, Null, covers, over_quantiles

QUANTILES = 400
HEADS = 0.4
"""Heads differ by about this times value/sqrt(Kd), once their size is given: 0.1 to 0.6 seen."""
BEST_OF_OTHERS = "formula: largest of K-1 independent "
MOST_SIZES = 12
"""Class sizes that are told apart; more are taken together with their neighbours."""


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


def own_correlation(size: float, samples: float, of_means: bool) -> float:
    """Of a sample with the point of its class: none with a row, but its mean holds its own share.

    Both less the mean of all samples: covariance 1/n - 1/N, variances 1 - 1/N and 1/n - 1/N.
    """
    return math.sqrt((1 / size - 1 / samples) / (1 - 1 / samples)) if of_means else 0.0


def own_distance(dim: int, sizes: Array, samples: float, of_means: bool) -> float:
    """Mean over classes of the mean distance of their samples to their point, on the sphere."""
    return _over_sizes(
        sizes, lambda n: mean_power(dim, -1, own_correlation(n, samples, of_means)) or 0.0
    )


def furthest_distance(dim: int, sizes: Array, samples: float, of_means: bool) -> float:
    """Mean over classes of the largest distance: of n independent samples."""
    u = (np.arange(QUANTILES) + 0.5) / QUANTILES

    def largest(n: float) -> float:
        # The smallest of n cosines is minus the largest, at minus the correlation.
        cosines = largest_of(n, u, dim, -own_correlation(n, samples, of_means))
        return float(np.sqrt(2 + 2 * cosines.value).mean())

    return _over_sizes(sizes, largest)


def _over_sizes(sizes: Array, of_size: Callable[[float], float]) -> float:
    """The mean over classes of a smooth function of their size."""
    size, share = grouped(sizes)
    return float(share @ [of_size(float(n)) for n in size])


def grouped(sizes: Array) -> tuple[Array, Array]:
    """Different class sizes with the share of classes that have them; at most a dozen."""
    size, number = np.unique(sizes, return_counts=True)
    if len(size) > MOST_SIZES:
        edges = np.quantile(sizes, np.linspace(0, 1, MOST_SIZES + 1)[1:-1])
        group = np.searchsorted(edges, size)
        total = np.bincount(group, number)
        size = np.bincount(group, number * size)[total > 0] / total[total > 0]
        number = total[total > 0]
    return size.astype(float), number / number.sum()


def nearest_mean_accuracy(dim: int, sizes: Array) -> float:
    """How often a sample is nearest to the mean of its own class, which holds a share of it.

    Given |x|^2 = q, n|x - m|^2 is noncentral chi-square with parameter nq; the own mean is that of
    n-1 others, (1-1/n) as far. Distances to different means are independent of each other then.
    """
    from scipy.special import gammaincinv, log_ndtr, ndtri

    size, share = grouped(sizes)
    q = 2 * gammaincinv(dim / 2, (np.arange(24) + 0.5) / 24)[:, None]
    z = ndtri((np.arange(200) + 0.5) / 200)
    right = 0.0
    for n, weight in zip(size, share * size / (share @ size), strict=True):
        if n <= 1:
            right += weight
            continue
        scale, power, middle, width = _as_normal(dim, (n - 1) * q)
        own = scale * np.maximum(middle + width * z, 0) ** (1 / power)
        own *= (1 - 1 / n) ** 2 / (n - 1)  # (24, 200) squared distances
        log_all = np.zeros_like(own)
        for m, many in zip(size, share * len(sizes), strict=True):
            scale, power, middle, width = _as_normal(dim, m * q)
            ratio = (middle - (m * own / scale) ** power) / width
            log_all += (many - (m == n)) * log_ndtr(ratio)
        right += weight * float(np.exp(log_all).mean())
    return float(right)


def _as_normal(dim: int, shift: Array) -> tuple[Array, Array, Array, Array]:
    """Scale, power, mean and spread: (X/scale)^power of noncentral chi-square X is all but normal.

    Sankaran 1963, whose tails are good to three digits where those of a normal X are not.
    """
    scale = dim + shift
    power = 1 - 2 * scale * (dim + 3 * shift) / (3 * (dim + 2 * shift) ** 2)
    p = (dim + 2 * shift) / scale**2
    m = (power - 1) * (1 - 3 * power)
    middle = 1 + power * p * (power - 1 - (2 - power) * m * p / 2)
    return scale, power, middle, power * np.sqrt(2 * p) * (1 + m * p / 2)
