"""How far a point is from the convex hull of others, and the one-vs-rest margins of rows.

Wolfe's minimum-norm-point algorithm: walk from the nearest vertex to ever nearer points of the
hull, each the point of an affine hull that is nearest the origin. The answer carries its own
proof: the weights of a point of the hull (no hull is farther than its points), and the plane
through that point (no vertex is before it, so neither is the hull).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lstsq

from tests.support.oracle.view import EPSILON, Array, column_sums, unit_rows

ROUNDING = 4 * EPSILON
"""What a product of two rows may be off by, relative to their lengths."""

TINY = float(np.finfo(np.float64).tiny)


def distance_to_hull(point: Array, others: Array) -> tuple[float, float, Array]:
    """|x| for the nearest x = sum_j w_j (y_j - p), min_j <x/|x|, y_j - p> if positive, and w."""
    rows = others - point  # (K, D)
    weights = _walk(rows)  # (K,)
    upper = float(np.linalg.norm(column_sums(weights[:, None] * rows)))
    if upper <= _noise(rows, weights):
        return upper, 0.0, weights
    normal = _normal(rows, weights)  # (D,)
    lower = float((rows @ normal).min()) / float(np.linalg.norm(normal))
    return upper, max(lower, 0.0), weights


def margins(rows: Array) -> Array:
    """dist(x_c, conv{x_j: j != c}) of rows put on the unit sphere; 0 for one that occurs twice."""
    points = unit_rows(rows, "row")  # (K, D)
    everyone = np.arange(len(points))  # (K,)
    return np.array([distance_to_hull(points[c], points[everyone != c])[0] for c in everyone])


# Wolfe's walk


def _noise(rows: Array, weights: Array) -> float:
    """The rounding of sum_j w_j y_j: a point this near the origin is at it."""
    return ROUNDING * float(weights @ np.linalg.norm(rows, axis=1))


def _walk(rows: Array) -> Array:
    """The weights of the convex combination of rows that is nearest the origin."""
    lengths = np.linalg.norm(rows, axis=1)  # (K,)
    weights = _start(rows, lengths)  # (K,)
    while True:
        length = float(np.linalg.norm(weights @ rows))
        if length <= _noise(rows, weights):
            break
        normal = _normal(rows, weights)  # (D,)
        before = normal @ normal - rows @ normal  # (K,)
        before -= ROUNDING * float(np.linalg.norm(normal)) * lengths
        vertex = int(before.argmax())
        if before[vertex] <= 0 or weights[vertex] > 0:
            break
        nearer = _step(rows, weights, vertex)  # (K,)
        if float(np.linalg.norm(nearer @ rows)) >= length:
            break
        weights = nearer
    return weights


def _start(rows: Array, lengths: Array) -> Array:
    """All rows at once, where few enough and the affine minimum is within; or the shortest."""
    classes, dim = rows.shape
    if classes <= dim + 1 and lengths.all():
        weights = _affine_minimum(rows)  # (K,)
        if (weights > 0).all():
            return _convex(weights)
    weights = np.zeros(classes)  # (K,)
    weights[lengths.argmin()] = 1.0
    return weights


def _step(rows: Array, weights: Array, vertex: int) -> Array:
    """Admit a vertex; move towards the affine minimum, dropping vertices met on the way."""
    weights = weights.copy()  # (K,)
    inside = weights > 0  # (K,)
    inside[vertex] = True
    while True:
        target = np.zeros(len(rows))  # (K,)
        target[inside] = _affine_minimum(rows[inside])
        leaving = inside & (target <= 0)  # (K,)
        if not leaving.any():
            break
        drop = weights[leaving] - target[leaving]  # (leaving,)
        share = np.divide(weights[leaving], drop, out=np.zeros_like(drop), where=drop > 0)
        weights = weights + share.min() * (target - weights)  # (K,)
        inside[np.flatnonzero(leaving)[share.argmin()]] = False
        inside &= weights > 0
        weights[~inside] = 0.0
    return _convex(target)


def _convex(weights: Array) -> Array:
    """Of sum 1 once more, after rounding."""
    scaled: Array = weights / weights.sum()  # (K,)
    return scaled


def _directions(rows: Array) -> tuple[int, Array, Array]:
    """The shortest row, and the others' differences from it as columns of length one."""
    base = int(np.linalg.norm(rows, axis=1).argmin())
    differences = np.delete(rows - rows[base], base, axis=0)  # (m-1, D)
    lengths = np.maximum(np.linalg.norm(differences, axis=1), TINY)  # (m-1,)
    return base, (differences / lengths[:, None]).T, lengths


def _fit(columns: Array, target: Array) -> Array:
    """The t of least |target - columns t|."""
    solution: Array = lstsq(columns, target, lapack_driver="gelsy", check_finite=False)[0]
    return solution


def _affine_minimum(rows: Array) -> Array:
    """Weights of sum 1, of any sign, for which |sum_j w_j y_j| is least.

    min |y_b + sum_j t_j (y_j - y_b)|, each difference scaled to length one so that near and far
    rows count alike; fitted once more to what the first fit leaves.
    """
    if len(rows) == 1:
        return np.ones(1)
    base, columns, lengths = _directions(rows)
    first = _fit(columns, -rows[base])  # (m-1,)
    others = (first - _fit(columns, rows[base] + columns @ first)) / lengths  # (m-1,)
    return np.insert(others, base, 1 - others.sum())


def _normal(rows: Array, weights: Array) -> Array:
    """The nearest point itself, with what rounding left along its face taken off."""
    face = rows[weights > 0]  # (m, D)
    nearest: Array = weights @ rows  # (D,)
    if len(face) == 1:
        return nearest
    _, columns, _ = _directions(face)
    across: Array = nearest - columns @ _fit(columns, nearest)  # (D,)
    return across
