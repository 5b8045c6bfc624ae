"""What every formula of the oracle starts from: inputs as used, class means, residuals.

Every mean is taken per class, from differences to that class's smallest coordinates, with
exactly rounded sums; residuals are differences, never E|h|^2 - |E h|^2. So a common offset of a
thousand spreads, or a class a hundred-millionth of its own length wide, costs no digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Center = Literal["balanced", "samples"]

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A number, or none and the reason; where they exist, its parts by class and by sample."""

    value: float | None
    per_class: Array | None = None  # (K,)
    reason: str | None = None
    samples: Array | None = None  # (N,)
    sampled: bool = False
    """The tool looks at some samples of its larger classes; this is of all of them."""


class Undefined(Exception):
    """The formula has no value here; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Inputs as they are used: present classes numbered 0..K-1, each with its row of the head."""

    features: Array  # (N, D)
    classes: Index  # (N,)
    counts: Index  # (K,)
    weight: Array | None  # (R, D)
    bias: Array  # (R,)
    rows: Index  # (K,) row of the head that belongs to each present class
    ood: Array | None  # (M, D)


@dataclass(frozen=True, slots=True)
class View:
    """A sample with its class means, kept as differences, and its residuals."""

    sample: Sample
    center: Center
    corner: Array  # (K, D) smallest coordinates of each class
    shift: Array  # (K, D) class means minus corners
    position: Array  # (K, D) class means minus the first class mean
    centred: Array  # (K, D) class means minus the global mean
    middle: Array  # (D,) the global mean
    residual: Array  # (N, D)
    variance: Array  # (K,) mean squared residual length
    alpha: float  # the weights of the two halves of a uniformity gap
    beta: float


# Reading the inputs


def prepare(
    features: npt.ArrayLike,
    labels: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    ood: npt.ArrayLike | None = None,
) -> Sample:
    """Convert to float64 and number the classes that occur, in sorted order."""
    points = _matrix(features, "features")  # (N, D)
    names = np.asarray(labels)  # (N,)
    if names.shape != points.shape[:1] or names.dtype.kind not in "iuU":
        raise ValueError("labels must be one integer or string per feature row")
    present, classes, counts = np.unique(names, return_inverse=True, return_counts=True)
    head = None if weight is None else _matrix(weight, "weight")  # (R, D)
    size = len(present) if head is None else len(head)
    offsets = np.zeros(size) if bias is None else np.asarray(bias, np.float64)  # (R,)
    others = None if ood is None else _matrix(ood, "ood")  # (M, D)
    if any(m is not None and m.shape[1] != points.shape[1] for m in (head, others)):
        raise ValueError("features, weight and ood must have the same width")
    if offsets.shape != (size,):
        raise ValueError("bias must have one entry per weight row")
    rows = _rows_of(present, size)
    return Sample(
        points, classes.astype(np.intp), counts.astype(np.intp), head, offsets, rows, others
    )


def _matrix(values: npt.ArrayLike, name: str) -> Array:
    matrix = np.asarray(values).astype(np.float64)
    if matrix.ndim != 2 or matrix.size == 0 or not np.isfinite(matrix).all():
        raise ValueError(f"{name} must be a finite, non-empty matrix")
    return matrix


def _rows_of(present: npt.NDArray[np.generic], size: int) -> Index:
    """Row k for the k-th class, or the label itself when the head has rows to spare."""
    if size == len(present):
        return np.arange(size, dtype=np.intp)
    if size < len(present) or present.dtype.kind == "U":
        raise ValueError(f"{len(present)} classes do not fit {size} weight rows")
    rows = present.astype(np.intp)
    if rows.min() < 0 or rows.max() >= size:
        raise ValueError(f"a label lies outside 0..{size - 1}")
    return rows


# Means and residuals


def column_sums(rows: Array) -> Array:
    """Exactly rounded, whatever the order of the rows."""
    return np.array([math.fsum(column) for column in rows.T.tolist()])  # (D,)


def view(
    sample: Sample, center: Center = "balanced", *, alpha: float = 1.0, beta: float = 1.0
) -> View:
    """mu_c, m_c = mu_c - mu_G, z_i = h_i - mu_{y_i}, v_c = mean |z_i|^2 over class c."""
    if center not in ("balanced", "samples"):
        raise ValueError(f"center is balanced or samples, not {center!r}")
    size, dim = len(sample.counts), sample.features.shape[1]
    corner, shift = np.empty((size, dim)), np.empty((size, dim))  # (K, D)
    residual = np.empty_like(sample.features)  # (N, D)
    variance = np.empty(size)  # (K,)
    for c in range(size):
        own = sample.classes == c  # (N,)
        corner[c] = sample.features[own].min(axis=0)
        difference = sample.features[own] - corner[c]  # (n, D)
        shift[c] = column_sums(difference) / len(difference)
        residual[own] = difference - shift[c]
        variance[c] = math.fsum((residual[own] ** 2).ravel().tolist()) / len(difference)
    position = (corner - corner[0]) + (shift - shift[0])  # (K, D)
    if center == "balanced":
        middle = column_sums(position) / size  # (D,)
    else:
        middle = column_sums(position * sample.counts[:, None]) / len(residual)  # (D,)
    whole = corner[0] + (shift[0] + middle)  # (D,)
    return View(
        sample, center, corner, shift, position, position - middle, whole, residual, variance,
        alpha, beta,
    )  # fmt: skip


def on_sphere(sample: Sample) -> Sample:
    """h_i / |h_i|, per sample."""
    return replace(sample, features=unit_rows(sample.features, "feature row"))


def unit_rows(rows: Array, name: str) -> Array:
    lengths = np.linalg.norm(rows, axis=1)  # (K,)
    if not lengths.all():
        raise Undefined(f"a {name} has zero norm")
    unit: Array = rows / lengths[:, None]  # (K, D)
    return unit


def mean_by_class(seen: View, values: Array) -> Array:
    """The mean of one value per sample over each class."""
    classes = seen.sample.classes
    return np.array([values[classes == c].mean() for c in range(len(seen.position))])  # (K,)


def centred_means(seen: View) -> Array:
    if len(seen.position) < 2:
        raise Undefined("needs at least two classes")
    return seen.centred  # (K, D)


def head_rows(seen: View) -> Array:
    if seen.sample.weight is None:
        raise Undefined("needs classifier weights")
    if len(seen.sample.weight) < 2:
        raise Undefined("needs at least two classifier rows")
    return seen.sample.weight  # (R, D)


def matched_rows(seen: View) -> tuple[Array, Array]:
    """The head's rows of the present classes, and the centred means."""
    return head_rows(seen)[seen.sample.rows], centred_means(seen)  # (K, D) (K, D)
