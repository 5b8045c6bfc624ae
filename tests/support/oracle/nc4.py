"""NC4: decisions, each a row number of the head; ties go to the smallest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.support.oracle.formula import formula
from tests.support.oracle.view import (
    Array,
    Index,
    Outcome,
    View,
    centred_means,
    head_rows,
    mean_by_class,
)


def logits(seen: View, with_bias: bool = True) -> Array:
    """z = W h + b, all rows of the head."""
    columns = [(seen.sample.features * row).sum(axis=1) for row in head_rows(seen)]
    logits = np.stack(columns, axis=1)  # (N, R)
    return logits + seen.sample.bias if with_bias else logits


def nearest(seen: View) -> Index:
    """The head row of argmin_c |h - mu_c|."""
    centred_means(seen)
    points = seen.sample.features  # (N, D)
    parts = zip(seen.corner, seen.shift, strict=True)
    columns = [(((points - corner) - shift) ** 2).sum(axis=1) for corner, shift in parts]
    closest: Index = np.stack(columns, axis=1).argmin(axis=1)  # (N,)
    return seen.sample.rows[closest]  # (N,)


def _share(seen: View, hits: npt.NDArray[np.bool_]) -> Outcome:
    values = hits.astype(np.float64)  # (N,)
    return Outcome(float(values.mean()), mean_by_class(seen, values))


def targets(seen: View) -> Index:
    return seen.sample.rows[seen.sample.classes]  # (N,)


@formula("nc4.mismatch")
def mismatch(seen: View, with_bias: bool = True) -> Outcome:
    """Share of samples with argmax_k z_k != argmin_c |h - mu_c|."""
    return _share(seen, logits(seen, with_bias).argmax(axis=1) != nearest(seen))


@formula("nc4.ncc_accuracy")
def ncc_accuracy(seen: View) -> Outcome:
    """Share of samples with argmin_c |h - mu_c| = y."""
    return _share(seen, nearest(seen) == targets(seen))


@formula("nc4.accuracy")
def accuracy(seen: View) -> Outcome:
    """Share of samples with argmax_k z_k = y."""
    return _share(seen, logits(seen).argmax(axis=1) == targets(seen))
