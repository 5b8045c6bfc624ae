"""What class sizes do to the geometry: simplex-encoded label interpolation, minority collapse.

The geometry expected of unequal classes is read off the singular value decomposition of the label
matrix itself, all N columns of it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tests.support.oracle.formula import (
    EQUAL_SIZE_RATIO,
    EQUAL_SIZES,
    Side,
    equal_sizes,
    formula,
    on_sides,
)
from tests.support.oracle.view import (
    Array,
    Index,
    Outcome,
    Undefined,
    View,
    centred_means,
    head_rows,
    matched_rows,
    unit_rows,
)


def _unequal(seen: View) -> Index:
    """The class sizes, if they are not all much alike."""
    counts = seen.sample.counts  # (K,)
    if len(counts) < 2:
        raise Undefined("needs at least two classes")
    if equal_sizes(counts):
        raise Undefined(f"the largest class is at most {EQUAL_SIZE_RATIO} times the smallest")
    return counts


def _rows(seen: View, side: Side) -> Array:
    """One row per present class."""
    if side == "means":
        return centred_means(seen)  # (K, D)
    return head_rows(seen)[seen.sample.rows]  # (K, D)


# SELI


def label_matrix(counts: Index) -> Array:
    """Z, whose column for a sample of class c is e_c - 1/K; samples in class order."""
    classes = len(counts)
    centred = np.eye(classes) - 1 / classes  # (K, K)
    return np.repeat(centred, counts, axis=1)  # (K, N)


def seli_weights(counts: Index) -> Array:
    """V L V' of Z = V L U', expected to be proportional to W W'."""
    left, spectrum, _ = np.linalg.svd(label_matrix(counts), full_matrices=False)
    gram: Array = (left * spectrum) @ left.T  # (K, K)
    return gram


def seli_means(counts: Index) -> Array:
    """U L U', expected to be proportional to H H': the rows and columns of one sample per class."""
    _, spectrum, right = np.linalg.svd(label_matrix(counts), full_matrices=False)
    firsts = np.cumsum(counts) - counts  # (K,)
    own = right[:, firsts]  # (K, K)
    gram: Array = (own.T * spectrum) @ own  # (K, K)
    return gram


def _deviation(gram: Array, target: Array) -> Outcome:
    """|| A/||A||_F - B/||B||_F ||_F."""
    length = float(np.linalg.norm(gram))
    if length == 0.0:
        raise Undefined("the matrix of products is zero")
    return Outcome(float(np.linalg.norm(gram / length - target / np.linalg.norm(target))))


@on_sides("nc2.seli_deviation", means=EQUAL_SIZES, weights=EQUAL_SIZES, rounding="length")
def seli_deviation(seen: View, side: Side) -> Outcome:
    """|| WW'/||.||_F - VLV'/||.||_F ||_F, or the same of M M' and ULU'."""
    counts, rows = _unequal(seen), _rows(seen, side)
    return _deviation(
        rows @ rows.T, seli_means(counts) if side == "means" else seli_weights(counts)
    )


@formula("nc3.seli_deviation", undefined_on=EQUAL_SIZES, rounding="length")
def seli_logits(seen: View) -> Outcome:
    """|| L/||L||_F - Z/||Z||_F ||_F: logits W M' of every sample, were it at its class mean."""
    counts = _unequal(seen)
    weight, means = matched_rows(seen)
    return _deviation(weight @ np.repeat(means, counts, axis=0).T, label_matrix(counts))


# Minority and majority

LONE_MINORITY = (*EQUAL_SIZES, "one_dimension", "one_sample_class")


def minority(counts: Index) -> npt.NDArray[np.bool_]:
    """n_c <= sqrt(n_min n_max), in whole numbers."""
    small: npt.NDArray[np.bool_] = counts**2 <= counts.min() * counts.max()
    return small


@on_sides(
    "imbalance.minority_cosine", means=LONE_MINORITY, weights=LONE_MINORITY, rounding="length"
)
def minority_cosine(seen: View, side: Side) -> Outcome:
    """Mean over pairs of minority classes of cos(x_a, x_b)."""
    few = minority(_unequal(seen))  # (K,)
    unit = unit_rows(_rows(seen, side)[few], "row")  # (m, D)
    if len(unit) < 2:
        raise Undefined("there is one minority class")
    cosines = (unit @ unit.T)[np.triu_indices(len(unit), 1)]  # (m(m-1)/2,)
    return Outcome(math.fsum(cosines.tolist()) / len(cosines))


@on_sides("imbalance.norm_ratio", means=EQUAL_SIZES, weights=EQUAL_SIZES, rounding="length")
def norm_ratio(seen: View, side: Side) -> Outcome:
    """Mean norm of the minority's rows over the mean norm of the majority's."""
    few = minority(_unequal(seen))  # (K,)
    lengths = np.linalg.norm(_rows(seen, side), axis=1)  # (K,)
    if not lengths[~few].any():
        raise Undefined("the majority's rows are zero")
    return Outcome(float(lengths[few].mean() / lengths[~few].mean()))
