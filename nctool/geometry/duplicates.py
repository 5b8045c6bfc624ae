"""Points that are the same within a tolerance, found without comparing all pairs."""

from __future__ import annotations

import torch
from torch import Tensor

SLACK = 64
"""Equal points may differ this many tolerances once projected."""


def find_duplicates(points: Tensor, tolerance: float) -> tuple[tuple[tuple[int, ...], ...], Tensor]:
    """Groups of points (K, D) within ``tolerance`` of each other, and the first of every kind.

    All are projected onto one random line, where duplicates lie side by side; only neighbours on
    the line are compared in full: K log K instead of K^2 comparisons.
    """
    generator = torch.Generator().manual_seed(1)
    line = torch.randn(points.shape[1], generator=generator, dtype=torch.float64)
    projected = points @ line.to(points.device)
    order = torch.argsort(projected, stable=True)
    near = projected[order[1:]] - projected[order[:-1]] <= SLACK * tolerance
    left, right = order[:-1][near], order[1:][near]
    apart = torch.linalg.vector_norm(points[left] - points[right], dim=1)
    same = apart <= tolerance
    groups: list[list[int]] = []
    for before, after in zip(left[same].tolist(), right[same].tolist(), strict=True):
        if groups and groups[-1][-1] == before:
            groups[-1].append(after)
        else:
            groups.append([before, after])
    keep = torch.ones(len(points), dtype=torch.bool, device=points.device)
    for group in groups:
        group.sort()
        keep[group[1:]] = False
    return tuple(sorted(tuple(group) for group in groups)), torch.nonzero(keep).flatten()
