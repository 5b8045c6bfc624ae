"""The bias against a global mean that points anywhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nctool.geometry.nulls.null import Null

if TYPE_CHECKING:
    from torch import Tensor

WHOLE = 512
"""Up to so many rows or columns the Gram matrix is made; above it is probed."""
PROBES = 8
SOURCE = "formula: the global mean turned at random"


def turned_residual(rows: Tensor, bias: Tensor, length: float) -> Null:
    """|b + W m| for a vector m of this length and any direction; ``rows`` (K, D), ``bias`` (K,).

    With S = W'W the square has the mean e = |b|^2 + |m|^2 Tr S/d and the variance
    v = 2 |m|^4 (Tr S^2 - (Tr S)^2/d)/(d(d+2)) + 4 |m|^2 |W'b|^2/d, from the moments of a uniform
    direction; its root to second order in v.
    """
    dim, square = rows.shape[1], length**2
    trace = float(rows.square().sum())
    mean = float(bias.square().sum()) + square * trace / dim
    if mean == 0.0:
        return Null(0.0, 0.0, SOURCE)
    spread = max(_trace_of_square(rows) - trace**2 / dim, 0.0)
    variance = 2 * square**2 * spread / (dim * (dim + 2))
    variance += 4 * square * float((bias @ rows).square().sum()) / dim
    return Null(
        math.sqrt(mean) * (1 - variance / (8 * mean**2)),
        math.sqrt(variance) / (2 * math.sqrt(mean)),
        SOURCE,
    )


def _trace_of_square(rows: Tensor) -> float:
    """Tr (W'W)^2, of large matrices by random signs (Hutchinson): it decides the spread alone."""
    import torch

    if min(rows.shape) <= WHOLE:
        gram = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
        return float(gram.square().sum())
    random = torch.Generator().manual_seed(0)
    signs = 2 * torch.randint(0, 2, (rows.shape[1], PROBES), generator=random) - 1
    turned = rows.T @ (rows @ signs.to(rows))
    return float(turned.square().sum()) / PROBES
