"""How far a set of points is from a simplex, and how far anything must be."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TILE = 2048
COLUMNS = 128
"""Of a Gram matrix made at a time: half of it is never made."""
WHOLE_CLASSES = 512
TRUSTED_SQUARE = 1e-6
"""Above this squared deviation the closed form keeps ten digits; below it cancels."""


def etf_deviation(left: Tensor, right: Tensor) -> float | None:
    """|G/|G| - T_K| in the Frobenius norm, G = left right', both (K, D) float64; None when G = 0.

    Few classes: block by block, twice. Many: from two D x D Gram matrices, and block by block
    only where that cancels.
    """
    count, dim = left.shape
    left_size, right_size = float(left.abs().max()), float(right.abs().max())
    if left_size == 0.0 or right_size == 0.0:
        return None
    # Fourth powers are about to be summed: lengths near one keep them within range.
    same = left is right
    left = left / left_size
    right = left if same else right / right_size
    small = count <= WHOLE_CLASSES or count <= dim
    if same:
        norm = gram_norm(left)
    elif small:
        blocks = (rows @ right.T for rows in torch.split(left, TILE))
        norm = math.sqrt(sum(float(block.square().sum()) for block in blocks))
    else:
        # |X Y'|^2 = Tr(X'X Y'Y): D x D instead of K x K.
        norm = math.sqrt(max(float(((left.T @ left) * (right.T @ right)).sum()), 0.0))
    if norm == 0.0:
        return None
    trace = float((left * right).sum())
    total = float(left.sum(0) @ right.sum(0))
    overlap = (trace - total / count) / math.sqrt(count - 1)
    # |A/|A| - B/|B||^2 = 2 - 2 <A, B> cancels as it nears zero: then entry by entry, below.
    square = 2 - 2 * overlap / norm
    if not small and square > TRUSTED_SQUARE:
        return math.sqrt(square)
    return math.sqrt(_direct_square(left, right, norm))


def gram_norm(points: Tensor) -> float:
    """|X X'|, which is |X' X|: from the upper half of the smaller of the two."""
    tall = points if len(points) > points.shape[1] else points.T
    total = points.new_zeros(())
    for start in range(0, tall.shape[1], COLUMNS):
        block = tall[:, start : start + COLUMNS].T @ tall[:, start:]
        # What is not on the diagonal stands for its mirror image, too.
        total += 2 * block.square().sum() - block[:, : len(block)].square().sum()
    return math.sqrt(float(total))


def _direct_square(left: Tensor, right: Tensor, norm: float) -> float:
    """The squared deviation, entry by entry: nothing cancels."""
    count = len(left)
    apart = -1 / (count * math.sqrt(count - 1))
    own = (1 - 1 / count) / math.sqrt(count - 1)
    total = 0.0
    for top in range(0, count, TILE):
        block = left[top : top + TILE] @ right.T / norm - apart
        block.diagonal(top).sub_(own - apart)
        total += float(torch.linalg.vector_norm(block)) ** 2
    return total
