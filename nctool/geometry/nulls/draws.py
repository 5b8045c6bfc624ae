"""Structureless points, drawn at the price of K coordinates each, whatever the dimension."""

from __future__ import annotations

import numpy as np

from nctool.geometry.nulls.null import Array

SEED = 0


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


def directions(points: Array, centred: bool) -> Array:
    """(B, K, m) scaled to length one, for class means less their mean over classes."""
    if centred:
        points = points - points.mean(1, keepdims=True)
    unit: Array = points / np.linalg.norm(points, axis=2, keepdims=True)
    return unit
