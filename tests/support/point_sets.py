"""Point sets on the sphere whose numbers are known: each row one unit vector."""

from __future__ import annotations

from itertools import combinations, permutations, product

import numpy as np

from tests.support.populations import Array, simplex

GOLDEN = (1 + 5**0.5) / 2


def etf(classes: int, dim: int | None = None) -> Array:
    """A regular simplex, randomly turned."""
    return simplex(np.random.default_rng(classes), classes, dim or classes - 1)


def orthoplex(dim: int) -> Array:
    return np.concatenate([np.eye(dim), -np.eye(dim)])  # (2D, D)


def polygon(classes: int) -> Array:
    angles = 2 * np.pi * np.arange(classes) / classes  # (K,)
    return np.column_stack([np.cos(angles), np.sin(angles)])  # (K, 2)


def union(*sizes: int) -> Array:
    """Regular simplices in orthogonal subspaces."""
    rows = np.zeros((sum(sizes), sum(sizes) - len(sizes)))  # (K, D)
    row = column = 0
    for size in sizes:
        rows[row : row + size, column : column + size - 1] = etf(size)
        row, column = row + size, column + size - 1
    return rows


def icosahedron() -> Array:
    corners = [(0.0, a, b * GOLDEN) for a, b in product((1, -1), repeat=2)]
    return _unit([corner[k:] + corner[:k] for corner in corners for k in range(3)])  # (12, 3)


def cell24() -> Array:
    return np.concatenate([orthoplex(4), _signs(4) / 2])  # (24, 4)


def cell600() -> Array:
    """The 24-cell, and the even permutations of (+-golden, +-1, +-1/golden, 0)/2."""
    rest = [
        [values[place] for place in order]
        for order in permutations(range(4))
        if sum(a > b for a, b in combinations(order, 2)) % 2 == 0
        for a, b, c in product((1, -1), repeat=3)
        for values in [(a * GOLDEN / 2, b / 2, c / GOLDEN / 2, 0.0)]
    ]
    return np.concatenate([cell24(), np.array(rest)])  # (120, 4)


def e8() -> Array:
    axes = np.eye(8)
    signed = list(product((1, -1), repeat=2))
    pairs = [axes[a] * s + axes[b] * t for a, b in combinations(range(8), 2) for s, t in signed]
    signs = _signs(8)  # (256, 8)
    even = signs[signs.prod(axis=1) > 0] / 2  # (128, 8)
    return _unit(np.concatenate([np.array(pairs), even]))  # (240, 8)


def neighbours(rows: Array) -> Array:
    """What a symmetric code looks like from its first point: its nearest, in the space across."""
    cosines = rows @ rows[0]  # (K,)
    nearest = cosines[1:].max()
    close = np.abs(cosines - nearest) < 1e-9  # (K,)
    across = rows[close] - nearest * rows[0]  # (k, D)
    axes = np.linalg.svd(rows[:1])[2][1:]  # (D-1, D)
    return _unit(across @ axes.T)


def sharp(classes: int) -> Array:
    """E8 and the codes under it: 240, 56, 27, 16 points in 8, 7, 6, 5 dimensions."""
    rows = e8()
    while len(rows) > classes:
        rows = neighbours(rows)
    return rows


def cloud(seed: int, classes: int, dim: int) -> Array:
    """Random directions."""
    return _unit(np.random.default_rng(seed).standard_normal((classes, dim)))


def _signs(dim: int) -> Array:
    return np.array(list(product((1.0, -1.0), repeat=dim)))  # (2^D, D)


def _unit(rows: list[tuple[float, ...]] | Array) -> Array:
    points = np.array(rows)  # (K, D)
    unit: Array = points / np.linalg.norm(points, axis=1)[:, None]
    return unit
