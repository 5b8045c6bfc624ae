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
from nctool.statistics.workspace import Workspace

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
    """F with z' S_B^+ z = |z F|^2, in the working precision: F = basis * scale."""

    basis: Tensor  # (D, r)
    scale: Tensor | None  # (r,) None: the basis is all of F, and triangular
    spectrum: Spectrum

    @property
    def triangular(self) -> bool:
        return self.scale is None

    @property
    def factor(self) -> Tensor:  # (D, r) float64
        basis = self.basis.double()
        return basis if self.scale is None else basis * self.scale.double()

    def squares(self, z: Tensor, space: Workspace) -> Tensor:  # (B, D) -> (B,) float64
        """|z F|^2 of each row, F triangular: only the blocks above the diagonal."""
        dim = self.basis.shape[0]
        total = torch.zeros(len(z), dtype=torch.float64, device=z.device)
        edges = [dim * block // COLUMN_BLOCKS for block in range(COLUMN_BLOCKS + 1)]
        for left, right in pairwise(edges):
            if left < right:
                part = space.product("part", z[:, :right], self.basis[:right, left:right])
                total += row_squares(part)
        return total

    def seen_squares(self, seen: Tensor, space: Workspace) -> Tensor:  # (B, r) -> (B,) float64
        """|z F|^2 from z in the basis."""
        assert self.scale is not None
        out = space.matrix("part", *seen.shape)
        return row_squares(torch.mul(seen, self.scale, out=out))


def whitener(means: Tensor, *, resolution: float, work: torch.dtype) -> Whitener:
    """Build F from centred class means (K, D) in float64.

    ``resolution`` is the absolute error that the means themselves may carry; a singular value
    under it is rounding, not geometry.
    """
    classes, dim = means.shape
    if classes > dim:
        triangle = torch.linalg.qr(means, mode="r").R
        spectrum = _spectrum(torch.linalg.svdvals(triangle), classes, dim, resolution)
        if spectrum.rank == dim:
            identity = torch.eye(dim, dtype=means.dtype, device=means.device)
            inverse = torch.linalg.solve_triangular(triangle, identity, upper=True)
            return Whitener((classes**0.5 * inverse).to(work), None, spectrum)
        right = torch.linalg.svd(triangle).Vh
    else:
        # M' = Q R, so M = R' Q' and the right vectors of M are those of R', turned by Q.
        turn, triangle = torch.linalg.qr(means.T)
        _, singular, right = torch.linalg.svd(triangle.T)
        right = right @ turn.T
        spectrum = _spectrum(singular, classes, dim, resolution)
    rank = spectrum.rank
    scale = classes**0.5 / spectrum.singular[:rank]
    return Whitener(right[:rank].T.to(work).contiguous(), scale.to(work), spectrum)


def _spectrum(singular: Tensor, classes: int, dim: int, resolution: float) -> Spectrum:
    largest = float(singular[0]) if len(singular) else 0.0
    eps = torch.finfo(torch.float64).eps
    cutoff = max(max(classes, dim) * eps * largest, classes**0.5 * resolution)
    full = min(classes - 1, dim)
    return Spectrum(singular, min(full, int((singular > cutoff).sum())), cutoff, full)
