"""Nearest convex combinations of many rows over one Gram matrix: products for all of them at once.

Where supports are large, a factorisation for every row costs more than a few dozen products of all
rows with the matrix they share. Projected conjugate gradients, kept to each row's support and to
weights that sum to one, find the nearest affine combination; supports are exchanged until both
signs are right, first in float32, then in float64. A row that does not get there is left to the
caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EXCHANGES = 20
ROUGH_STEPS, FINE_STEPS = 25, 60
ROUGH, FINE = 1e-6, 1e-13
"""How small a pull must be, in the units of the Gram matrix, to be none."""


@dataclass(slots=True)
class Block:
    """Some rows on their way to weights."""

    toward: Tensor  # (R, K) their products with every point
    support: Tensor  # (R, K) whom they may use
    weights: Tensor  # (R, K) so far


def nearest(gram: Tensor, rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """(R, K) float64 weights from a first guess, and (R,) whether both signs came right."""
    size = len(gram)
    own = torch.nn.functional.one_hot(rows, size).bool()
    support = (weights > 0) & ~own
    block = Block(gram[rows], support, _feasible(weights, support))
    scale = float(gram.diagonal().mean())
    # Float32 finds who belongs to a support at half the cost; only the weights need float64.
    rough = Block(block.toward.float(), support, block.weights.float())
    _exchange(gram.float(), rough, own, ROUGH_STEPS, ROUGH * scale)
    block.support = rough.support
    block.weights = _feasible(rough.weights.double(), rough.support)
    settled = _exchange(gram, block, own, FINE_STEPS, FINE * scale)
    return block.weights, settled


def _exchange(gram: Tensor, block: Block, own: Tensor, steps: int, small: float) -> Tensor:
    """Solve on the supports and correct them, until nothing is wrong; which rows got there."""
    settled = torch.zeros(len(own), dtype=torch.bool, device=own.device)
    for _ in range(EXCHANGES):
        pull, solved = _solve(gram, block, steps, small)
        wrong = torch.where(block.support, block.weights < 0, pull > 10 * small) & ~own
        settled = ~wrong.any(1) & solved
        if not bool(wrong.any()):
            break
        block.support = block.support ^ wrong
        block.weights = _feasible(block.weights, block.support)
    return settled


def _solve(gram: Tensor, block: Block, steps: int, small: float) -> tuple[Tensor, Tensor]:
    """Conjugate gradients on each row's support: (R, K) the pull of every point, and who is done.

    At the nearest affine combination every point of the support pulls alike; that common pull is
    taken off, so that what is left is zero on the support and tells outside who wants to come in.
    """
    mask = block.support.to(gram.dtype)
    count = mask.sum(1, keepdim=True).clamp(min=1)

    def within(vectors: Tensor) -> Tensor:
        """The part along the support that keeps the sum of the weights."""
        kept = vectors * mask
        return kept - mask * (kept.sum(1, keepdim=True) / count)

    weights = block.weights
    pull = block.toward - weights @ gram
    residual = within(pull)
    direction = residual.clone()
    square = residual.square().sum(1, keepdim=True)
    for _ in range(steps):
        if float(residual.abs().max()) <= small:
            break
        image = direction @ gram
        # A direction without curvature, or none left, takes no step: no division by zero.
        curvature = (direction * image).sum(1, keepdim=True)
        step = torch.where(curvature > 0, square / curvature, 0.0)
        weights = weights + step * direction
        residual = residual - step * within(image)
        next_square = residual.square().sum(1, keepdim=True)
        direction = residual + torch.where(square > 0, next_square / square, 0.0) * direction
        square = next_square
    block.weights = weights
    # Once more from the weights: the updated residual drifts away from the true one.
    pull = block.toward - weights @ gram
    level = (pull * mask).sum(1, keepdim=True) / count
    pull = pull - level
    return pull, (pull * mask).abs().amax(1) <= 10 * small


def _feasible(weights: Tensor, support: Tensor) -> Tensor:
    """Weights on the support alone that sum to one."""
    kept = (weights * support).clamp(min=0)
    total = kept.sum(1, keepdim=True)
    even = support.to(kept.dtype) / support.sum(1, keepdim=True).clamp(min=1)
    return torch.where(total > 0, kept / total.clamp(min=1e-30), even)
