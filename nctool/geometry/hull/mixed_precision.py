"""Small quadratic programmes to float64, from matrices and factors in float32.

A Gram matrix in float64 costs twice one in float32, and so does its factor. Neither is needed: the
gradient of the programme is two products of a vector with the rows themselves, and a few steps of
iterative refinement with the float32 factor (Wilkinson) reach float64. Conjugate gradients would
take fewer steps, but blow rounding up where rows depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.geometry.hull.quadratic_program import SMALL, System, factor_on_support

EXCHANGES, STEPS = 4, 5
STILL = 1e-14
"""A gradient on the support as small as this is rounding."""


def refined(rows: Tensor, system: System, support: Tensor) -> tuple[Tensor, Tensor]:
    """(B, m) convex weights in float64 of the rows (B, m, d) in float64, and (B,) which are solved.

    ``system`` is that of these rows in float32, ``support`` (B, m) nearly the right one.
    """
    exact = Exact(rows, system, system.right.double(), system.least.double())
    weights = torch.zeros_like(exact.right)
    solved = torch.zeros_like(support[:, 0])
    live = torch.arange(len(rows), device=rows.device)
    fewest = torch.full_like(live, support.shape[1] + 1)
    for _ in range(EXCHANGES):
        z, slope, sound = exact.on_support(support)
        wrong = torch.where(support, z < 0, slope < -SMALL) & exact.system.valid
        count = wrong.sum(1)
        ready = sound & (count == 0)
        weights[live[ready]] = (z * exact.right)[ready]
        solved[live[ready]] = True
        # Among dependent rows exchanges may go round and round: each has to leave fewer wrong.
        keep = sound & ~ready & (count < fewest)
        if not bool(keep.any()):
            break
        support = support ^ wrong
        fewest = count
        if not bool(keep.all()):
            live, exact, support, fewest = live[keep], exact.part(keep), support[keep], count[keep]
    total = weights.sum(1, keepdim=True)
    return weights / total.clamp(min=torch.finfo(weights.dtype).tiny), solved


@dataclass(slots=True)
class Exact:
    """Programmes whose matrix is that of ``system`` but for rounding, which the rows avoid."""

    rows: Tensor  # (B, m, d) float64
    system: System  # float32
    right: Tensor  # (B, m)
    least: Tensor  # (B,)

    def part(self, which: Tensor) -> Exact:
        return Exact(
            self.rows[which], self.system.part(which), self.right[which], self.least[which]
        )

    def product(self, z: Tensor) -> Tensor:
        """Mz without M. Row vectors, as everywhere: much faster on a CPU than columns."""
        y = z * self.right
        along = torch.bmm(torch.bmm(y[:, None, :], self.rows), self.rows.mT)[:, 0]
        return self.right * (along / self.least[:, None] + y.sum(1, keepdim=True))

    def on_support(self, support: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The solution on each support, the gradient everywhere, and which are solved."""
        place, mask, factor, sound = factor_on_support(self.system, support)

        def coarse(right: Tensor) -> Tensor:
            """The solution in float32."""
            some = right.gather(1, place).float() * mask
            some = torch.cholesky_solve(some[:, :, None], factor)[:, :, 0] * mask
            return torch.zeros_like(right).scatter_(1, place, some.double())

        z = coarse(self.right)
        slope = self.product(z) - self.right
        for _ in range(STEPS):
            off = slope * support
            if float(off.abs().max()) <= STILL:
                break
            z = z - coarse(off)
            slope = self.product(z) - self.right
        # A number that is none compares as false, and is no solution.
        return z, slope, sound & ((slope * support).abs().amax(1) <= SMALL)
