"""What K points in D dimensions can reach at best: known optima and best known codes.

Two questions, for the smallest possible largest cosine, for the distance of the closest two and
for the smallest one-vs-rest distance: what is the best known, and where does it come from? For the
last of them also: what can nothing beat? Nothing here needs torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from nctool.geometry.optima import limits
from nctool.geometry.optima.codes import Code
from nctool.geometry.optima.families import members
from nctool.geometry.optima.proven import PROVEN
from nctool.geometry.optima.published import LINES, WHY_NOT_USED
from nctool.geometry.optima.searched import searched_codes
from nctool.report import Reference

__all__ = [
    "LINES", "WHY_NOT_USED", "etf_floor", "margin", "margin_limit", "max_cosine", "separation",
]  # fmt: skip

REMEMBERED = 4096


@lru_cache(REMEMBERED)
def max_cosine(classes: int, dim: int) -> Reference | None:
    """The smallest largest cosine known among K unit vectors."""
    closed = _closed(classes, dim)
    if closed is not None:
        return closed
    best = _best(classes, dim, lambda code: -code.cosine_at(classes))
    if best is None:
        return None
    if best.proof and best.fits(classes, dim):
        return Reference(best.cosine, f"proven: {best.name}, {best.proof}")
    return Reference(best.cosine_at(classes), f"best-found: {best.source(classes, dim)}")


def separation(classes: int, dim: int) -> Reference | None:
    """The largest distance known between the closest two of K unit vectors."""
    return _as_distance(max_cosine(classes, dim))


@lru_cache(REMEMBERED)
def margin(classes: int, dim: int) -> Reference | None:
    """The largest smallest one-vs-rest distance known among K unit vectors.

    A code with a small largest cosine has a large one, and it is conjectured that the same code is
    best for both. Only the closed forms are proved, so nothing else is called so here.
    """
    closed = _closed(classes, dim)
    if closed is not None:
        return _as_margin(closed)
    best = _best(classes, dim, lambda code: code.margin_at(classes))
    if best is None:
        return None
    return Reference(best.margin_at(classes), f"best-found: {best.source(classes, dim)}")


@lru_cache(REMEMBERED)
def margin_limit(classes: int, dim: int) -> Reference | None:
    """What the smallest one-vs-rest distance of K unit vectors cannot exceed.

    One minus a limit on the largest cosine would be no limit on this: a point may be further from
    the hull of the others than that.
    """
    closed = _closed(classes, dim)
    if closed is not None or classes < 2 or dim < 1:
        return _as_margin(closed)
    return Reference(limits.cap(classes, dim), "bound: spherical cap with d+1 points")


def etf_floor(classes: int, dim: int) -> float:
    """The least |G/|G| - T_K| that K points in D dimensions allow (0 when K <= D + 1)."""
    if classes <= dim + 1:
        return 0.0
    return math.sqrt(2 - 2 * math.sqrt(dim / (classes - 1)))


def _closed(classes: int, dim: int) -> Reference | None:
    """Where theory knows the optimum; one minus it is the optimal margin, too."""
    if classes < 2 or dim < 1:
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


def _best(classes: int, dim: int, worth: Callable[[Code], float]) -> Code | None:
    """The code that serves this problem best; of equals, the one that is nearest to it."""
    if classes < 2 or dim < 1:
        return None
    codes = (*PROVEN, *searched_codes(), *members(dim))
    return max(
        (code for code in codes if code.serves(classes, dim)),
        key=lambda code: (worth(code), -abs(code.classes - classes), code.dim),
        default=None,
    )


def _as_distance(cosine: Reference | None) -> Reference | None:
    return cosine and Reference(math.sqrt(max(2 - 2 * cosine.value, 0.0)), cosine.source)


def _as_margin(cosine: Reference | None) -> Reference | None:
    return cosine and Reference(1 - cosine.value, cosine.source.replace("Rankin", "Radon"))
