"""Lengths of rows, right to their spread near collapse too."""

from __future__ import annotations

import torch
from torch import Tensor

from nctool.statistics.row_dots import row_dots

CLOSE = 0.3
"""Below this ratio of squared residual to squared origin, |x| is got from the residual."""


def row_lengths(rows: Tensor) -> Tensor:  # (B,) float64
    """Length of each row; a short sum in the working precision, then float64."""
    length: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return length.double()


def row_squares(rows: Tensor) -> Tensor:  # (B,) float64
    return row_lengths(rows).square()


def inverse_of(square: Tensor) -> Tensor:
    """One over a length, of its square; 0 for 0."""
    return torch.where(square > 0, square.rsqrt(), 0.0)


def inverse_norms(
    length: Tensor,
    residual: Tensor,
    square: Tensor,
    origins: Tensor,
    origin_squares: Tensor,
    y: Tensor,
) -> Tensor:  # (B,) float64
    """1/|x| for each row, 0 for a zero row; ``length`` is |x| in the working precision.

    ``origins`` (K, D), of which ``residual`` (B, D) is from row ``y``, and their squared lengths.

    Near collapse the spread of |x| is far below float32's resolution of |x| itself, so there it
    comes from |o|^2 + 2 r.o + |r|^2 with x = o + r, whose small terms carry the spread.
    """
    origin_square = origin_squares[y]
    close = square < CLOSE * origin_square
    if residual.dtype != torch.float64 and bool(close.any()):
        cross = row_dots(residual, origins, y)
        near = (origin_square + 2 * cross + square).clamp(min=0).sqrt()
        length = torch.where(close, near, length)
    return torch.where(length > 0, 1 / length, 0.0)
