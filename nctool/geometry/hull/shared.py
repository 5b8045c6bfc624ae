"""Nearest convex combinations of many rows over one Gram matrix: products for all of them at once.

Where supports are large, a factorisation for every row costs more than a few dozen products of all
rows with the matrix they share. Conjugate gradients, kept to each row's support and to weights that
sum to one, find the nearest affine combination; supports are exchanged until both signs are right,
first in float32, then in float64. A row that does not get there is left to others.
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
class Task:
    """Some rows: (R, K) their products with every point, whom they may use, and weights so far."""

    toward: Tensor
    inside: Tensor
    share: Tensor


def nearest(gram: Tensor, rows: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """(R, K) float64 weights from a first guess, and (R,) whether both signs came right."""
    size = len(gram)
    own = torch.nn.functional.one_hot(rows, size).bool()
    inside = (share > 0) & ~own
    task = Task(gram[rows], inside, _feasible(share, inside))
    scale = float(gram.diagonal().mean())
    rough = Task(task.toward.float(), inside, task.share.float())
    _exchange(gram.float(), rough, own, ROUGH_STEPS, ROUGH * scale)
    task.inside = rough.inside
    task.share = _feasible(rough.share.double(), rough.inside)
    settled = _exchange(gram, task, own, FINE_STEPS, FINE * scale)
    return task.share, settled


def _exchange(gram: Tensor, task: Task, own: Tensor, steps: int, small: float) -> Tensor:
    """Solve on the supports and correct them, until nothing is wrong; which rows got there."""
    settled = torch.zeros(len(own), dtype=torch.bool, device=own.device)
    for _ in range(EXCHANGES):
        pull, solved = _solve(gram, task, steps, small)
        wrong = torch.where(task.inside, task.share < 0, pull > 10 * small) & ~own
        settled = ~wrong.any(1) & solved
        if not bool(wrong.any()):
            break
        task.inside = task.inside ^ wrong
        task.share = _feasible(task.share, task.inside)
    return settled


def _solve(gram: Tensor, task: Task, steps: int, small: float) -> tuple[Tensor, Tensor]:
    """Conjugate gradients on each row's support: (R, K) the pull of every point, and who is done.

    At the nearest affine combination every point of the support pulls alike; that common pull is
    taken off, so that what is left is zero on the support and tells outside who wants to come in.
    """
    mask = task.inside.to(gram.dtype)
    count = mask.sum(1, keepdim=True).clamp(min=1)

    def within(vectors: Tensor) -> Tensor:
        """The part along the support that keeps the sum of the weights."""
        kept = vectors * mask
        return kept - mask * (kept.sum(1, keepdim=True) / count)

    share = task.share
    pull = task.toward - share @ gram
    residual = within(pull)
    direction = residual.clone()
    length = residual.square().sum(1, keepdim=True)
    for _ in range(steps):
        if float(residual.abs().max()) <= small:
            break
        image = direction @ gram
        bend = (direction * image).sum(1, keepdim=True)
        step = torch.where(bend > 0, length / bend, 0.0)
        share = share + step * direction
        residual = residual - step * within(image)
        new = residual.square().sum(1, keepdim=True)
        direction = residual + torch.where(length > 0, new / length, 0.0) * direction
        length = new
    task.share = share
    pull = task.toward - share @ gram
    level = (pull * mask).sum(1, keepdim=True) / count
    pull = pull - level
    return pull, (pull * mask).abs().amax(1) <= 10 * small


def _feasible(share: Tensor, inside: Tensor) -> Tensor:
    """Weights on the support alone that sum to one."""
    kept = (share * inside).clamp(min=0)
    total = kept.sum(1, keepdim=True)
    even = inside.to(kept.dtype) / inside.sum(1, keepdim=True).clamp(min=1)
    return torch.where(total > 0, kept / total.clamp(min=1e-30), even)
