"""Could chance have brought this about? Bounds for searches that are sure to find something."""

from __future__ import annotations

import math

UNLIKELY = math.log(1e-3)
"""Of what a search came upon: less often than this it is not put down to chance."""
UNLIKELY_MAP = math.log(1e-6)
"""The same of maps from classes to rows: those of random rows are not quite uniform, since class
means lie apart."""


def restores(before: int, after: int) -> bool:
    """Is it right at least twice as often, by more than chance moves samples to and fro?

    Of the samples whose outcome changes half would gain by chance (sign test): four standard
    deviations of that.
    """
    return 2 * before <= after and after - before >= 4 * math.sqrt(after + before)


def log_ways(classes: int, rows: int) -> float:
    """Of giving some classes a row each."""
    return math.lgamma(rows + 1) - math.lgamma(rows - classes + 1)


def log_choices(classes: int, of: int) -> float:
    return log_ways(classes, of) - math.lgamma(classes + 1)


def log_cap(cosine: float, dim: int) -> float:
    """Bound on the chance that a random direction is this near to a given one.

    The square of its cosine is Beta(1/2, (d-1)/2), and Beta(a, 1/2) lies above Beta(a, 1): less
    than (1 - cos^2)^((d-1)/2) is left beyond.
    """
    if cosine <= 0:
        return 0.0
    return (dim - 1) / 2 * math.log1p(-(min(cosine, 1 - 1e-12) ** 2))
