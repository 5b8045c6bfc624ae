"""Hyperspherical uniformity in textbook formulas: energies, separations and gaps on the sphere.

Distances on the sphere are differences of unit vectors, taken from the difference of the vectors
themselves (``chords``): float64 keeps its digits, however near each other they are. The exact
determinants are eliminated in numpy's longdouble, which is float64 where there is nothing wider.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np

from tests.support.oracle_energy import best_energy, random_energy
from tests.support.oracle_view import (
    EPSILON,
    Array,
    Outcome,
    Undefined,
    View,
    centred_means,
    head_rows,
)

Side = Literal["means", "weights"]

COINCIDENT = 4 * EPSILON
"""Parallel vectors are this near each other after rounding: one direction, not two."""

JITTER = 1e-6
"""Added to the diagonal of the Gram matrices within classes."""

WHOLE_CLASS = 256
"""Beyond so many samples the tool looks at some of them, where it compares all pairs."""


# Distances


def chords(one: Array, other: Array, difference: Array) -> Array:
    """|a/|a| - b/|b|| by row, from a - b: for |a| >= |b|, |(a - b) - b (|a| - |b|)/|b|| / |a|."""
    lengths, others = np.linalg.norm(one, axis=-1), np.linalg.norm(other, axis=-1)  # (n,) (n,)
    excess = (difference * (one + other)).sum(axis=-1) / (lengths + others)  # (n,) |a| - |b|
    longer = excess >= 0  # (n,)
    shorter = np.where(longer[..., None], other, one)  # (n, D)
    along = (excess / np.where(longer, others, lengths))[..., None] * shorter  # (n, D)
    found: Array = np.linalg.norm(difference - along, axis=-1) / np.maximum(lengths, others)
    return found


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
    found = np.zeros((len(rows), len(rows)))  # (n, n)
    found[np.triu_indices(len(rows), 1)] = pair_chords(rows)
    return found + found.T


def _apart(rows: Array) -> Array:
    """The same, if no two rows have one direction."""
    pairs = pair_chords(rows)  # (K(K-1)/2,)
    merged = int((pairs <= COINCIDENT).sum())
    if merged:
        raise Undefined(f"{merged} pairs of directions coincide")
    return pairs


def _mean(values: Array) -> float:
    return math.fsum(values.tolist()) / len(values)


# Rows X on the sphere


def energy_s0(rows: Array) -> Outcome:
    """Mean over pairs of log(1/rho)."""
    return Outcome(_mean(-np.log(_apart(rows))))


def energy(rows: Array, s: int) -> Outcome:
    """Mean over pairs of rho^-s."""
    return Outcome(_mean(_apart(rows) ** -s))


def energy_newton(rows: Array) -> Outcome:
    """log of the mean over pairs of rho^-(D-2), the largest power taken out of the mean."""
    dim = rows.shape[1]
    if dim <= 2:
        raise Undefined("the Newtonian kernel needs three dimensions")
    powers = -(dim - 2) * np.log(_apart(rows))  # (K(K-1)/2,)
    return Outcome(float(powers.max()) + math.log(_mean(np.exp(powers - powers.max()))))


def separation(rows: Array) -> Outcome:
    """min over pairs of rho."""
    return Outcome(float(pair_chords(rows).min()))


def logdet(rows: Array) -> Outcome:
    """log det of exp(-rho^2)."""
    _apart(rows)
    return Outcome(log_determinant(np.exp(-(all_chords(rows) ** 2))))


def log_determinant(matrix: Array) -> float:
    """Sum of the logarithms of the pivots of Gaussian elimination; LAPACK's for large matrices."""
    if len(matrix) > 2 * WHOLE_CLASS:
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


def uniformity(rows: Array) -> Outcome:
    """(E_random - E) / (E_random - E_best), s = 2."""
    classes, dim = rows.shape
    if dim <= 3:
        raise Undefined("the energy of random directions is infinite")
    found, chance, best = energy(rows, 2).value, random_energy(dim), best_energy(classes, dim)
    assert found is not None
    return Outcome((chance - found) / (chance - best))


# Samples and the anchors of their classes, on the sphere


def _anchors(seen: View, side: Side) -> Array:
    """Centred class means, or the head's rows of the present classes."""
    if side == "means":
        return directed(centred_means(seen), "centred class mean")  # (K, D)
    return directed(head_rows(seen)[seen.sample.rows], "classifier row")  # (K, D)


def _points(seen: View, side: Side) -> Array:
    """Features less the global mean, or as they are."""
    if side == "means":
        centred = seen.centred[seen.sample.classes] + seen.residual  # (N, D)
        return directed(centred, "centred feature")
    return directed(seen.sample.features, "feature")  # (N, D)


