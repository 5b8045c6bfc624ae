"""Classifier rows against class means, row by row and as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Duality:
    """Agreement of two (K, D) sets of rows."""

    cosines: Tensor | None  # (K,) None when a row has no direction
    gaps: Tensor | None  # (K,) 1 - cosine, without cancellation
    distance: float | None  # Frobenius distance after scaling each to norm one
    zero: tuple[int, ...]


ROWS = 512
"""Compared at a time: what they take stays in cache."""


def compare_rows(left: Tensor, right: Tensor) -> Duality:
    """``left`` and ``right`` in float64."""
    a, b = torch.linalg.vector_norm(left, dim=1), torch.linalg.vector_norm(right, dim=1)
    zero = tuple(torch.nonzero((a == 0) | (b == 0)).flatten().tolist())
    whole_left, whole_right = torch.linalg.vector_norm(left), torch.linalg.vector_norm(right)
    cosines, gaps, apart = [], [], []
    for rows in torch.split(torch.arange(len(left), device=left.device), ROWS):
        part_left, part_right = left[rows], right[rows]
        apart.append(torch.linalg.vector_norm(part_left / whole_left - part_right / whole_right))
        unit_left, unit_right = part_left / a[rows, None], part_right / b[rows, None]
        # 1 - cos = |u - v|^2 / 2: exact where the rows nearly agree.
        gaps.append((unit_left - unit_right).square().sum(1) / 2)
        cosines.append((unit_left * unit_right).sum(1))
    distance = None
    if float(whole_left) > 0 and float(whole_right) > 0:
        distance = float(torch.linalg.vector_norm(torch.stack(apart)))
    if zero:
        return Duality(None, None, distance, zero)
    return Duality(torch.cat(cosines), torch.cat(gaps), distance, zero)
