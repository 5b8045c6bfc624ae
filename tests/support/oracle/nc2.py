"""NC2: rows X, of the centred means or of the head, against a simplex."""

from __future__ import annotations

import math

import numpy as np

from tests.support.oracle.formula import on_rows
from tests.support.oracle.view import Array, Outcome, Undefined, unit_rows


def variation(values: Array, name: str) -> float:
    """Sample standard deviation (n - 1) over the mean."""
    mean = float(values.mean())
    if mean == 0.0:
        raise Undefined(f"the mean of the {name} is zero")
    return float(values.std(ddof=1)) / mean


@on_rows("nc2.norm_cv", weights=(), rounding="length")
def norm_cv(rows: Array) -> Outcome:
    """std_c |x_c| / mean_c |x_c|, with n - 1."""
    lengths = np.linalg.norm(rows, axis=1)  # (K,)
    return Outcome(variation(lengths, "norms"), lengths)


def _cosines(rows: Array) -> Array:
    unit = unit_rows(rows, "row")  # (K, D)
    return unit @ unit.T  # (K, K)


@on_rows("nc2.cos_std", rounding="length")
def cos_std(rows: Array) -> Outcome:
    """Population standard deviation of cos(x_a, x_b) over unordered pairs."""
    return Outcome(float(_cosines(rows)[np.triu_indices(len(rows), 1)].std()))


@on_rows("nc2.angle_gap", rounding="length")
def angle_gap(rows: Array) -> Outcome:
    """Mean over pairs of |cos(x_a, x_b) + 1/(K-1)|; by class, over the others."""
    gaps = np.abs(_cosines(rows) + 1 / (len(rows) - 1))  # (K, K)
    np.fill_diagonal(gaps, 0.0)
    by_class = gaps.sum(axis=1) / (len(rows) - 1)  # (K,)
    return Outcome(float(by_class.mean()), by_class)


@on_rows("nc2.max_cos", rounding="length")
def max_cos(rows: Array) -> Outcome:
    """max over pairs of cos(x_a, x_b); by class, over the others."""
    cosines = _cosines(rows)  # (K, K)
    np.fill_diagonal(cosines, -np.inf)
    by_class = cosines.max(axis=1)  # (K,)
    return Outcome(float(by_class.max()), by_class)


def from_simplex(gram: Array) -> Outcome:
    """|| G/||G||_F - T_K ||_F with T_K = (I - 11'/K) / sqrt(K-1)."""
    size, length = len(gram), float(np.linalg.norm(gram))
    if length == 0.0:
        raise Undefined("the Gram matrix is zero")
    target = (np.eye(size) - 1 / size) / math.sqrt(size - 1)  # (K, K)
    return Outcome(float(np.linalg.norm(gram / length - target)))


@on_rows("nc2.etf_deviation", weights=(), rounding="length")
def etf_deviation(rows: Array) -> Outcome:
    """|| G/||G||_F - T_K ||_F with G = X X'."""
    return from_simplex(rows @ rows.T)


def etf_floor(classes: int, dim: int) -> float:
    """The least etf_deviation of K rows in D dimensions: sqrt(2 - 2 sqrt(D/(K-1))) or 0."""
    return math.sqrt(max(0.0, 2 - 2 * math.sqrt(min(1.0, dim / (classes - 1)))))