def _to_anchors(seen: View, side: Side) -> list[Array]:
    """By class, the distance of each sample to the anchor."""
    anchors = _anchors(seen, side)[seen.sample.classes]  # (N, D)
    points = _points(seen, side)  # (N, D)
    difference = seen.residual if side == "means" else points - anchors  # (N, D)
    return _split(seen, chords(points, anchors, difference))


def _split(seen: View, values: Array) -> list[Array]:
    return [values[seen.sample.classes == c] for c in range(len(seen.position))]


def _average(by_class: Sequence[float], sampled: bool = False) -> Outcome:
    values = np.array(by_class)  # (K,)
    return Outcome(_mean(values), values, sampled=sampled)


def reverse_energy(seen: View, side: Side) -> Outcome:
    """Mean over classes of the mean distance to the anchor."""
    return _average([_mean(own) for own in _to_anchors(seen, side)])


def mhe(seen: View, side: Side, alpha: float, beta: float) -> Outcome:
    """-alpha E_2 - beta (mean over classes of the mean distance to the anchor)."""
    between, within = energy(_between(seen, side), 2).value, reverse_energy(seen, side).value
    assert between is not None and within is not None
    return Outcome(-alpha * between - beta * within)


def mhs(seen: View, side: Side, alpha: float, beta: float) -> Outcome:
    """alpha min rho - beta (mean over classes of the largest distance to the anchor)."""
    between = separation(_between(seen, side)).value
    assert between is not None
    within = _mean(np.array([own.max() for own in _to_anchors(seen, side)]))
    return Outcome(alpha * between - beta * within)


def mgd(seen: View, side: Side, alpha: float, beta: float) -> Outcome:
    """alpha log det - beta (mean over classes of log det of the class and its anchor)."""
    between = logdet(_between(seen, side)).value
    assert between is not None
    within = _mean(np.array([log_determinant(gram) for gram in class_grams(seen, side)]))
    return Outcome(alpha * between - beta * within, sampled=_has_large_class(seen))


def class_grams(seen: View, side: Side) -> list[Array]:
    """By class, exp(-rho^2) of its samples and, last, its anchor; the jitter on the diagonal."""
    points, distances = _split(seen, _points(seen, side)), _to_anchors(seen, side)
    grams = []
    for own, last in zip(points, distances, strict=True):
        square = np.zeros((len(own) + 1, len(own) + 1))  # (n+1, n+1)
        square[:-1, :-1] = all_chords(own) ** 2
        square[-1, :-1] = square[:-1, -1] = last**2
        grams.append(np.exp(-square) + JITTER * np.eye(len(square)))
    return grams


def _between(seen: View, side: Side) -> Array:
    """All rows of the head, also those of absent classes."""
    return centred_means(seen) if side == "means" else head_rows(seen)


def _has_large_class(seen: View) -> bool:
    return bool(seen.sample.counts.max() > WHOLE_CLASS)


def alignment(seen: View) -> Outcome:
    """Mean over classes of the mean over pairs of |x_i - x_j|^2, x = h/|h|."""
    return _average([_mean(pairs**2) for pairs in _pairs_by_class(seen)])


def pair_distance(seen: View) -> Outcome:
    """Mean over classes of the mean over pairs of |x_i - x_j|, x = h/|h|: all pairs."""
    by_class = [_mean(pairs) for pairs in _pairs_by_class(seen)]
    return _average(by_class, _has_large_class(seen))


def _pairs_by_class(seen: View) -> list[Array]:
    """The distances within each class of two samples or more; collapse needs several classes."""
    if len(seen.sample.counts) < 2:
        raise Undefined("one class only")
    groups = _split(seen, directed(seen.sample.features, "feature"))
    pairs = [pair_chords(own) for own in groups if len(own) > 1]
    if not pairs:
        raise Undefined("every class has one sample")
    return pairs


# Ids

GEOMETRY: Mapping[str, Callable[[Array], Outcome]] = {
    "hug.energy_s0": energy_s0,
    "hug.energy_s1": partial(energy, s=1),
    "hug.energy_s2": partial(energy, s=2),
    "hug.energy_newton": energy_newton,
    "hug.separation": separation,
    "hug.logdet": logdet,
    "hug.uniformity": uniformity,
}


def metrics(alpha: float, beta: float) -> dict[str, Callable[[View], Outcome]]:
    """What takes samples too."""
    found: dict[str, Callable[[View], Outcome]] = {
        "hug.alignment": alignment,
        "hug.pair_distance": pair_distance,
    }
    for side in ("means", "weights"):
        found[f"hug.reverse_energy.{side}"] = partial(reverse_energy, side=side)
        for gap in (mhe, mhs, mgd):
            found[f"hug.{gap.__name__}.{side}"] = partial(gap, side=side, alpha=alpha, beta=beta)
    return found
