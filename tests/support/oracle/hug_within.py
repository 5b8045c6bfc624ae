"""HUG within classes: samples and the anchors of their classes, on the sphere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.support.oracle.formula import (
    MEANS_COINCIDE,
    ZERO_FEATURE,
    ZERO_WEIGHT,
    Side,
    formula,
    on_sides,
)
from tests.support.oracle.hug import MEANS_APART, energy, logdet, separation
from tests.support.oracle.sphere import (
    all_chords,
    chords,
    directed,
    log_determinant,
    mean,
    pair_chords,
)
from tests.support.oracle.view import (
    Array,
    Outcome,
    Undefined,
    View,
    centred_means,
    head_rows,
)

NO_DIRECTION = (*ZERO_FEATURE, *ZERO_WEIGHT)

JITTER = 1e-6
"""Added to the diagonal of the Gram matrices within classes."""

WHOLE_CLASS = 256
"""Beyond so many samples the tool looks at some of them, where it compares all pairs."""


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
    return Outcome(mean(values), values, sampled=sampled)


@on_sides("hug.reverse_energy", means=MEANS_COINCIDE, weights=NO_DIRECTION, rounding="length")
def reverse_energy(seen: View, side: Side) -> Outcome:
    """Mean over classes of the mean distance to the anchor."""
    return _average([mean(own) for own in _to_anchors(seen, side)])


@on_sides(
    "hug.mhe", means=MEANS_APART, weights=(*NO_DIRECTION, "one_dimension"), rounding="logarithm"
)
def mhe(seen: View, side: Side) -> Outcome:
    """-alpha E_2 - beta (mean over classes of the mean distance to the anchor)."""
    between, within = energy(_between(seen, side), 2).value, reverse_energy(seen, side).value
    assert between is not None and within is not None
    return Outcome(-seen.alpha * between - seen.beta * within)


@on_sides("hug.mhs", means=MEANS_COINCIDE, weights=NO_DIRECTION, rounding="length")
def mhs(seen: View, side: Side) -> Outcome:
    """alpha min rho - beta (mean over classes of the largest distance to the anchor)."""
    between = separation(_between(seen, side)).value
    assert between is not None
    within = mean(np.array([own.max() for own in _to_anchors(seen, side)]))
    return Outcome(seen.alpha * between - seen.beta * within)


@on_sides(
    "hug.mgd", means=MEANS_APART, weights=(*NO_DIRECTION, "one_dimension"), rounding="logarithm"
)
def mgd(seen: View, side: Side) -> Outcome:
    """alpha log det - beta (mean over classes of log det of the class and its anchor)."""
    between = logdet(_between(seen, side)).value
    assert between is not None
    within = mean(np.array([log_determinant(gram) for gram in class_grams(seen, side)]))
    return Outcome(seen.alpha * between - seen.beta * within, sampled=_has_large_class(seen))


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


@formula("hug.alignment", undefined_on=ZERO_FEATURE, rounding="square_distance")
def alignment(seen: View) -> Outcome:
    """Mean over classes of the mean over pairs of |x_i - x_j|^2, x = h/|h|."""
    return _average([mean(pairs**2) for pairs in _pairs_by_class(seen)])


@formula("hug.pair_distance", undefined_on=ZERO_FEATURE, rounding="length")
def pair_distance(seen: View) -> Outcome:
    """Mean over classes of the mean over pairs of |x_i - x_j|, x = h/|h|: all pairs."""
    by_class = [mean(pairs) for pairs in _pairs_by_class(seen)]
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
