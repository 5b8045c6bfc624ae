"""Structureless points, drawn at the price of K coordinates each, whatever the dimension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nctool.geometry.nulls.null import Array

SEED = 0


@dataclass(frozen=True, slots=True)
class Unequal:
    """Class sizes too far apart to count as equal: means of few samples are further out."""

    counts: tuple[float, ...]
    by_sample: bool  # class means are centred on the mean of all samples, not on their own


def generator(count: int, dim: int, centred: bool) -> np.random.Generator:
    """The same draws for the same question, whatever was asked before."""
    return np.random.default_rng([SEED, count, dim, int(centred)])


def gaussian_points(random: np.random.Generator, draws: int, count: int, dim: int) -> Array:
    """(B, K, min(K, d)) coordinates of K independent Gaussian points in d dimensions.

    Above K dimensions by Bartlett's decomposition: a triangle of normals whose diagonal holds chi
    variables has the Gram matrix of K Gaussian points (a Wishart matrix), and nothing but that is
    ever looked at.
    """
    points = random.standard_normal((draws, count, min(count, dim)))
    if dim >= count:
        points = np.tril(points, -1)
        rows = np.arange(count)
        points[:, rows, rows] = np.sqrt(random.chisquare(dim - rows, (draws, count)))
    return points


def as_means(points: Array, centred: bool, sizes: Unequal | None = None) -> Array:
    """(B, K, m) less their mean; before, divided by the roots of their class sizes."""
    if not centred:
        return points
    if sizes is None:
        centred_points: Array = points - points.mean(1, keepdims=True)
        return centred_points
    counts = np.array(sizes.counts)
    points = points / np.sqrt(counts)[:, None]
    share = counts / counts.sum() if sizes.by_sample else np.full(len(counts), 1 / len(counts))
    centre: Array = share @ points[:, None]
    return points - centre


def directions(points: Array) -> Array:
    """(B, K, m) scaled to length one."""
    unit: Array = points / np.linalg.norm(points, axis=2, keepdims=True)
    return unit
