"""What K points in D dimensions can reach at best, where theory knows it."""

from __future__ import annotations

import math

from nctool.report import Reference


def max_cosine(classes: int, dim: int) -> Reference | None:
    """The least possible largest cosine among K unit vectors."""
    if classes < 2:
        return None
    if classes <= dim + 1:
        return Reference(-1 / (classes - 1), "exact: regular simplex, K <= d+1")
    if dim == 1:
        return Reference(1.0, "exact: two directions only")
    if dim == 2:
        return Reference(math.cos(2 * math.pi / classes), "exact: regular polygon, d = 2")
    if classes <= 2 * dim:
        return Reference(0.0, "exact: Rankin, d+2 <= K <= 2d")
    return None


def etf_floor(classes: int, dim: int) -> float:
    """The least |G/|G| - T_K| that K points in D dimensions allow (0 when K <= D + 1)."""
    if classes <= dim + 1:
        return 0.0
    return math.sqrt(2 - 2 * math.sqrt(dim / (classes - 1)))
