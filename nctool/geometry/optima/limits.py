"""What no K points in D dimensions can beat, whatever anybody finds."""

from __future__ import annotations

import math


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
