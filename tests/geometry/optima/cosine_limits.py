"""Limits on the largest cosine of K points: they judge the table of codes.

Levenshtein's bound holds for the largest cosine, hence for distances between two points; it says
nothing about one-vs-rest distances.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import count as upward

import numpy as np

from nctool.geometry.delsarte import gegenbauer
from nctool.geometry.optima import max_cosine
from nctool.geometry.optima.proven import PROVEN

STEPS = 60
"""Halvings of an interval of cosines: more than a double can tell apart."""
FEJES_TOTH_ABOVE = 100
"""In three dimensions Fejes Tóth's bound is better than Levenshtein's beyond this many points."""


def levenshtein(classes: int, dim: int) -> float:
    """A lower bound on the largest cosine of K >= 2 points in D >= 3 dimensions.

    For a polynomial f with f <= 0 on [-1, s], no negative Gegenbauer coefficient and f_0 > 0,
    summing f over all pairs of a code with largest cosine s gives K^2 f_0 <= K f(1). Levenshtein's
    f, one for every s, makes the count f(1)/f_0 grow with s; K points need the s at which it
    reaches K. Each degree covers one interval of s, and ends where a design of the same strength
    would be sharp, so K alone decides the degree.
    """
    for degree in upward(1):
        if classes <= design_size(dim, degree + 1):
            return _solve(classes, dim, degree)
    raise AssertionError("design sizes grow without end")


def fejes_toth(classes: int) -> float:
    """A lower bound on the largest cosine of K >= 3 points in three dimensions.

    Fejes Tóth's theorem: two of the points are at least as close as neighbours would be if 2K - 4
    equal equilateral triangles tiled the sphere. Each would have the area 2 pi / (K - 2) and hence
    angles twice the one below. Met by 3, 4, 6 and 12 points.
    """
    angle = math.pi * classes / (6 * (classes - 2))
    return (1 / math.tan(angle) ** 2 - 1) / 2


@cache
def max_cosine_limit(classes: int, dim: int) -> float:
    """What the largest cosine of K >= 2 unit vectors cannot be below."""
    best = max_cosine(classes, dim)
    if best is not None and best.source.startswith("exact: "):
        return best.value
    # Proved optima bind here, too: with more points or less room nobody does better.
    bounds = [code.cosine for code in PROVEN if code.classes <= classes and code.dim >= dim]
    if dim == 3:
        bounds.append(fejes_toth(classes))
    if dim > 3 or classes <= FEJES_TOTH_ABOVE:
        bounds.append(levenshtein(classes, dim))
    return max(bounds)


def design_size(dim: int, strength: int) -> int:
    """The fewest points of a spherical design (Delsarte, Goethals and Seidel)."""
    half, odd = divmod(strength, 2)
    if odd:
        return 2 * math.comb(dim + half - 1, half)
    return math.comb(dim + half - 1, half) + math.comb(dim + half - 2, half - 1)


def _solve(classes: int, dim: int, degree: int) -> float:
    """The s at which the count of this degree is K, found from below by halving its interval."""
    half = (degree + 1) // 2
    if degree % 2:
        low, high = largest_zero(dim, half - 1, 1), largest_zero(dim, half, 0)
    else:
        low, high = largest_zero(dim, half, 0), largest_zero(dim, half, 1)
    for _ in range(STEPS):
        middle = (low + high) / 2
        if levenshtein_count(dim, degree, middle) < classes:
            low = middle
        else:
            high = middle
    return low


def levenshtein_count(dim: int, degree: int, cosine: float) -> float:
    """Levenshtein's count: at most this many points have no larger cosine."""
    half = (degree + 1) // 2
    before, last, after = map(float, gegenbauer(dim, half + 1, np.array(cosine))[half - 1 :])
    if degree % 2:
        scale = math.comb(half + dim - 3, half - 1)
        share = (before - last) / ((1 - cosine) * last)
        return scale * ((2 * half + dim - 3) / (dim - 1) - share)
    scale = math.comb(half + dim - 2, half)
    share = (1 + cosine) * (last - after) / ((1 - cosine) * (last + after))
    return scale * ((2 * half + dim - 1) / (dim - 1) - share)


def largest_zero(dim: int, degree: int, right: int) -> float:
    """Of the polynomial orthogonal for the weight (1 - t)(1 + t)^right (1 - t^2)^((D-3)/2).

    Zeros of orthogonal polynomials are the eigenvalues of their three-term recurrence.
    """
    if degree == 0:
        return -1.0
    a, b = 1 + (dim - 3) / 2, right + (dim - 3) / 2
    step = np.arange(degree)
    total = 2 * step + a + b
    diagonal = (b * b - a * a) / (total * (total + 2))
    later, total = step[1:], total[1:]
    square = 4 * later * (later + a) * (later + b) * (later + a + b)
    beside = np.sqrt(square / (total**2 * (total + 1) * (total - 1)))
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    return float(np.linalg.eigvalsh(matrix)[-1])
