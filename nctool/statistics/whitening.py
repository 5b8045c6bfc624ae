"""The map that turns Tr(S_W S_B^+) into a sum of squares, without squaring any condition number.

With S_B = M'M/K there is a factor F (D, r) such that z' S_B^+ z = |z F|^2. When M has full column
rank, F is triangular (from a QR decomposition) and a product with it costs about half.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from nctool.statistics.moments import row_squares

COLUMN_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Singular values of the centred class means, and how many of them are real."""

    singular: Tensor  # (min(K, D),) float64, descending
    rank: int
    cutoff: float
    full: int
    """The largest rank these sizes allow: min(K - 1, D)."""


@dataclass(frozen=True, slots=True)
class Whitener:
    """F with z' S_B^+ z = |z F|^2, in the working precision."""

    factor: Tensor  # (D, r)
    triangular: bool
    spectrum: Spectrum

    def squares(self, z: Tensor) -> Tensor:  # (B, D) -> (B,) float64
        """|z F|^2 of each row; only the blocks above the diagonal when F is triangular."""
        if not self.triangular:
            return row_squares(z @ self.factor)
        dim = self.factor.shape[0]
        total = torch.zeros(len(z), dtype=torch.float64, device=z.device)
        edges = [dim * block // COLUMN_BLOCKS for block in range(COLUMN_BLOCKS + 1)]
        for left, right in pairwise(edges):
            part = z[:, :right] @ self.factor[:right, left:right]
            total += row_squares(part)
        return total


def whitener(means: Tensor, *, resolution: float, work: torch.dtype) -> Whitener:
    """Build F from centred class means (K, D) in float64.

    ``resolution`` is the absolute error that the means themselves may carry; a singular value
    under it is rounding, not geometry.
    """
    classes, dim = means.shape
    full = min(classes - 1, dim)
    tall = classes > dim
    triangle = torch.linalg.qr(means if tall else means.T, mode="r" if tall else "reduced")
    if tall:
        _, singular, right = torch.linalg.svd(triangle.R)
    else:
        # M' = Q R, so M = R' Q' and the right vectors of M are those of R', turned by Q.
        _, singular, right = torch.linalg.svd(triangle.R.T)
        right = right @ triangle.Q.T
    largest = float(singular[0]) if len(singular) else 0.0
    eps = torch.finfo(torch.float64).eps
    cutoff = max(max(classes, dim) * eps * largest, classes**0.5 * resolution)
    rank = min(full, int((singular > cutoff).sum()))
    spectrum = Spectrum(singular, rank, cutoff, full)
    if tall and rank == dim:
        identity = torch.eye(dim, dtype=means.dtype, device=means.device)
        inverse = torch.linalg.solve_triangular(triangle.R, identity, upper=True)
        factor = classes**0.5 * inverse
        return Whitener(factor.to(work), True, spectrum)
    factor = classes**0.5 * right[:rank].T / singular[:rank]
    return Whitener(factor.to(work).contiguous(), False, spectrum)
