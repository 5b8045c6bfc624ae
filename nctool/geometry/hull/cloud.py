"""The points, in three precisions: float64, and centred in float32 and bfloat16 for the products.

The errors below are the usual bounds of rounding analysis, gamma_n = n u for a sum of n products
(Higham, Accuracy and Stability, chapter 3), with u half a unit in the last place and a few terms
more for what is rounded before the product. They hold whatever the order of summation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

HALF_ULP, EXACT_HALF_ULP = 2.0**-24, 2.0**-53
SCREEN_HALF_ULP = 2.0**-8
SCREENED_FROM = 2048
"""With fewer points the products cost little in any precision."""


class Precision(IntEnum):
    """In what the scores of all points are worked out, cheapest first."""

    SCREEN = 0  # bfloat16, where the processor multiplies it several times faster
    SINGLE = 1
    DOUBLE = 2


@dataclass(frozen=True, slots=True)
class Cloud:
    """K points and what the arithmetic on them can be trusted for."""

    exact: Tensor  # (K, D) float64
    coarse: Tensor  # (K, D) float32, centred: translation moves no hull distance
    centre: Tensor  # (D,)
    radius: float  # largest distance from the centre
    scale: float  # largest length
    screen: Tensor | None = None  # (K, D) bfloat16, of ``coarse``
    screen_shift: float = 0.0  # largest distance between rows of the two

    @classmethod
    def of(cls, points: Tensor) -> Cloud:
        """``points`` (K, D) float64."""
        centre = points.mean(0)
        # Centring first: a common part of all points would eat float32's digits in every product.
        centred = points - centre
        coarse = centred.float()
        radius = float(torch.linalg.vector_norm(centred, dim=1).max())
        scale = float(torch.linalg.vector_norm(points, dim=1).max())
        del centred
        if len(points) < SCREENED_FROM or not screens(points.device):
            return cls(points, coarse, centre, radius, scale)
        screen = coarse.bfloat16()
        shift = _longest(coarse - screen.float())
        return cls(points, coarse, centre, radius, scale, screen, shift)

    @property
    def size(self) -> int:
        return len(self.exact)

    @property
    def dim(self) -> int:
        return self.exact.shape[1]

    @property
    def coarse_error(self) -> float:
        """No float32 product of a unit direction with a point is further off than this."""
        return (self.dim + 4) * HALF_ULP * self.radius

    @property
    def double_error(self) -> float:
        """The same in float64, for two products and a direction not quite of length one."""
        return 3 * (self.dim + 8) * EXACT_HALF_ULP * self.radius

    @property
    def exact_error(self) -> float:
        """The same in float64, for one product with the difference of two points."""
        return (self.dim + 8) * EXACT_HALF_ULP * 2 * self.scale

    @property
    def length_rounding(self) -> float:
        """Relative rounding of a length in float64: half that of its square."""
        return (self.dim / 2 + 8) * EXACT_HALF_ULP

    def residual_error(self, terms: int, *, exact: bool) -> float:
        """How far off the length of a weighted sum of so many differences of points may be.

        Each term rounds its difference, its weight and the sum; the weights sum to one only within
        their own rounding. In float32, the points are rounded too, and the length is not.
        """
        if exact:
            return (2 * terms + self.dim / 2 + 8) * EXACT_HALF_ULP * 2 * self.scale
        return (2 * terms + 8) * HALF_ULP * self.radius

    def differences(self, rows: Tensor, others: Tensor, *, exact: bool = True) -> Tensor:
        """x_k - x_j for each row k (B,) and its others j (B, m): (B, m, D), else in float32."""
        # Subtracted before anything is multiplied: the Gram matrix of near duplicates would cancel.
        points = self.exact if exact else self.coarse
        gathered = torch.index_select(points, 0, others.reshape(-1)).view(*others.shape, self.dim)
        return torch.sub(points[rows][:, None, :], gathered, out=gathered)

    def scores(self, direction: Tensor, precision: Precision) -> Scores:
        """u.(x_j - centre) of every point j, for directions (B, D) float64 of length one."""
        if precision == Precision.DOUBLE:
            # Not centred: a copy of all points for every block would cost more than the product.
            # Two products and that of the point itself, each rounded as ``exact_error`` is or less.
            values = direction @ self.exact.T
            values -= (direction @ self.centre)[:, None]
            return Scores(values, torch.full_like(direction[:, 0], 2 * self.exact_error))
        way = direction.float()
        error = torch.full_like(direction[:, 0], self.coarse_error)
        if precision == Precision.SINGLE or self.screen is None:
            return Scores(way @ self.coarse.T, error)
        # |u'.x' - u.x| <= |u' - u| |x'| + |u| |x' - x|, with lengths that were measured; summed in
        # float32, from products that are exact there, and rounded to bfloat16 once at the end.
        rounded = way.bfloat16()
        turned = torch.linalg.vector_norm(direction - rounded.double(), dim=1)
        error = 2 * error + turned * (self.radius + self.screen_shift) + self.screen_shift
        return Scores(rounded @ self.screen.T, error, SCREEN_HALF_ULP)


@dataclass(slots=True)
class Scores:
    """What rounding leaves of u.x_j, and how far off that may be."""

    values: Tensor  # (B, K)
    error: Tensor  # (B,) float64
    relative: float = 0.0  # of the value, beside that

    def exclude(self, points: Tensor) -> None:
        """Let ``points`` (B, m) be nobody's best."""
        # Not ``scatter_``: in bfloat16 it copies the whole block to float32 and back (torch 2.13).
        count, size = self.values.shape
        first = torch.arange(0, count * size, size, device=points.device)
        self.values.view(-1).index_fill_(0, (points + first[:, None]).flatten(), -torch.inf)

    def above(self, values: Tensor) -> Tensor:
        """No true score behind a value of at most ``values`` (B,) float64 is larger than this."""
        raised = values + self.relative * values.abs() + self.error
        return torch.where(values.isneginf(), values, raised)


def screens(device: torch.device) -> bool:
    """Whether products in bfloat16 are much faster here than in float32, and summed in float32."""
    if device.type != "cpu" or not torch._C._has_mkldnn:
        return False  # a GPU may sum parts of a product in bfloat16
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in asked)


def _longest(rows: Tensor) -> float:
    """The largest length of rows (K, D) in float32, or a little more."""
    length = float(torch.linalg.vector_norm(rows, dim=1).max())
    return length * (1 + rows.shape[1] * HALF_ULP + 1e-6)
