"""Points that are one and the same, found without looking at all pairs."""

from __future__ import annotations

import torch
from torch import Tensor

SLACK = 64
"""Equal points may differ this many tolerances once projected."""


def find_duplicates(points: Tensor, tolerance: float) -> tuple[tuple[tuple[int, ...], ...], Tensor]:
    """Groups of points (K, D) within ``tolerance`` of each other, and the first of every kind.

    All are projected onto one arbitrary line: twins lie side by side there.
    """
    generator = torch.Generator().manual_seed(1)
    line = torch.randn(points.shape[1], generator=generator, dtype=torch.float64)
    shadow = points @ line.to(points.device)
    order = torch.argsort(shadow, stable=True)
    near = shadow[order[1:]] - shadow[order[:-1]] <= SLACK * tolerance
    left, right = order[:-1][near], order[1:][near]
    apart = torch.linalg.vector_norm(points[left] - points[right], dim=1)
    same = apart <= tolerance
    groups: list[list[int]] = []
    for one, other in zip(left[same].tolist(), right[same].tolist(), strict=True):
        if groups and groups[-1][-1] == one:
            groups[-1].append(other)
        else:
            groups.append([one, other])
    keep = torch.ones(len(points), dtype=torch.bool, device=points.device)
    for group in groups:
        group.sort()
        keep[group[1:]] = False
    return tuple(sorted(tuple(group) for group in groups)), torch.nonzero(keep).flatten()
