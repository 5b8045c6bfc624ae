"""The log-determinant of a Gaussian kernel matrix: how much room unit vectors take together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = 512
"""Rows of the matrix made at a time."""
PROBES = 16
ENTRY = 4 * torch.finfo(torch.float64).eps
"""What an entry of the matrix is off by once it has been factored."""
SIGNIFICANT = 1e-6
"""An error estimate above this share of the value (or of 1) leaves no number worth giving."""


@dataclass(frozen=True, slots=True)
class LogDeterminant:
    value: float
    rounding: float  # estimated error: that of the entries, through the inverse of the matrix

    @property
    def significant(self) -> bool:
        return self.rounding <= SIGNIFICANT * max(1.0, abs(self.value))


def log_determinant(rows: Tensor) -> LogDeterminant | None:
    """log det exp(-|u_i - u_j|^2) of unit ``rows`` (K, D) float64; None where that is singular."""
    # Cholesky reports a matrix that rounding has made singular; LU would return some number.
    factor, failed = torch.linalg.cholesky_ex(_kernel(rows))
    if int(failed):
        return None
    value = 2 * float(factor.diagonal().log().sum())
    return LogDeterminant(value, ENTRY * _inverse_trace(factor))


def _kernel(rows: Tensor) -> Tensor:
    """exp(2 cos - 2), (K, K), from cosines: the digits that differences of near rows would keep are
    lost in entries that are nearly one anyway."""
    kernel = torch.empty((len(rows), len(rows)), dtype=rows.dtype, device=rows.device)
    for top in range(0, len(rows), ROWS):
        block = kernel[top : top + ROWS]
        torch.mm(rows[top : top + ROWS], rows.T, out=block)
        block.mul_(2).sub_(2)
        block.diagonal(top).fill_(0.0)
        block.exp_()
    return kernel


def _inverse_trace(factor: Tensor) -> float:
    """Trace of the inverse (Hutchinson's estimator): |L^-1 z|^2 averaged over random signs z.

    An entry off by e moves log det by about e times the trace of the inverse.
    """
    random = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (len(factor), PROBES), generator=random)
    probes = (2 * signs - 1).to(factor)
    solved = torch.linalg.solve_triangular(factor, probes, upper=False)
    return float(solved.square().sum()) / PROBES
