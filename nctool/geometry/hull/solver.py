"""From K points to K certified margins: duplicates aside, simplices at once, the rest in rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.core.progress import Advance, ignore
from nctool.geometry.duplicates import find_duplicates
from nctool.geometry.hull.active_set import ActiveSetSolver
from nctool.geometry.hull.candidates import Supports
from nctool.geometry.hull.cloud import Cloud
from nctool.geometry.hull.least import contenders
from nctool.geometry.hull.team import SOLO, Team

SAMPLE = 96
SAMPLED_FROM = 400
"""With more classes than this a sample tells how many neighbours to start from."""
FIRST_GUESS = 64
SAME = 2.0**-50
"""Points this close, relative to the largest length, are duplicates."""


@dataclass(frozen=True, slots=True)
class Margins:
    """Certified bounds of every class's distance to the hull of the others."""

    lower: Tensor  # (K,) float64
    upper: Tensor  # (K,)
    duplicates: tuple[tuple[int, ...], ...]  # groups of identical points: their margins are zero
    supports: Supports
    names: Tensor  # (R,) the point behind each row of ``supports``
    settled: Tensor  # (K,) where the bounds are as close as asked, or as arithmetic allows

    @property
    def value(self) -> Tensor:
        """(K,) the upper bounds, which are by far the sharper; zero inside the hull."""
        inside = self.settled & (self.lower == 0)
        return torch.where(inside, 0.0, self.upper)

    def support(self, point: int) -> list[tuple[int, float]]:
        """Between which points the nearest point of the hull lies, and how much of each."""
        where = torch.nonzero(self.names == point).flatten()
        for group in self.duplicates:
            if point in group:
                return [(next(other for other in group if other != point), 1.0)]
        others, weights = self.supports.of(int(where[0]))
        return list(zip(self.names[others].tolist(), weights, strict=True))


def margins(
    points: Tensor,
    *,
    gap: float = 1e-6,
    least_only: bool = False,
    memory: int = 4 << 30,
    advance: Advance = ignore,
    team: Team = SOLO,
) -> Margins:
    """``points`` (K, D) float64, K at least 2. ``least_only`` certifies the smallest one only.

    ``advance`` hears how many classes are done. Each process of a ``team`` solves some of them.
    """
    scale = _power_of_two(points)
    points = points.double() if scale == 1 else points.double() / scale
    largest = float(torch.linalg.vector_norm(points, dim=1).max())
    duplicates, names = find_duplicates(points, SAME * largest)
    cloud = Cloud.of(points[names] if duplicates else points)
    solver = ActiveSetSolver(cloud, gap, memory, least_only, advance, team=team)
    duplicated = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    for group in duplicates:
        duplicated[list(group)] = True
    todo = torch.nonzero(~duplicated[names]).flatten()
    if cloud.size > 1 and len(todo) and not (least_only and duplicates):
        solve_classes(solver, todo)
    settled = duplicated.clone()
    settled[names] |= ~solver.open(torch.arange(cloud.size, device=points.device))
    upper = _spread_of_duplicates(points, duplicates)
    lower = torch.zeros_like(upper)
    # The hull of the others may reach further than that of their representatives, by no more than
    # the distance between duplicates (the Hausdorff distance of the two hulls).
    lower[names] = (solver.lower - upper.max()).clamp(min=0) * scale
    lower[duplicated] = 0.0
    upper[names] = torch.where(duplicated[names], upper[names], solver.upper)
    return Margins(lower, upper * scale, duplicates, solver.supports, names.cpu(), settled)


def _power_of_two(points: Tensor) -> float:
    """The power of two that brings numbers near one; they are left alone if they are there.

    Squares then neither overflow nor vanish, and a power of two rounds nothing.
    """
    exponent = math.frexp(float(points.abs().max()))[1] - 1
    return 1.0 if abs(exponent) <= 8 else math.ldexp(1.0, exponent)


def _spread_of_duplicates(points: Tensor, duplicates: tuple[tuple[int, ...], ...]) -> Tensor:
    """(K,) the most that each duplicate is from another: zero for exact ones and single points."""
    spread = torch.zeros_like(points[:, 0])
    first = torch.tensor([group[0] for group in duplicates for _ in group], device=points.device)
    members = torch.tensor([row for group in duplicates for row in group], device=points.device)
    if len(members):
        away = torch.linalg.vector_norm(points[members] - points[first], dim=1) * (1 + SAME)
        spread[members] = away
        spread.scatter_reduce_(0, first, away, "amax")
    return spread


def solve_classes(solver: ActiveSetSolver, todo: Tensor) -> None:
    """Classes in ``todo``, with as many candidates each as a sample of them turned out to need."""
    first = FIRST_GUESS
    todo = solver.solve_by_affine_hull(todo)
    if not len(todo):
        return
    if len(todo) > SAMPLED_FROM:
        chosen = torch.linspace(0, len(todo) - 1, SAMPLE, device=todo.device).long()
        sample = todo[chosen]
        solver.solve(sample, first)
        sizes = solver.supports.sizes(solver.cloud.size)[sample.cpu()].double()
        # Scoring once more is cheap beside programmes that are wide for everybody: classes with
        # larger supports than most find them in a few rounds more.
        first = int(0.6 * float(sizes.median())) + 24
        rest = torch.ones(len(todo), dtype=torch.bool, device=todo.device)
        rest[chosen] = False
        todo = todo[rest]
        if solver.least_only:
            todo = contenders(solver, todo, sample)
            solver.solve(todo[:SAMPLE], first)
            todo = solver.still_possible(todo[SAMPLE:])
    solver.solve(todo, first)
