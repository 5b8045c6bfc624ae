"""All points along one direction for each class: scores of the best, and a bound for the rest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.geometry.hull.cloud import Cloud, Precision

GROUP = 16
"""Scores of which only the largest is looked at first."""
RESCORED_BYTES = 8 << 20


@dataclass(slots=True)
class Scan:
    """What the scores along one direction showed outside the support; all float64."""

    rows: Tensor  # (B,)
    own: Tensor  # (B,) u.x
    direction: Tensor  # (B, D)
    on_support: Tensor  # (B,) no u.x_j of the support is larger
    top: Tensor  # (B, t) the largest u.x_j outside, about
    others: Tensor  # (B, t)
    error: Tensor  # (B,) how far off ``top`` may be
    rest: Tensor  # (B,) nor is any u.x_j of neither the support nor ``others``

    @property
    def highest(self) -> Tensor:
        """(B,) No u.x_j outside the support is larger."""
        return torch.maximum(self.rest, self.top[:, 0] + self.error)

    def part(self, which: Tensor) -> Scan:
        return Scan(*(getattr(self, name)[which] for name in self.__slots__))

    def rescore(self, cloud: Cloud, which: Tensor) -> None:
        """Score ``others`` of some classes again in float32, the largest first."""
        height = max(1, RESCORED_BYTES // (4 * cloud.dim * self.others.shape[1]))
        for rows in torch.split(which, height):
            others = self.others[rows]
            points = torch.index_select(cloud.coarse, 0, others.reshape(-1))
            points = points.view(*others.shape, cloud.dim)
            scores = torch.bmm(points, self.direction[rows].float()[:, :, None])[:, :, 0].double()
            scores.masked_fill_(self.top[rows].isinf(), -torch.inf)
            self.top[rows], place = scores.sort(dim=1, descending=True)
            self.others[rows] = others.gather(1, place)
        self.error[which] = cloud.coarse_error


def scan(
    cloud: Cloud, rows: Tensor, held: Tensor, direction: Tensor, count: int, precision: Precision
) -> Scan:
    """The ``count`` best others, neither the point itself nor among ``held`` (B, m)."""
    own = torch.linalg.vecdot(direction, cloud.exact[rows] - cloud.centre)
    scores = cloud.scores(direction, precision)
    values = scores.values
    scores.exclude(rows[:, None])
    on_support = scores.above(values.gather(1, held).amax(1).double())
    scores.exclude(held)
    top, others = largest(values, min(count + 1, values.shape[1]))
    top = top.double()
    rest = scores.above(top[:, -1])
    top, others = top[:, :-1].contiguous(), others[:, :-1].contiguous()
    size = top.where(top.isfinite(), 0.0).abs().amax(1)
    error = scores.error + scores.relative * size
    return Scan(rows, own, direction, on_support, top, others, error, rest)


def largest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` largest of every row, falling, and where they are: ``topk``, but faster.

    They are among the groups that have the ``count`` largest maxima, and maxima over a strided
    dimension cost little more than reading.
    """
    stride = scores.shape[1] // GROUP
    if stride < 4 * count:
        return scores.topk(count, dim=1)
    even = stride * GROUP
    maxima = scores[:, :even].view(-1, GROUP, stride).amax(1)
    place = maxima.float().topk(count, dim=1, sorted=False).indices
    inside = torch.arange(0, even, stride, device=place.device)
    members = (place[:, :, None] + inside).flatten(1)
    last = torch.arange(even, scores.shape[1], device=place.device).expand(len(place), -1)
    members = torch.cat([members, last], 1)
    top, place = scores.gather(1, members).topk(count, dim=1)
    return top, members.gather(1, place)
