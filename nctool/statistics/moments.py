"""How many samples each class has, where its mean is, how far they stray; shards are joined."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations of every class; ``merge`` is associative."""

    count: Tensor  # (K,) float64
    mean: Tensor  # (K, D) float64
    scatter: Tensor  # (K,) float64, sum of squared distances to the mean
    unit_mean: Tensor | None  # (K, D) float64, mean of x/|x|
    inverse_norm: Tensor | None  # (K,) float64, mean of 1/|x|
    zero_rows: int = 0
    products: Tensor | None = None  # (D, D) float64, sum of z z' with z from the class's mean
    unit_products: Tensor | None = None  # (D, D) float64, the same of x/|x|

    @classmethod
    def empty(
        cls, classes: int, dim: int, *, unit: bool, device: torch.device, products: bool = False
    ) -> Moments:
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, dtype=torch.float64, device=device)

        return cls(
            zeros(classes),
            zeros(classes, dim),
            zeros(classes),
            zeros(classes, dim) if unit else None,
            zeros(classes) if unit else None,
            products=zeros(dim, dim) if products else None,
            unit_products=zeros(dim, dim) if products and unit else None,
        )

    def of(self, rows: Tensor) -> Moments:
        """The moments of some classes only; the others have no samples."""
        if len(rows) == len(self.count):
            return self
        unit, inverse = self.unit_mean, self.inverse_norm
        return Moments(
            self.count[rows],
            self.mean[rows],
            self.scatter[rows],
            None if unit is None else unit[rows],
            None if inverse is None else inverse[rows],
            self.zero_rows,
            self.products,
            self.unit_products,
        )

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of samples together (Chan, Golub & LeVeque 1983)."""
        count = self.count + other.count
        share = other.count / count.clamp(min=1)  # (K,)
        step = other.mean - self.mean  # (K, D)
        square = torch.linalg.vector_norm(step, dim=1).square()
        weight = self.count * share  # (K,)
        scatter = self.scatter + other.scatter + square * weight
        unit_mean = inverse_norm = None
        if self.unit_mean is not None and other.unit_mean is not None:
            unit_mean = torch.lerp(self.unit_mean, other.unit_mean, share[:, None])
        if self.inverse_norm is not None and other.inverse_norm is not None:
            inverse_norm = torch.lerp(self.inverse_norm, other.inverse_norm, share)
        products = _joined(self.products, other.products, step, weight)
        unit_products = None
        if self.unit_mean is not None and other.unit_mean is not None:
            unit_step = other.unit_mean - self.unit_mean
            unit_products = _joined(self.unit_products, other.unit_products, unit_step, weight)
        return Moments(
            count,
            step.mul_(share[:, None]).add_(self.mean),
            scatter,
            unit_mean,
            inverse_norm,
            self.zero_rows + other.zero_rows,
            products,
            unit_products,
        )


def _joined(
    left: Tensor | None, right: Tensor | None, step: Tensor, weight: Tensor
) -> Tensor | None:
    """Products about the means of both together: those of each, and of how far these lie apart."""
    if left is None or right is None:
        return None
    apart = step * weight.sqrt()[:, None]
    return torch.addmm(left + right, apart.T, apart)
