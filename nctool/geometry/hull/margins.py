"""From K points to K certified margins: twins aside, simplices at once, the rest in rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.core.progress import Advance, ignore
from nctool.geometry.duplicates import find_duplicates
from nctool.geometry.hull.active_set import Rounds, Supports
from nctool.geometry.hull.cloud import Cloud, cloud

SAMPLE = 96
SAMPLED_FROM = 400
"""With more classes than this a sample tells how many neighbours to start from."""
FIRST_GUESS, LATER_GUESS = 128, 48
SAME = 2.0**-50
"""Points this close, relative to the largest length, are one."""


@dataclass(frozen=True, slots=True)
class Margins:
    """Certified bounds of every class's distance to the hull of the others."""

    lower: Tensor  # (K,) float64
    upper: Tensor  # (K,)
    duplicates: tuple[tuple[int, ...], ...]
    """Groups of identical points: their margins are zero."""
    supports: Supports
    names: Tensor  # (R,) the point behind each row of ``supports``
    settled: Tensor  # (K,) where the bounds are as close as asked, or as arithmetic allows

    @property
    def value(self) -> Tensor:
        """(K,) the upper bounds, which are by far the sharper; zero inside the hull."""
        inside = self.settled & (self.lower == 0)
        return torch.where(inside, 0.0, self.upper)

    def support(self, one: int) -> list[tuple[int, float]]:
        """Between which points the nearest point of the hull lies, and how much of each."""
        where = torch.nonzero(self.names == one).flatten()
        for group in self.duplicates:
            if one in group:
                return [(next(other for other in group if other != one), 1.0)]
        others, share = self.supports.of(int(where[0]))
        return list(zip(self.names[others].tolist(), share, strict=True))


def margins(
    points: Tensor,
    *,
    gap: float = 1e-6,
    least_only: bool = False,
    memory: int = 4 << 30,
    advance: Advance = ignore,
) -> Margins:
    """``points`` (K, D) float64, K at least 2. ``least_only`` certifies the smallest one only.

    ``advance`` hears how many classes are done.
    """
    scale = _unit_of(points)
    points = points.double() if scale == 1 else points.double() / scale
    largest = float(torch.linalg.vector_norm(points, dim=1).max())
    duplicates, names = find_duplicates(points, SAME * largest)
    one = cloud(points[names] if duplicates else points)
    rounds = Rounds(one, gap, memory, least_only, advance)
    copied = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    for group in duplicates:
        copied[list(group)] = True
    todo = torch.nonzero(~copied[names]).flatten()
    if one.size > 1 and len(todo) and not (least_only and duplicates):
        _solve(rounds, one, todo)
    settled = copied.clone()
    settled[names] |= ~rounds.open(torch.arange(one.size, device=points.device))
    upper = _apart(points, duplicates)
    lower = torch.zeros_like(upper)
    # The hull of the others may reach further than the one of each kind that stands for it.
    lower[names] = (rounds.bounds.lower - upper.max()).clamp(min=0) * scale
    lower[copied] = 0.0
    upper[names] = torch.where(copied[names], upper[names], rounds.bounds.upper)
    return Margins(lower, upper * scale, duplicates, rounds.supports, names.cpu(), settled)


def _unit_of(points: Tensor) -> float:
    """The power of two that brings numbers near one; they are left alone if they are there."""
    exponent = math.frexp(float(points.abs().max()))[1] - 1
    return 1.0 if abs(exponent) <= 8 else math.ldexp(1.0, exponent)


def _apart(points: Tensor, duplicates: tuple[tuple[int, ...], ...]) -> Tensor:
    """(K,) how far each twin is from another at most: zero for exact copies and single points."""
    apart = torch.zeros_like(points[:, 0])
    first = torch.tensor([group[0] for group in duplicates for _ in group], device=points.device)
    every = torch.tensor([one for group in duplicates for one in group], device=points.device)
    if len(every):
        away = torch.linalg.vector_norm(points[every] - points[first], dim=1) * (1 + SAME)
        apart[every] = away
        apart.scatter_reduce_(0, first, away, "amax")
    return apart


def _solve(rounds: Rounds, one: Cloud, todo: Tensor) -> None:
    first, later = FIRST_GUESS, LATER_GUESS
    todo = rounds.solve_faces(todo)
    if not len(todo):
        return
    if len(todo) > SAMPLED_FROM:
        spread = torch.linspace(0, len(todo) - 1, SAMPLE, device=todo.device).long()
        sample = todo[spread]
        rounds.solve(sample, first, later)
        sizes = rounds.supports.sizes(one.size)[sample.cpu()].double()
        large = float(sizes.quantile(0.9))
        if float(torch.cat(rounds.gaps_after_first).median()) <= 1e-2:
            first, later = int(0.8 * large) + 2, int(0.4 * large) + 4
        else:
            first, later = int(1.4 * large) + 8, int(1.2 * large) + 4
        rest = torch.ones(len(todo), dtype=torch.bool, device=todo.device)
        rest[spread] = False
        todo = todo[rest]
    rounds.solve(todo, first, later)
