"""What no K points in D dimensions can beat, whatever anybody finds.

Levenshtein's bound holds for the largest cosine, hence for distances between two points; it says
nothing about one-vs-rest distances. Those are held down by spherical caps.
"""

from __future__ import annotations

import math
from itertools import count as upward

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
        if classes <= _design_size(dim, degree + 1):
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


def cap(classes: int, dim: int) -> float:
    """An upper bound on the smallest one-vs-rest distance of K > 2D points in D >= 3 dimensions.

    Let a cap of angle t < pi/2 cover the share D/K of the sphere. A cap of this size placed at
    random holds D points on average, so some (closed) cap, around z, holds D + 1: if all larger
    caps do, then by compactness this one does. D + 1 vectors are dependent: sum_I a_i x_i =
    sum_J b_j x_j = v with positive a, b and disjoint I, J, neither empty since all <x, z> > 0.
    Then p = v / sum a in conv I and q = v / sum b in conv J are parallel, and both are at least
    cos t long since <p, z>, <q, z> >= cos t. Say |p| <= |q|. Averaged over J with weights b,
    |x_j - p|^2 is 1 - 2 <q, p> + |p|^2 = 1 - 2 |p||q| + |p|^2 <= 1 - |p|^2 <= sin^2 t. So some x_j
    is within sin t of conv I, which is in the hull of the others.

    A cap of angle t <= pi/2 covers half the regularised incomplete beta function at sin^2 t.
    """
    from scipy.special import betaincinv

    return math.sqrt(float(betaincinv((dim - 1) / 2, 0.5, 2 * dim / classes)))


def _design_size(dim: int, strength: int) -> int:
    """The fewest points of a spherical design (Delsarte, Goethals and Seidel)."""
    half, odd = divmod(strength, 2)
    if odd:
        return 2 * math.comb(dim + half - 1, half)
    return math.comb(dim + half - 1, half) + math.comb(dim + half - 2, half - 1)


def _solve(classes: int, dim: int, degree: int) -> float:
    """The s at which the count of this degree is K, found from below by halving its interval."""
    half = (degree + 1) // 2
    if degree % 2:
        low, high = _largest_zero(dim, half - 1, 1), _largest_zero(dim, half, 0)
    else:
        low, high = _largest_zero(dim, half, 0), _largest_zero(dim, half, 1)
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _count(dim, degree, middle) < classes:
            low = middle
        else:
            high = middle
    return low


def _count(dim: int, degree: int, cosine: float) -> float:
    """Levenshtein's count: at most this many points have no larger cosine."""
    import numpy as np

    from nctool.geometry.delsarte import gegenbauer

    half = (degree + 1) // 2
    before, last, after = map(float, gegenbauer(dim, half + 1, np.array(cosine))[half - 1 :])
    if degree % 2:
        scale = math.comb(half + dim - 3, half - 1)
        share = (before - last) / ((1 - cosine) * last)
        return scale * ((2 * half + dim - 3) / (dim - 1) - share)
    scale = math.comb(half + dim - 2, half)
    share = (1 + cosine) * (last - after) / ((1 - cosine) * (last + after))
    return scale * ((2 * half + dim - 1) / (dim - 1) - share)


def _largest_zero(dim: int, degree: int, right: int) -> float:
    """Of the polynomial orthogonal for the weight (1 - t)(1 + t)^right (1 - t^2)^((D-3)/2).

    Zeros of orthogonal polynomials are the eigenvalues of their three-term recurrence.
    """
    import numpy as np

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
