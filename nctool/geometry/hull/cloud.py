"""The points, twice: exact in float64, and centred in float32 for the large products.

The errors below are the usual bounds of rounding analysis, gamma_n = n u for a sum of n products
(Higham, Accuracy and Stability, chapter 3), with u half a unit in the last place and a few terms
more for what is rounded before the product. They hold whatever the order of summation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

HALF_ULP, EXACT_HALF_ULP = 2.0**-24, 2.0**-53


@dataclass(frozen=True, slots=True)
class Cloud:
    """K points and what the arithmetic on them can be trusted for."""

    exact: Tensor  # (K, D) float64
    coarse: Tensor  # (K, D) float32, centred: translation moves no hull distance
    centre: Tensor  # (D,)
    radius: float  # largest distance from the centre
    scale: float  # largest length

    @classmethod
    def of(cls, points: Tensor) -> Cloud:
        """``points`` (K, D) float64."""
        centre = points.mean(0)
        # Centring first: a common part of all points would eat float32's digits in every product.
        centred = points - centre
        return cls(
            points,
            centred.float(),
            centre,
            float(torch.linalg.vector_norm(centred, dim=1).max()),
            float(torch.linalg.vector_norm(points, dim=1).max()),
        )

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
