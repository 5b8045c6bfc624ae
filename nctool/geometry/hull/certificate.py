"""Certified bounds of hull distances from convex weights, and the points those weights missed.

A primal point of the hull bounds the distance from above, the direction to it from below (the
Frank-Wolfe, or duality, gap). Every rounding error counts against the claim: it is added to the
upper bound and taken off the lower one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.geometry.hull.cloud import EXACT_HALF_ULP, Cloud, Precision
from nctool.geometry.hull.mixed_precision import refined
from nctool.geometry.hull.quadratic_program import System
from nctool.geometry.hull.scan import Scan, scan

CHECKED = 16
"""How many others are scored in float64 before the rest is left to its rounding bound."""
REFINED_BYTES = 4 << 20
"""Rows in float64 that are worked on together: they stay in cache."""


@dataclass(frozen=True, slots=True)
class PrimalPoint:
    """Points of hulls, given by convex weights on candidates, and where they lie."""

    rows: Tensor  # (B,)
    candidates: Tensor  # (B, m)
    weights: Tensor  # (B, m) float64
    residual: Tensor  # (B, D) float64: x minus the weighted candidates
    error: float  # how far off the length of ``residual`` may be


@dataclass(frozen=True, slots=True)
class Certificate:
    """Certified bounds for some classes, and the best points outside their candidates."""

    lower: Tensor  # (B,)
    upper: Tensor  # (B,)
    weights: Tensor  # (B, m) those behind ``upper``
    others: Tensor  # (B, t)
    violating: Tensor  # (B, t) those that would bring the hull nearer
    rough: Tensor  # (B,) whether the weights may be as wrong as the candidates
    crowded: Tensor  # (B,) whether more points than these cannot be told from those beyond

    @property
    def gap(self) -> Tensor:
        """(B,) relative to the upper bound."""
        return 1 - self.lower / self.upper


def certify(cloud: Cloud, primal: PrimalPoint, count: int, precision: Precision) -> Certificate:
    """Bounds from weights, and the ``count`` points beyond the candidates that matter most.

    The residual r = x - sum(weights * candidates) leads away from a point of the hull: |r| bounds
    the distance from above. Its direction u separates: the least u.(x - x_j) over all j bounds it
    from below. All points are scored, with the rounding bound of the precision; where that shows
    nothing to gain, the best are scored again more finely, and the weights refined in float64.
    """
    rows = primal.rows
    length = torch.linalg.vector_norm(primal.residual, dim=1)
    direction = primal.residual / length.clamp(min=torch.finfo(torch.float64).tiny)[:, None]
    held = torch.where(primal.weights > 0, primal.candidates, rows[:, None])
    seen = scan(cloud, rows, held, direction, count, precision)
    # The largest score may be that much larger: without the error this would be no lower bound.
    lower = (seen.own - torch.maximum(seen.on_support, seen.highest)).clamp(min=0)
    upper = length + primal.error
    level = seen.own - length
    near = seen.top[:, 0] - level <= seen.error + primal.error
    crowded = near & (seen.rest > level)
    if precision == Precision.SCREEN:
        # Where more points than were listed may lie beyond the level, only more digits help.
        near &= ~crowded
        seen.rescore(cloud, torch.nonzero(near).flatten())
    violating = seen.top > level[:, None]
    weights = primal.weights.clone()
    settling = near & (seen.top[:, 0] - level <= seen.error + primal.error)
    final = torch.nonzero(settling).flatten()
    if len(final):
        # Supports of like size together, few enough that their rows stay in cache.
        sizes = (weights[final] > 0).sum(1)
        final = final[torch.argsort(sizes)]
        height = max(4, REFINED_BYTES // (8 * cloud.dim * max(1, int(sizes.max()))))
        for few in torch.split(final, height):
            result = refine(cloud, rows[few], held[few], weights[few], seen.part(few))
            lower[few], upper[few], weights[few], violating[few] = result
    # At the nearest point of the candidates' hull all of a support is level: as far as it is not,
    # solving more finely gains as much as more candidates do.
    rough = settling | (seen.on_support - level > 0.5 * (seen.top[:, 0] - level))
    return Certificate(lower, upper, weights, seen.others, violating, rough, crowded)


def refine(
    cloud: Cloud, rows: Tensor, held: Tensor, rough: Tensor, seen: Scan
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lower and upper bounds, the weights, and who violates them: solved on the support in float64.

    Only the support and the ``CHECKED`` best others are scored again. For everybody else the scan
    still counts, less its own rounding and less how far the direction has turned since.
    """
    width = int((rough > 0).sum(1).max())
    start, place = rough.topk(width, dim=1)
    chosen = held.gather(1, place)
    valid = chosen != rows[:, None]
    differences = cloud.differences(rows, chosen)
    weights, solved = refined(differences, System.of(differences.float(), valid), start > 0)
    weights = torch.where(solved[:, None], weights, start)
    residual = torch.bmm(weights[:, None, :], differences)[:, 0]
    length = torch.linalg.vector_norm(residual, dim=1)
    direction = residual / length.clamp(min=torch.finfo(torch.float64).tiny)[:, None]
    on_support = torch.bmm(direction[:, None, :], differences.mT)[:, 0]
    on_support = torch.where(valid, on_support, torch.inf)
    checked = min(CHECKED, seen.top.shape[1])
    near = cloud.differences(rows, seen.others[:, :checked])
    near = torch.bmm(direction[:, None, :], near.mT)[:, 0]
    near = torch.where(torch.isfinite(seen.top[:, :checked]), near, torch.inf)
    # Cauchy-Schwarz: along a direction turned by |u' - u| no u.(x - x_j) moves by more than that
    # times |x - x_j|, which is at most twice the largest length.
    turned = torch.linalg.vector_norm(direction - seen.direction, dim=1) * 2 * cloud.scale
    unchecked = seen.rest
    if checked < seen.top.shape[1]:
        unchecked = torch.maximum(unchecked, seen.top[:, checked] + seen.error)
    rest = seen.own - unchecked - turned
    least = torch.minimum(torch.minimum(on_support.amin(1), near.amin(1)), rest)
    reach = torch.linalg.vecdot(weights, torch.linalg.vector_norm(differences, dim=2))
    # As ``Cloud.residual_error``, with the lengths of these differences for the largest possible.
    rounding = (2 * width + 4) * EXACT_HALF_ULP * reach
    upper = length * (1 + cloud.length_rounding) + rounding
    lower = ((least - cloud.exact_error) * (1 - cloud.length_rounding)).clamp(min=0)
    violating = seen.top > (seen.own - length)[:, None]
    violating[:, :checked] = near < length[:, None] * (1 - 1e-12)
    whole = torch.zeros_like(rough).scatter_(1, place, weights)
    return torch.minimum(lower, upper), upper, whole, violating
