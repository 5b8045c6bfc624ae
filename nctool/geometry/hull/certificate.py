"""One look at all points along a direction: what it proves, and what the candidates missed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.geometry.hull.cloud import EXACT_HALF_ULP, Cloud
from nctool.geometry.hull.quadratic_program import System, pivot

CHECKED = 16
"""How many others are looked at in float64 before the rest is left to its rounding bound."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Convex weights on candidates, and where they point."""

    rows: Tensor  # (B,)
    candidates: Tensor  # (B, m)
    share: Tensor  # (B, m) float64
    inner: Tensor  # (B, D) float64: x minus the weighted candidates
    blur: float
    """How far off ``inner`` may be."""


@dataclass(frozen=True, slots=True)
class Look:
    """Certified bounds for some classes, and the best points outside their candidates."""

    lower: Tensor  # (B,)
    upper: Tensor  # (B,)
    share: Tensor  # (B, m) the weights behind ``upper``
    others: Tensor  # (B, t)
    beyond: Tensor  # (B, t) those that would bring the hull nearer


def look(cloud: Cloud, guess: Guess, count: int, *, deep: bool) -> Look:
    """Bounds from a guess.

    The residual r = x - sum(share * candidates) leads away from a point of the hull: |r| bounds
    the distance from above. Its direction u separates: the least u.(x - x_j) over all j bounds it
    from below. All points are looked at in float32 (float64 if ``deep``) with its rounding bound;
    where that shows nothing to gain, the guess is settled in float64.
    """
    rows = guess.rows
    length = torch.linalg.vector_norm(guess.inner, dim=1)
    unit = guess.inner / length.clamp(min=torch.finfo(torch.float64).tiny)[:, None]
    scores, error = _scores(cloud, unit, deep)
    own = torch.linalg.vecdot(unit, cloud.exact[rows] - cloud.centre)
    scores.scatter_(1, rows[:, None], -torch.inf)
    lower = (own - scores.amax(1).double() - error).clamp(min=0)
    held = torch.where(guess.share > 0, guess.candidates, rows[:, None])
    scores.scatter_(1, held, -torch.inf)
    top, others = scores.topk(min(count + 1, scores.shape[1]), dim=1)
    top = top.double()
    upper = length + guess.blur
    beyond = top[:, :-1] > (own - length)[:, None]
    share = guess.share.clone()
    final = torch.nonzero(top[:, 0] - (own - length) <= error + guess.blur).flatten()
    if len(final):
        seen = Seen(own[final], unit[final], top[final], others[final], error)
        exact = settle(cloud, rows[final], held[final], share[final], seen)
        lower[final], upper[final], share[final], beyond[final] = exact
    return Look(lower, upper, share, others[:, :-1], beyond)


def _scores(cloud: Cloud, unit: Tensor, deep: bool) -> tuple[Tensor, float]:
    """u.x_j for every point j, and how far off that may be."""
    if deep:
        return unit @ (cloud.exact - cloud.centre).T, cloud.deep_error
    return unit.float() @ cloud.coarse.T, cloud.coarse_error


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look along one direction showed outside the support."""

    own: Tensor  # (B,) u.x
    unit: Tensor  # (B, D)
    top: Tensor  # (B, t) the largest u.x_j, falling
    others: Tensor  # (B, t)
    error: float


def settle(
    cloud: Cloud, rows: Tensor, held: Tensor, share: Tensor, seen: Seen
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lower and upper bounds, the weights and what lies beyond: on the support, in float64."""
    width = int((share > 0).sum(1).max())
    rough, place = share.topk(width, dim=1)
    chosen = held.gather(1, place)
    valid = chosen != rows[:, None]
    steps = cloud.steps(rows, chosen)
    system = System.of(steps, valid)
    z, done = pivot(system, rough > 0)
    weights = torch.where(done[:, None], system.share(z), rough)
    inner = torch.bmm(weights[:, None, :], steps)[:, 0]
    length = torch.linalg.vector_norm(inner, dim=1)
    unit = inner / length.clamp(min=torch.finfo(torch.float64).tiny)[:, None]
    known = torch.bmm(steps, unit[:, :, None])[:, :, 0]
    known = torch.where(valid, known, torch.inf)
    checked = min(CHECKED, seen.top.shape[1] - 1)
    near = torch.bmm(cloud.steps(rows, seen.others[:, :checked]), unit[:, :, None])[:, :, 0]
    near = torch.where(torch.isfinite(seen.top[:, :checked]), near, torch.inf)
    # The rest was seen along a direction that may differ a little from this one.
    turned = torch.linalg.vector_norm(unit - seen.unit, dim=1) * 2 * cloud.scale
    rest = seen.own - seen.top[:, checked] - seen.error - turned
    least = torch.minimum(known.amin(1), rest)
    if checked:
        least = torch.minimum(least, near.amin(1))
    reach = torch.linalg.vecdot(weights, torch.linalg.vector_norm(steps, dim=2))
    upper = length * (1 + cloud.airtight) + (2 * width + 4) * EXACT_HALF_ULP * reach
    lower = ((least - cloud.exact_error) * (1 - cloud.airtight)).clamp(min=0)
    beyond = seen.top[:, :-1] > (seen.own - length)[:, None]
    beyond[:, :checked] = near < length[:, None] * (1 - 1e-12)
    whole = torch.zeros_like(share).scatter_(1, place, weights)
    return torch.minimum(lower, upper), upper, whole, beyond
