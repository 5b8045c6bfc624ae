"""The log-determinant of a Gaussian kernel matrix: how much room unit vectors take together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = 512
"""Rows of the matrix factored at a time."""
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
    """log det exp(-|u_i - u_j|^2) of unit ``rows`` (K, D) float64; None where that is singular.

    Cholesky's factorization by panels of rows, each made when its turn comes: only the upper half
    is ever there, and nearly all the work is matrix products. It reports a matrix that rounding
    has made singular; LU would return some number.
    """
    random = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (len(rows), PROBES), generator=random)
    probes = (2 * signs - 1).to(rows)
    panels: list[Tensor] = []
    half = inverse_trace = 0.0
    for top in range(0, len(rows), ROWS):
        panel = _panel(rows, probes, top)
        size = len(panel)
        for start, done in zip(range(0, top, ROWS), panels, strict=True):
            left, right = done[:, top - start : top - start + size], done[:, top - start :]
            panel.addmm_(left.T, right, alpha=-1)
        factor, failed = torch.linalg.cholesky_ex(panel[:, :size])
        if int(failed):
            return None
        half += float(factor.diagonal().log().sum())
        beyond = panel[:, size:]
        beyond.copy_(torch.linalg.solve_triangular(factor, beyond, upper=False))
        # Trace of the inverse (Hutchinson's estimator): |L^-1 z|^2 averaged over random signs z.
        inverse_trace += float(beyond[:, -PROBES:].square().sum()) / PROBES
        panels.append(panel)
    # An entry off by e moves log det by about e times the trace of the inverse.
    return LogDeterminant(2 * half, ENTRY * inverse_trace)


def _panel(rows: Tensor, probes: Tensor, top: int) -> Tensor:
    """Rows of exp(2 cos - 2) from the diagonal on, and the probes, which are solved for as if they
    were columns of the matrix.

    From cosines: the digits that differences of near rows would keep are lost in entries that are
    nearly one anyway.
    """
    block = rows[top : top + ROWS]
    panel = rows.new_empty(len(block), len(rows) - top + PROBES)
    kernel = panel[:, :-PROBES]
    torch.mm(block, rows[top:].T, out=kernel)
    kernel.mul_(2).sub_(2)
    kernel.diagonal().fill_(0.0)
    kernel.exp_()
    panel[:, -PROBES:] = probes[top : top + ROWS]
    return panel
