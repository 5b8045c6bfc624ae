"""The points, twice: exact in float64, and centred in float32 for the large products."""

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
    radius: float
    """Largest distance from the centre."""
    scale: float
    """Largest length."""

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
    def deep_error(self) -> float:
        """The same in float64, for two products and a direction not quite of length one."""
        return 3 * (self.dim + 8) * EXACT_HALF_ULP * self.radius

    @property
    def exact_error(self) -> float:
        """The same in float64, for one product with the difference of two points."""
        return (self.dim + 8) * EXACT_HALF_ULP * 2 * self.scale

    @property
    def airtight(self) -> float:
        """Relative rounding of a length in float64: half that of its square."""
        return (self.dim / 2 + 8) * EXACT_HALF_ULP

    def blur(self, terms: int, *, exact: bool) -> float:
        """How far off the length of a weighted sum of so many differences of points may be.

        Each term rounds its difference, its weight and the sum; the weights sum to one only within
        their own rounding. In float32, the points are rounded too, and the length is not.
        """
        if exact:
            return (2 * terms + self.dim / 2 + 8) * EXACT_HALF_ULP * 2 * self.scale
        return (2 * terms + 8) * HALF_ULP * self.radius

    def steps(self, rows: Tensor, others: Tensor) -> Tensor:
        """x_k - x_j for each row k (B,) and its others j (B, m): (B, m, D), exact differences."""
        flat = torch.index_select(self.exact, 0, others.reshape(-1))
        found = flat.view(*others.shape, self.dim)
        return torch.sub(self.exact[rows][:, None, :], found, out=found)

    def coarse_steps(self, rows: Tensor, others: Tensor) -> Tensor:
        """The same in float32."""
        flat = torch.index_select(self.coarse, 0, others.reshape(-1))
        found = flat.view(*others.shape, self.dim)
        return torch.sub(self.coarse[rows][:, None, :], found, out=found)


def cloud(points: Tensor) -> Cloud:
    """``points`` (K, D) float64."""
    centre = points.mean(0)
    centred = points - centre
    return Cloud(
        points,
        centred.float(),
        centre,
        float(torch.linalg.vector_norm(centred, dim=1).max()),
        float(torch.linalg.vector_norm(points, dim=1).max()),
    )
