"""An order of points in which similar ones stand beside each other."""

from __future__ import annotations

from collections import deque

import numpy as np
from torch import Tensor


def by_cluster(cosines: Tensor) -> list[int]:
    """The rows of a Gram matrix (K, K) of unit vectors, clusters together.

    Average linkage on 1 - cosine, each merge turned so that its closest ends meet (Gruvaeus and
    Wainer, 1972): K^2 log K steps, where the best order of all leaves takes K^3.
    """
    # Late: it takes as long to load as a small analysis, and only what is drawn asks for an order.
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    gram = cosines.double().cpu().numpy()
    size = len(gram)
    if size < 3:
        return [*range(size)]
    # Rounding leaves a Gram matrix not quite symmetric, and cosines a little above one.
    apart = np.maximum(1 - (gram + gram.T) / 2, 0)
    np.fill_diagonal(apart, 0)
    runs = {leaf: deque([leaf]) for leaf in range(size)}
    merges = linkage(squareform(apart, checks=False), "average")
    for number, (left, right, *_) in enumerate(merges, size):
        runs[number] = _joined(runs.pop(int(left)), runs.pop(int(right)), gram)
    return [*runs[2 * size - 2]]


def _joined(left: deque[int], right: deque[int], gram: np.ndarray) -> deque[int]:
    """Both runs as one, turned so that the most similar of their four pairs of ends meet."""
    if len(right) > len(left):
        left, right = right, left
    ends = {
        (at_front, turned): gram[left[0 if at_front else -1], right[-1 if turned else 0]]
        for at_front in (False, True)
        for turned in (False, True)
    }
    at_front, turned = max(ends, key=lambda pair: ends[pair])
    items = reversed(right) if turned else right
    # The shorter run is put at an end of the longer one: no element moves more than log K times.
    (left.extendleft if at_front else left.extend)(items)
    return left
