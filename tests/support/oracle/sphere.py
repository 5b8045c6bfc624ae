"""Distances between directions, and determinants of what follows from them.

Distances on the sphere are differences of unit vectors, taken from the difference of the vectors
themselves (``chords``): float64 keeps its digits, however near each other they are. The exact
determinants are eliminated in numpy's longdouble, which is float64 where there is nothing wider.
"""

from __future__ import annotations

import math

import numpy as np

from tests.support.oracle.view import EPSILON, Array, Undefined

COINCIDENT = 4 * EPSILON
"""Parallel vectors are this near each other after rounding: one direction, not two."""

LARGE_MATRIX = 512
"""Elimination in longdouble is slow: larger determinants are LAPACK's."""


def chords(first: Array, second: Array, difference: Array) -> Array:
    """|a/|a| - b/|b|| by row, from a - b: for |a| >= |b|, |(a - b) - b (|a| - |b|)/|b|| / |a|."""
    lengths, others = np.linalg.norm(first, axis=-1), np.linalg.norm(second, axis=-1)  # (n,) (n,)
    excess = (difference * (first + second)).sum(axis=-1) / (lengths + others)  # (n,) |a| - |b|
    longer = excess >= 0  # (n,)
    shorter = np.where(longer[..., None], second, first)  # (n, D)
    along = (excess / np.where(longer, others, lengths))[..., None] * shorter  # (n, D)
    distances: Array = np.linalg.norm(difference - along, axis=-1) / np.maximum(lengths, others)
    return distances


def directed(rows: Array, name: str) -> Array:
    """The rows, each of which has a direction."""
    if not rows.any(axis=1).all():
        raise Undefined(f"a {name} is zero and has no direction")
    return rows


def pair_chords(rows: Array) -> Array:
    """Chords of every unordered pair, a million coordinates at a time."""
    rows = directed(rows, "row")
    pairs = np.stack(np.triu_indices(len(rows), 1))  # (2, pairs)
    pieces = np.array_split(pairs, 1 + pairs.shape[1] * rows.shape[1] // 1_000_000, axis=1)
    return np.concatenate([chords(rows[a], rows[b], rows[a] - rows[b]) for a, b in pieces])


def all_chords(rows: Array) -> Array:
    """The same as a symmetric matrix."""
    matrix = np.zeros((len(rows), len(rows)))  # (n, n)
    matrix[np.triu_indices(len(rows), 1)] = pair_chords(rows)
    return matrix + matrix.T


def apart(rows: Array) -> Array:
    """The same, if no two rows have one direction."""
    pairs = pair_chords(rows)  # (K(K-1)/2,)
    merged = int((pairs <= COINCIDENT).sum())
    if merged:
        raise Undefined(f"{merged} pairs of directions coincide")
    return pairs


def mean(values: Array) -> float:
    return math.fsum(values.tolist()) / len(values)


def log_determinant(matrix: Array) -> float:
    """Sum of the logarithms of the pivots of Gaussian elimination; LAPACK's for large matrices."""
    if len(matrix) > LARGE_MATRIX:
        return float(np.linalg.slogdet(matrix)[1])
    work = matrix.astype(np.longdouble)  # (n, n)
    pivots = []
    for k in range(len(work)):
        pivots.append(float(work[k, k]))
        if pivots[-1] <= len(work) * EPSILON:
            raise Undefined("the determinant is lost in rounding")
        share = work[k, k + 1 :] / work[k, k]  # (n-k-1,)
        work[k + 1 :, k + 1 :] -= np.outer(work[k + 1 :, k], share)
    return math.fsum(math.log(pivot) for pivot in pivots)
