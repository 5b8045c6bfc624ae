"""The map that turns Tr(S_W S_B^+) into a sum of squares, without squaring any condition number.

With S_B = M'M/K there is a factor F (D, r) such that z' S_B^+ z = |z F|^2. When M has full column
rank, F is triangular (from a QR decomposition) and a product with it costs about half.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nctool.engine.block import Block, Part, Product
from nctool.engine.fact import Unseen
from nctool.engine.workspace import Workspace
from nctool.statistics.lengths import row_squares
from nctool.statistics.parts import RESIDUAL_CLASSES, Residual

if TYPE_CHECKING:
    from nctool.settings.conventions import Convention

COLUMN_BLOCKS = 8
MEAN_ROWS = 8192
"""Class means looked at together, where no table of all of them is to be made."""


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
    place = means.device
    if classes > dim:
        triangle = _on_cpu(torch.linalg.qr(means, mode="r").R)
        spectrum = _spectrum(torch.linalg.svdvals(triangle), classes, dim, resolution)
        if spectrum.rank == dim:
            identity = torch.eye(dim, dtype=means.dtype)
            inverse = torch.linalg.solve_triangular(triangle, identity, upper=True)
            return Whitener((classes**0.5 * inverse).to(work).to(place), None, spectrum)
        right = torch.linalg.svd(triangle).Vh
    else:
        # M' = Q R, so M = R' Q' and the right vectors of M are those of R', turned by Q.
        turn, triangle = torch.linalg.qr(means.T)
        _, singular, right = torch.linalg.svd(_on_cpu(triangle).T)
        right = right.to(place) @ turn.T
        spectrum = _spectrum(singular, classes, dim, resolution)
    rank = spectrum.rank
    scale = classes**0.5 / spectrum.singular[:rank]
    basis = right[:rank].T.to(work).contiguous()
    return Whitener(basis.to(place), scale.to(work).to(place), spectrum)


def _on_cpu(triangle: Tensor) -> Tensor:
    """Singular values of a small matrix come from the CPU: a GPU finds them by Jacobi rotations,
    which take longer and lose digits of the smallest. Householder's QR of the tall one stays there.
    """
    return triangle.cpu()


def _spectrum(singular: Tensor, classes: int, dim: int, resolution: float) -> Spectrum:
    largest = float(singular[0]) if len(singular) else 0.0
    eps = torch.finfo(torch.float64).eps
    # Rounding of the decomposition, as numpy's matrix_rank has it; or that of the means: where each
    # row is off by so much, no singular value moves by more than sqrt(K) times that (Weyl).
    cutoff = max(max(classes, dim) * eps * largest, classes**0.5 * resolution)
    full = min(classes - 1, dim)
    return Spectrum(singular, min(full, int((singular > cutoff).sum())), cutoff, full)


@dataclass(frozen=True, slots=True, eq=False)
class Whitened:
    """z' S_B^+ z of each residual z."""

    white: Whitener
    residual: Residual
    span: Product | None
    """The residuals in the basis, unless the basis is triangular."""

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        if self.span is None:
            return self.white.squares(block.get(self.residual), block.space)
        return self.white.seen_squares(block.get(self.span), block.space)


@dataclass(frozen=True, slots=True, eq=False)
class UnitWhitened:
    """The same of features of length one: x/|x| minus its class's mean, from residuals.

    x/|x| = s z + s c with s = 1/|x|, of which s c is known per class but for the drift of s.
    """

    white: Whitener
    residual: Residual
    span: Product | None
    mean_inverse: Tensor  # (K,) float64, mean of 1/|x|
    shift: Tensor  # (K, D) mean of x/|x| less mean inverse times c
    centre_seen: Tensor | None = None  # (K, r) c in the basis
    shift_seen: Tensor | None = None  # (K, r)

    def __call__(self, block: Block) -> Tensor:  # (B,) float64
        y, space = block.y, block.space
        inverse = block.get(self.residual.inverse)
        z = block.get(self.residual)
        scale = inverse.to(z.dtype)[:, None]
        drift = (inverse - self.mean_inverse[y]).to(z.dtype)[:, None]
        if self.span is None:
            unit = torch.mul(z, scale, out=space.matrix(self, *z.shape))
            unit.addcmul_(block.get(self.residual.centres), drift)
            unit.sub_(space.rows_of((self, "shift"), self.shift, y))
            return self.white.squares(unit, space)
        assert self.centre_seen is not None and self.shift_seen is not None
        seen = block.get(self.span)
        unit = torch.mul(seen, scale, out=space.matrix(self, *seen.shape))
        unit.addcmul_(space.rows_of("seen", self.centre_seen, y), drift)
        unit.sub_(space.rows_of("seen", self.shift_seen, y))
        return self.white.seen_squares(unit, space)


def unit_whitened(
    white: Whitener,
    residual: Residual,
    span: Product | None,
    unit_mean: Tensor,
    mean_inverse: Tensor,
) -> UnitWhitened:
    """``unit_mean`` (K, D) and ``mean_inverse`` (K,): class means of x/|x| and of 1/|x|."""
    centre = residual.centres.table
    shift = (unit_mean - mean_inverse[:, None] * centre.double()).to(centre.dtype)
    if span is None:
        return UnitWhitened(white, residual, None, mean_inverse, shift)
    return UnitWhitened(
        white, residual, span, mean_inverse, shift,
        centre @ white.basis, shift @ white.basis,
    )  # fmt: skip


def total_of(
    by_class: Tensor | None,
    white: Whitener,
    products: Tensor | None,
    convention: Convention,
    unseen: str,
) -> float:
    """The sum of z' S_B^+ z: of its sums by class, or as Tr(F' (sum of z z') F)."""
    if by_class is not None:
        return float(by_class.sum())
    if products is None or convention.within_pinv == "classes":
        raise Unseen(unseen)
    factor = white.factor
    return float(((products @ factor) * factor).sum().clamp(min=0))


def span_of(white: Whitener, residual: Part[Tensor]) -> Product | None:
    """The residuals in the basis; a triangular one is multiplied in blocks, not as a whole."""
    return None if white.triangular else Product(residual, white.basis)


def worth_fusing(residual: Residual, span: Product | None) -> tuple[Product, ...]:
    """Small tables only: beyond, one product of many columns costs what several cost."""
    few = len(residual.centres.table) <= RESIDUAL_CLASSES
    return (span,) if span is not None and few else ()


def corrected(sums: Tensor, white: Whitener, exact: Tensor, used: Tensor, count: Tensor) -> Tensor:
    """(K,) Sums of z' S_B^+ z without what rounding the class means added.

    Residuals were taken from means ``used`` in the working precision; about the ``exact`` ones
    the sum is less by n |(exact - used) F|^2 (parallel axis theorem).
    """
    factor = white.factor
    parts = zip(torch.split(exact, MEAN_ROWS), torch.split(used, MEAN_ROWS), strict=True)
    off = [torch.linalg.vector_norm((mean - near.double()) @ factor, dim=1) for mean, near in parts]
    extra = torch.cat(off).square()
    exact_sums: Tensor = (sums - count * extra).clamp(min=0)
    return exact_sums
