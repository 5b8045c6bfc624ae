"""What K points in D dimensions can reach at best: known optima, best known codes, and limits.

Three questions, for the smallest possible largest cosine, for the distance of the closest two and
for the smallest one-vs-rest distance: what is the best known, where does it come from, and what
can nothing beat? Nothing here needs torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from nctool.geometry.optima import limits
from nctool.geometry.optima.codes import Code
from nctool.geometry.optima.families import members
from nctool.geometry.optima.proven import PROVEN
from nctool.geometry.optima.published import LINES, WHY_NOT_USED, published
from nctool.geometry.optima.searched import searched_codes
from nctool.report import Reference

__all__ = [
    "LINES", "WHY_NOT_USED", "etf_floor", "margin", "margin_limit", "max_cosine",
    "max_cosine_limit", "published", "separation", "separation_limit",
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
        return Reference(best.cosine, _proved(best))
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
def max_cosine_limit(classes: int, dim: int) -> Reference | None:
    """What the largest cosine of K unit vectors cannot be below."""
    closed = _closed(classes, dim)
    if closed is not None or classes < 2 or dim < 1:
        return closed
    # Proved optima bind here, too: with more points or less room nobody does better.
    proofs = (code for code in PROVEN if code.classes <= classes and code.dim >= dim)
    bounds = [_within_proof(code, classes, dim) for code in proofs]
    if dim > 3 or classes <= limits.FEJES_TOTH_ABOVE:
        bounds.append(Reference(limits.levenshtein(classes, dim), "bound: Levenshtein"))
    if dim == 3:
        bounds.append(Reference(limits.fejes_toth(classes), "bound: Fejes Tóth, d = 3"))
    return max(bounds, key=lambda bound: bound.value)


def separation_limit(classes: int, dim: int) -> Reference | None:
    """What the distance of the closest two of K unit vectors cannot exceed."""
    return _as_distance(max_cosine_limit(classes, dim))


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


def _within_proof(code: Code, classes: int, dim: int) -> Reference:
    if code.fits(classes, dim):
        return Reference(code.cosine, _proved(code))
    return Reference(code.cosine, f"bound: {code.name} at {code.size}, {code.proof}")


def _proved(code: Code) -> str:
    return f"proven: {code.name}, {code.proof}"


def _as_distance(cosine: Reference | None) -> Reference | None:
    return cosine and Reference(math.sqrt(max(2 - 2 * cosine.value, 0.0)), cosine.source)


def _as_margin(cosine: Reference | None) -> Reference | None:
    return cosine and Reference(1 - cosine.value, cosine.source.replace("Rankin", "Radon"))
