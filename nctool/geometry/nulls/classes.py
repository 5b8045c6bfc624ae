"""What the samples of a class say of its point when they know nothing of their class.

Independent of classifier rows; but a class mean holds a share of each of its samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nctool.geometry.nulls.cosines import largest_of, mean_power, opposite
from nctool.geometry.nulls.draws import directions, gaussian_points, generator
from nctool.geometry.nulls.null import Array, Null

QUANTILES = 400
MOST_SIZES = 12
"""Class sizes that are told apart; more are taken together with their neighbours."""


def grouped(sizes: Array) -> tuple[Array, Array]:
    """Different class sizes, with how many classes have each; at most a dozen."""
    size, number = np.unique(sizes, return_counts=True)
    if len(size) > MOST_SIZES:
        edges = np.quantile(sizes, np.linspace(0, 1, MOST_SIZES + 1)[1:-1])
        group = np.searchsorted(edges, size)
        total = np.bincount(group, number)
        size = (np.bincount(group, number * size) / np.maximum(total, 1))[total > 0]
        number = total[total > 0]
    return size.astype(float), number.astype(float)


def own_distance(dim: int, sizes: Array, of_means: bool) -> Null:
    """Mean over classes of the mean distance of their samples to their point, on the sphere."""

    def moments(size: float) -> tuple[float, float]:
        r = _correlation(size, sizes, of_means)
        mean, square = mean_power(dim, -1, r), mean_power(dim, -2, r)
        assert mean is not None and square is not None
        return mean, (square - mean**2) / size

    return _over(sizes, moments, "formula: law of a cosine")


def furthest_distance(dim: int, sizes: Array, of_means: bool) -> Null:
    """Mean over classes of the largest distance: of n independent samples."""
    u = (np.arange(QUANTILES) + 0.5) / QUANTILES

    def moments(size: float) -> tuple[float, float]:
        if dim == 1:
            apart = 1 - (1 - opposite(_correlation(size, sizes, of_means))) ** size
            return 2 * apart, 4 * apart * (1 - apart)
        # The smallest of n cosines is minus the largest at minus the correlation.
        cosines = largest_of(size, u, dim, -_correlation(size, sizes, of_means))
        distance = np.sqrt(2 + 2 * cosines.value)
        return float(distance.mean()), float(distance.var())

    return _over(sizes, moments, "formula: largest of n independent distances")


def room_within(dim: int, sizes: Array, most: int, jitter: float, of_means: bool) -> Null:
    """Mean over classes of the log-determinant of at most ``most`` samples and their point.

    All sizes from the same draws: the factor of the largest class holds those of all smaller ones,
    and the point is what a last row adds (its Schur complement).
    """
    counts, _ = grouped(sizes)
    kept = np.minimum(counts, most).astype(int)
    largest = int(kept.max())
    draws = 400 if largest <= 16 else 64 if largest <= 64 else 8
    points = gaussian_points(generator(largest, dim, of_means), draws, largest + 2, dim)
    # The last two stand for samples of a large class that are not kept, and of all other classes.
    samples, last, rest = points[:, :-2], points[:, -2], points[:, -1]
    centre = np.zeros_like(last)
    if of_means:
        total = float(sizes.sum())
        centre = (samples.sum(1) + math.sqrt(max(total - largest, 0.0)) * rest) / total
    unit = directions(samples - centre[:, None])
    gram = np.exp(2 * (unit @ unit.transpose(0, 2, 1)) - 2) + jitter * np.eye(largest)
    factor = np.linalg.cholesky(gram)
    logs = 2 * np.log(factor.diagonal(axis1=1, axis2=2)).cumsum(1)  # (B, largest)
    # For all sizes one forward substitution: the first entries of a solution depend on the first
    # rows of the triangle alone.
    points_of = np.stack(
        [
            _point(samples, few, count, last) - centre if of_means else last
            for count, few in zip(counts, kept, strict=True)
        ],
        2,
    )  # fmt: skip  (B, m, S)
    points_of /= np.linalg.norm(points_of, axis=1, keepdims=True)
    solved = np.linalg.solve(factor, np.exp(2 * (unit @ points_of) - 2))  # (B, largest, S)
    # One sample is its own mean: what is left is the jitter, above and below.
    left = np.maximum(1 + jitter - np.square(solved).cumsum(1), jitter)
    by_size = {}
    for size, (count, few) in enumerate(zip(counts, kept, strict=True)):
        values = logs[:, few - 1] + np.log(left[:, few - 1, size])
        by_size[float(count)] = float(values.mean()), float(values.var(ddof=1))
    return _over(sizes, by_size.__getitem__, f"simulated: {draws} draws, seed 0")


def _point(samples: Array, few: int, count: float, rest: Array) -> Array:
    """(B, m) The mean of a class of so many samples, of which the first few are known."""
    mean: Array = (samples[:, :few].sum(1) + math.sqrt(max(count - few, 0)) * rest) / count
    return mean


def nearest_mean_accuracy(dim: int, sizes: Array) -> float:
    """How often a sample is nearest to the mean of its own class, which holds a share of it.

    Given |x|^2 = q, n|x - m|^2 is noncentral chi-square with parameter nq; the own mean is that of
    n-1 others, (1-1/n) as far. Distances to different means are independent of each other then.
    """
    from scipy.special import gammaincinv, log_ndtr

    counts, number = grouped(sizes)
    # Gauss-Legendre over the quantiles of q, and the trapezoidal rule over z, which for a normal
    # density converges faster than any power: together as near as 24 x 200 quantiles.
    level, weight = np.polynomial.legendre.leggauss(8)
    q = 2 * gammaincinv(dim / 2, (level + 1) / 2)[:, None]
    z = np.linspace(-6, 6, 33)
    density = np.exp(-(z**2) / 2)
    density /= density.sum()
    right = 0.0
    for n, share in zip(counts, number * counts / (number @ counts), strict=True):
        if n <= 1:
            right += share
            continue
        scale, power, middle, width = _as_normal(dim, (n - 1) * q)
        own = scale * np.maximum(middle + width * z, 0) ** (1 / power)
        own *= (1 - 1 / n) ** 2 / (n - 1)  # (8, 33) squared distances
        log_all = np.zeros_like(own)
        for m, many in zip(counts, number, strict=True):
            scale, power, middle, width = _as_normal(dim, m * q)
            ratio = (middle - (m * own / scale) ** power) / width
            log_all += (many - (m == n)) * log_ndtr(ratio)
        right += share * float(weight / 2 @ np.exp(log_all) @ density)
    return float(right)


def _over(sizes: Array, moments: Callable[[float], tuple[float, float]], source: str) -> Null:
    """Of the mean over classes, from mean and variance of a class of each size."""
    counts, number = grouped(sizes)
    means, variances = np.array([moments(float(count)) for count in counts]).T
    total = number.sum()
    return Null(float(number @ means / total), float(np.sqrt(number @ variances) / total), source)


def _correlation(size: float, sizes: Array, of_means: bool) -> float:
    """Of a sample with the mean of its class, both less the mean of all N samples.

    Covariance 1/n - 1/N, variances 1 - 1/N and 1/n - 1/N.
    """
    if not of_means:
        return 0.0
    total = float(sizes.sum())
    # A class of one sample is at its mean; short of it the law of a cosine still exists.
    return min(math.sqrt((1 / size - 1 / total) / (1 - 1 / total)), 1 - 1e-9)


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
