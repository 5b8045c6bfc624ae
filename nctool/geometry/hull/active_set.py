"""The margins of many classes in rounds: choose candidates, solve, certify against all, repeat.

An outer active-set method (column generation). A round solves a small programme over each class's
candidates, then scores all points along its direction. What the candidates missed joins them; what
certifies itself is done. A wrong guess or a failed solve costs time, never truth: the bounds come
from the certificate alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from nctool.core.progress import Advance, ignore
from nctool.geometry.hull.affine import affine_bounds, affine_weights
from nctool.geometry.hull.candidates import Candidates, Supports, next_candidates, regrouped
from nctool.geometry.hull.certificate import Certificate, certify
from nctool.geometry.hull.cloud import Cloud, Precision
from nctool.geometry.hull.programmes import nearest
from nctool.geometry.hull.scan import scan
from nctool.geometry.hull.team import SOLO, Team, shared
from nctool.geometry.hull.worker_pool import WorkerPool

LOW_DIMENSION = 48
"""Up to here supports are small and dependent rows the rule: one row at a time, in float64."""
MOST_ROUNDS = 60
STEADY = 4
"""Rounds without progress after which float64 and the steadiest programme are tried."""
LISTED = 64
"""Points of each class that are kept of a scan, at least."""
PATIENCE = 10
"""Rounds without progress after which a class is left open."""
SCORE_BYTES, DEVICE_SCORE_BYTES = 64 << 20, 1 << 30
INSIDE = 1e-11
"""A point this close to the hull, relative to the scale, counts as inside it."""


@dataclass(slots=True)
class ActiveSetSolver:
    """Solves classes of one cloud; the bounds and ``supports`` hold what is certified so far."""

    cloud: Cloud
    gap: float
    memory: int
    least_only: bool = False
    advance: Advance = ignore
    lower: Tensor = field(init=False)  # (K,)
    upper: Tensor = field(init=False)  # (K,)
    stuck: Tensor = field(init=False)  # (K,) for how many rounds the bounds have come no closer
    precision: Tensor = field(init=False)  # (K,) in which points are scored for each class
    exact: Tensor = field(init=False)  # (K,) whether its programmes are solved in float64
    steady: Tensor = field(init=False)  # (K,) and one row at a time
    supports: Supports = field(default_factory=Supports)
    floor: float = math.inf  # the least upper bound before this round, for all blocks alike
    team: Team = SOLO

    def __post_init__(self) -> None:
        self.lower = torch.zeros_like(self.cloud.exact[:, 0])
        self.upper = torch.full_like(self.lower, torch.inf)
        self.stuck = torch.zeros_like(self.lower, dtype=torch.long)
        coarsest = Precision.SINGLE if self.cloud.screen is None else Precision.SCREEN
        self.precision = torch.full_like(self.stuck, coarsest)
        self.exact = torch.zeros_like(self.lower, dtype=torch.bool)
        self.steady = torch.full_like(self.exact, self.cloud.dim <= LOW_DIMENSION)

    def solve_by_affine_hull(self, rows: Tensor) -> Tensor:
        """Those of ``rows`` that one factorisation does not solve."""
        weights = affine_weights(self.cloud)
        if weights is None:
            return rows
        everybody = torch.arange(self.cloud.size, device=rows.device)
        for part, lower, upper in affine_bounds(self.cloud, weights):
            self._tighten(part, lower, upper)
            self.supports.keep(part, everybody.expand(len(part), -1), weights[part])
        still = self.open(rows)
        self.advance(len(rows) - int(still.sum()))
        return rows[still]

    def solve(self, rows: Tensor, first: int) -> None:
        """All of ``rows``, from ``first`` neighbours each.

        Each process of a team takes its turn of them, and afterwards has the bounds of all.
        """
        own = rows[self.team.rank :: self.team.size]
        pieces = len(self.supports.pieces)
        if len(own):
            self._solve(own, first)
        self.floor = min(self.floor, float(self.upper.min()))
        if self.team.size == 1:
            return
        for bounds in (self.lower, self.upper):
            for rank, values in enumerate(self.team.gather(bounds[own])):
                bounds[rows[rank :: self.team.size]] = values
        shared(self.supports, pieces, self.cloud.size, self.team)
        self.floor = min(self.floor, float(self.upper.min()))
        self.advance(len(rows) - len(own))

    def _solve(self, rows: Tensor, first: int) -> None:
        with WorkerPool(self.cloud.exact.device) as pool:
            begin = partial(self._neighbours, count=first)
            waiting = regrouped(list(pool.map(begin, torch.split(rows, self.height))), self._stage)
            for _ in range(MOST_ROUNDS):
                # Fixed for the round: bounds of blocks that happen to be done earlier must not
                # decide what later ones do, or results would depend on the number of threads.
                self.floor = float(self.upper.min())
                blocks = (block for part in waiting for block in part.split(self.height))
                still_open = [part for part in pool.map(self._round, blocks) if part is not None]
                if not still_open:
                    return
                waiting = regrouped(still_open, self._stage)

    @property
    def _stage(self) -> Tensor:
        """(K,) equal for classes that are solved and scored alike."""
        return self.precision + 3 * self.exact + 6 * self.steady

    @property
    def height(self) -> int:
        """How many classes may be scored against all points at once."""
        budget = SCORE_BYTES if self.cloud.exact.device.type == "cpu" else DEVICE_SCORE_BYTES
        return max(16, min(self.memory // 8, budget) // (6 * self.cloud.size))

    def _neighbours(self, rows: Tensor, count: int) -> Candidates:
        """The points that lie furthest along the class's own direction."""
        cloud = self.cloud
        count = min(count, cloud.size - 1)
        way = cloud.coarse[rows].double()
        way /= torch.linalg.vector_norm(way, dim=1, keepdim=True).clamp(min=1e-300)
        precision = Precision(int(self.precision[rows[0]]))
        seen = scan(cloud, rows, rows[:, None], way, count, precision)
        if precision == Precision.SCREEN:
            # Among points closer together than the digits reach it would choose blindly.
            blind = seen.top[:, 0] - seen.top[:, -1] <= seen.error
            if bool(blind.any()):
                self.precision[rows[blind]] = Precision.SINGLE
                closer = scan(
                    cloud, rows[blind], rows[blind, None], way[blind], count, Precision.SINGLE
                )
                seen.others[blind] = closer.others
        if self.least_only:
            bounds = (seen.own - seen.highest).clamp(min=0)
            self.lower[rows] = torch.fmax(self.lower[rows], bounds)
        start = torch.zeros_like(seen.others, dtype=torch.bool)
        start[:, : max(1, int(0.4 * count))] = True
        return Candidates(rows, seen.others, start)

    def _round(self, part: Candidates) -> Candidates | None:
        if self.least_only:
            possible = self.possible(part.rows)
            part = part.part(possible)
            self.advance(len(possible) - len(part.rows))
            if not len(part.rows):
                return None
        first = part.rows[0]  # all of a block are at one stage
        steady = bool(self.steady[first])
        exact = steady or bool(self.exact[first])
        precision = Precision.DOUBLE if steady else Precision(int(self.precision[first]))
        primal = nearest(self.cloud, part, exact=exact, steady=steady)
        # The more the longer nothing helps: a few classes weigh very many others at once.
        waited = (self.stuck[part.rows] - 1).clamp(min=0)
        limit = (0.7 * (primal.weights > 0).sum(1) + 16) * 2.0**waited
        most = max(LISTED, math.isqrt(self.memory // 256))
        listed = min(max(LISTED, int(limit.max())), most)
        certificate = certify(self.cloud, primal, listed, precision)
        self._record(part, certificate)
        still = self.open(part.rows) & (self.stuck[part.rows] < PATIENCE)
        left = int(still.sum())
        widest_gap = float(certificate.gap[still].max()) if left else self.gap
        self.advance(len(part.rows) - left, f"gap {widest_gap:.0e}")
        if not left:
            return None
        self.exact[part.rows] |= certificate.rough
        finer = certificate.crowded & (self.precision[part.rows] < Precision.DOUBLE)
        self.precision[part.rows] += finer.long()
        return next_candidates(
            part.part(still),
            certificate.weights[still],
            certificate.others[still],
            certificate.violating[still],
            limit[still],
        )

    def _tighten(self, rows: Tensor, lower: Tensor, upper: Tensor) -> None:
        """The better of old and new; fmax and fmin pass over NaN, which shows nothing."""
        self.lower[rows] = torch.fmax(self.lower[rows], lower)
        self.upper[rows] = torch.fmin(self.upper[rows], upper)

    def _record(self, part: Candidates, certificate: Certificate) -> None:
        rows = part.rows
        better = certificate.upper < self.upper[rows]
        apart = self.upper[rows] - self.lower[rows]
        self._tighten(rows, certificate.lower, certificate.upper)
        closer = self.upper[rows] - self.lower[rows] < 0.99 * apart
        self.stuck[rows] = torch.where(closer, 0, self.stuck[rows] + 1)
        self.steady[rows] |= self.stuck[rows] >= STEADY
        if bool(better.any()):
            self.supports.keep(rows[better], part.others[better], certificate.weights[better])

    def open(self, rows: Tensor) -> Tensor:
        """Which of ``rows`` still need work."""
        upper, lower = self.upper[rows], self.lower[rows]
        # No arithmetic in float64 brings the bounds closer than their own rounding.
        arithmetic = 4 * self.cloud.exact_error
        close = upper - lower <= self.gap * upper + arithmetic
        close |= upper <= INSIDE * self.cloud.scale
        still = ~close | ~upper.isfinite()
        return still & self.possible(rows) if self.least_only else still

    def possible(self, rows: Tensor) -> Tensor:
        """Which of ``rows`` may have a margin below the least that is known, less the gap."""
        if self.floor <= INSIDE * self.cloud.scale:
            return torch.zeros_like(rows, dtype=torch.bool)
        return self.lower[rows] < (1 - self.gap) * self.floor

    def still_possible(self, rows: Tensor) -> Tensor:
        """Those of them; the others are done."""
        some = rows[self.possible(rows)]
        self.advance(len(rows) - len(some))
        return some
