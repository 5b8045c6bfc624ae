"""How far a set of points is from a simplex, and how far anything must be."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TILE = 2048
WHOLE_CLASSES = 512
TRUSTED_SQUARE = 1e-6
"""Above this squared deviation the closed form keeps ten digits; below it cancels."""


def etf_deviation(left: Tensor, right: Tensor) -> float | None:
    """|G/|G| - T_K| in the Frobenius norm, G = left right', both (K, D) float64; None when G = 0.

    Few classes: block by block, twice. Many: from two D x D Gram matrices, and block by block
    only where that cancels.
    """
    count, dim = left.shape
    sizes = [float(one.abs().max()) for one in (left, right)]
    if 0.0 in sizes:
        return None
    # Fourth powers are about to be summed: lengths near one keep them within range.
    same = left is right
    left = left / sizes[0]
    right = left if same else right / sizes[1]
    small = count <= WHOLE_CLASSES or count <= dim
    if small:
        norm = math.sqrt(sum(float(block.square().sum()) for block in _blocks(left, right)))
    else:
        inner = left.T @ left
        other = inner if left is right else right.T @ right
        norm = math.sqrt(max(float((inner * other).sum()), 0.0))
    if norm == 0.0:
        return None
    trace = float((left * right).sum())
    total = float(left.sum(0) @ right.sum(0))
    overlap = (trace - total / count) / math.sqrt(count - 1)
    square = 2 - 2 * overlap / norm
    if not small and square > TRUSTED_SQUARE:
        return math.sqrt(square)
    return math.sqrt(_direct_square(left, right, norm))


def _blocks(left: Tensor, right: Tensor) -> list[Tensor]:
    return [rows @ right.T for rows in torch.split(left, TILE)]


def _direct_square(left: Tensor, right: Tensor, norm: float) -> float:
    count = len(left)
    apart = -1 / (count * math.sqrt(count - 1))
    own = (1 - 1 / count) / math.sqrt(count - 1)
    total = 0.0
    for top in range(0, count, TILE):
        block = left[top : top + TILE] @ right.T / norm - apart
        block.diagonal(top).sub_(own - apart)
        total += float(torch.linalg.vector_norm(block)) ** 2
    return total
