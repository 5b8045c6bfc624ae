"""When K <= d + 1: all classes share one Gram matrix, and a simplex is solved at once.

Independent points have one affine combination of the others that is nearest to each: one inverse
gives all of these. Where its weights are all non-negative it is the nearest point of the hull too,
as for a simplex or nearly one. Elsewhere the negative ones leave, and supports are exchanged until
both signs are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from nctool.geometry.hull.cloud import EXACT_HALF_ULP, Cloud
from nctool.geometry.hull.shared_gram import nearest
from nctool.geometry.hull.worker_pool import WorkerPool

MOST_POINTS = 4096
CONDITION = 1e-10
"""Below this smallest pivot, relative to the largest, the points hardly span a simplex."""
EXCHANGES = 15
SHARED_CELLS = 1 << 22
"""Rows times points that are solved together."""
GROUP_BYTES = 8 << 20


def affine_weights(cloud: Cloud) -> Tensor | None:
    """(K, K) float64 convex weights, zero on the diagonal; None where the points are too many.

    A row that is no number has not been solved.
    """
    count = cloud.size
    if count > min(cloud.dim + 1, MOST_POINTS):
        return None
    centred = cloud.exact - cloud.centre
    gram = centred @ centred.T
    # Weights sum to one: a constant added to every entry changes nothing, and makes the matrix
    # positive definite, which centring would prevent.
    gram += gram.diagonal().mean()
    factor, info = torch.linalg.cholesky_ex(gram)
    pivots = factor.diagonal()
    if int(info) or float(pivots.min()) ** 2 < CONDITION * float(pivots.max()) ** 2:
        return None
    # With P = G^-1 - g g'/(1'g), g = G^-1 1, the weights of class k are -P_kj / P_kk.
    inverse = torch.cholesky_inverse(factor)
    total = inverse.sum(1)
    inverse -= torch.outer(total, total) / total.sum()
    weights = inverse / -inverse.diagonal()[:, None]
    weights.fill_diagonal_(0)
    rest = torch.nonzero((weights < -1e-12).any(1)).flatten()
    unsolved = [rest[:0]]
    for rows in torch.split(rest, max(1, SHARED_CELLS // count)) if len(rest) else ():
        nearer, settled = nearest(gram, rows, weights[rows])
        weights[rows[settled]] = nearer[settled]
        unsolved.append(rows[~settled])
    rest = torch.cat(unsolved)
    if len(rest):
        # Rows with supports of one size together: little padding.
        rest = rest[torch.argsort((weights[rest] > 0).sum(1))]
        with WorkerPool(gram.device) as pool:
            largest = int((weights[rest] > 0).sum(1).max())
            groups = torch.split(rest, max(1, GROUP_BYTES // (8 * largest * largest)))
            tasks = ((rows, weights[rows]) for rows in groups)
            solved = pool.map(partial(_exchange, gram), tasks)
            for rows, nearer in zip(groups, solved, strict=True):
                weights[rows] = nearer
    weights.clamp_(min=0)
    weights /= weights.sum(1, keepdim=True)
    return weights


def _exchange(gram: Tensor, task: tuple[Tensor, Tensor]) -> Tensor:
    """Weights of some rows, from supports that are nearly right: pivoting on the shared Gram."""
    rows, weights = task
    own = torch.nn.functional.one_hot(rows, len(gram)).bool()
    support = (weights > 0) & ~own
    toward = gram[rows]
    weights = torch.zeros_like(toward)
    for _ in range(EXCHANGES):
        weights, level = _solve_on_support(gram, toward, support)
        pull = toward - weights @ gram - level[:, None]
        wrong = torch.where(support, weights < 0, pull > 1e-13) & ~own
        if not bool(wrong.any()):
            break
        support ^= wrong
    return weights


def _solve_on_support(gram: Tensor, toward: Tensor, support: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest affine combination of each support, and the multiplier of its sum."""
    most = int(support.sum(1).max())
    place = torch.argsort(support.to(torch.uint8), dim=1, descending=True, stable=True)[:, :most]
    held = support.gather(1, place)
    mask = held.to(gram.dtype)
    part = gram[place[:, :, None], place[:, None, :]]
    part.mul_(mask[:, :, None]).mul_(mask[:, None, :])
    part.diagonal(dim1=-2, dim2=-1).add_(1 - mask)
    factor, _ = torch.linalg.cholesky_ex(part)
    right = torch.stack([toward.gather(1, place) * mask, mask], 2)
    solution = torch.cholesky_solve(right, factor)
    free, unit = solution[:, :, 0], solution[:, :, 1]
    level = (free.sum(1) - 1) / unit.sum(1)
    weights = (free - level[:, None] * unit) * mask
    return torch.zeros_like(toward).scatter_(1, place, weights), level


def affine_bounds(cloud: Cloud, weights: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rows, lower and upper bounds from weights on all points, a block at a time."""
    centred = cloud.exact - cloud.centre
    # As ``Cloud.residual_error``, for a sum of centred points.
    error = (2 * cloud.size + 8) * EXACT_HALF_ULP * cloud.radius
    for rows in torch.split(torch.arange(cloud.size, device=weights.device), 512):
        residual = centred[rows] - weights[rows] @ centred
        length = torch.linalg.vector_norm(residual, dim=1)
        direction = residual / length.clamp(min=torch.finfo(torch.float64).tiny)[:, None]
        scores = direction @ centred.T
        own = scores.gather(1, rows[:, None])[:, 0]
        scores.scatter_(1, rows[:, None], -torch.inf)
        upper = length * (1 + cloud.length_rounding) + error
        lower = own - scores.amax(1) - cloud.double_error
        yield rows, torch.minimum(lower.clamp(min=0), upper), upper
