"""The margins of many classes in rounds: guess the neighbours, solve, look at everybody, repeat.

A round solves a small programme over each class's candidates, then compares its direction with
all points. What the candidates missed joins them; what certifies itself is done. A wrong guess or
a failed solve costs time, never truth: the bounds come from the check alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from nctool.core.progress import Advance, ignore
from nctool.geometry.hull.affine import certify, faces
from nctool.geometry.hull.certificate import Guess, Look, look
from nctool.geometry.hull.cloud import Cloud
from nctool.geometry.hull.quadratic_program import System, grow, pivot, sketch
from nctool.geometry.hull.worker_pool import Crew

LOW_DIMENSION = 48
"""Up to here supports are small and dependent rows the rule: one row at a time, in float64."""
MOST_ROUNDS = 60
ROUGH_ROUNDS = 3
"""Rounds that only look for the right candidates, in float32."""
PATIENCE = 10
"""Rounds without progress after which a class is left open."""
LOOK_BYTES, DEVICE_LOOK_BYTES = 64 << 20, 1 << 30
PROGRAMME_BYTES = 2 << 20
"""Matrices of small programmes that are worked on together: they stay in cache."""
INSIDE = 1e-11
"""A point this close to the hull, relative to the scale, counts as inside it."""


@dataclass(slots=True)
class Candidates:
    """For some classes: the rows that may hold their nearest point."""

    rows: Tensor  # (B,)
    others: Tensor  # (B, m), padded with the class itself
    start: Tensor  # (B, m) rows believed to carry weight

    @property
    def valid(self) -> Tensor:
        return self.others != self.rows[:, None]

    def part(self, which: slice | Tensor) -> Candidates:
        return Candidates(self.rows[which], self.others[which], self.start[which])


@dataclass(slots=True)
class Supports:
    """Which rows hold each class's nearest point, and with what share; the last entry counts."""

    pieces: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def keep(self, rows: Tensor, others: Tensor, share: Tensor) -> None:
        width = int((share > 0).sum(1).max()) if len(rows) else 0
        top, place = share.topk(width, dim=1)
        self.pieces.append((rows.cpu(), others.gather(1, place).cpu().int(), top.cpu()))

    def of(self, row: int) -> tuple[list[int], list[float]]:
        """One class's support, largest share first."""
        for rows, others, share in reversed(self.pieces):
            found = torch.nonzero(rows == row).flatten()
            if len(found):
                at = int(found[0])
                held = share[at] > 0
                return others[at][held].tolist(), share[at][held].tolist()
        return [], []

    def sizes(self, count: int) -> Tensor:
        """(K,) how many rows each support has."""
        found = torch.zeros(count, dtype=torch.long)
        for rows, _, share in self.pieces:
            found[rows] = (share > 0).sum(1)
        return found


@dataclass(slots=True)
class Bounds:
    """What is certified so far."""

    lower: Tensor  # (K,)
    upper: Tensor  # (K,)

    @classmethod
    def nothing(cls, cloud: Cloud) -> Bounds:
        device = cloud.exact.device
        zero = torch.zeros(cloud.size, dtype=torch.float64, device=device)
        return cls(zero, torch.full_like(zero, torch.inf))

    def tighten(self, rows: Tensor, lower: Tensor, upper: Tensor) -> None:
        """What is no number shows nothing."""
        self.lower[rows] = torch.fmax(self.lower[rows], lower)
        self.upper[rows] = torch.fmin(self.upper[rows], upper)


@dataclass(slots=True)
class Rounds:
    """Solves classes of one cloud; ``bounds`` and ``supports`` hold what was found."""

    cloud: Cloud
    gap: float
    memory: int
    least_only: bool = False
    advance: Advance = ignore
    bounds: Bounds = field(init=False)
    stuck: Tensor = field(init=False)
    """(K,) for how many rounds the bounds have come no closer."""
    supports: Supports = field(default_factory=Supports)
    gaps_after_first: list[Tensor] = field(default_factory=list)
    floor: float = math.inf  # the least upper bound before this round, for all blocks alike

    def __post_init__(self) -> None:
        self.bounds = Bounds.nothing(self.cloud)
        self.stuck = torch.zeros_like(self.bounds.lower, dtype=torch.long)

    def solve_faces(self, rows: Tensor) -> Tensor:
        """Those of ``rows`` that one factorisation does not solve."""
        share = faces(self.cloud)
        if share is None:
            return rows
        everybody = torch.arange(self.cloud.size, device=rows.device)
        for part, lower, upper in certify(self.cloud, share):
            self.bounds.tighten(part, lower, upper)
            self.supports.keep(part, everybody.expand(len(part), -1), share[part])
        still = self.open(rows)
        self.advance(len(rows) - int(still.sum()))
        return rows[still]

    def solve(self, rows: Tensor, first: int, later: int) -> None:
        """All of ``rows``, from ``first`` neighbours each, ``later`` more in each round."""
        with Crew(self.cloud.exact.device) as crew:
            begin = partial(self._neighbours, count=first)
            waiting = list(crew.map(begin, torch.split(rows, self._height)))
            for turn in range(MOST_ROUNDS):
                self.floor = float(self.bounds.upper.min())
                work = partial(self._round, turn=turn, later=later)
                blocks = (part for one in waiting for part in self._blocks(one))
                left = [one for one in crew.map(work, blocks) if one is not None]
                if not left:
                    return
                waiting = merged(left)
                if turn >= ROUGH_ROUNDS:
                    later = min(2 * later, self.cloud.size - 1, max(later, self._widest))

    def _blocks(self, every: Candidates) -> Iterator[Candidates]:
        for start in range(0, len(every.rows), self._height):
            yield every.part(slice(start, start + self._height))

    @property
    def _widest(self) -> int:
        """How many others a few classes may weigh at once."""
        return math.isqrt(self.memory // 256)

    @property
    def _height(self) -> int:
        """How many classes may look at all points at once."""
        budget = LOOK_BYTES if self.cloud.exact.device.type == "cpu" else DEVICE_LOOK_BYTES
        return max(16, min(self.memory // 8, budget) // (12 * self.cloud.size))

    def _small(self, part: Candidates, exact: bool) -> Iterator[Candidates]:
        """As many programmes as stay in cache."""
        width = part.others.shape[1]
        each = (8 if exact else 4) * width * max(width, self.cloud.dim // 4)
        whole = part.others.device.type != "cpu"
        height = max(4, (128 * PROGRAMME_BYTES if whole else PROGRAMME_BYTES) // each)
        for start in range(0, len(part.rows), height):
            yield part.part(slice(start, start + height))

    def _neighbours(self, rows: Tensor, count: int) -> Candidates:
        """The points that lie furthest along the class's own direction."""
        cloud = self.cloud
        count = min(count, cloud.size - 1)
        scores = cloud.coarse[rows] @ cloud.coarse.T
        scores[torch.arange(len(rows), device=rows.device), rows] = -torch.inf
        others = scores.topk(count, dim=1).indices
        start = torch.zeros_like(others, dtype=torch.bool)
        start[:, : max(1, int(0.4 * count))] = True
        return Candidates(rows, others, start)

    def _round(self, part: Candidates, turn: int, later: int) -> Candidates | None:
        if self.least_only:
            part = self._still_possible(part)
            if not len(part.rows):
                return None
        steady = self.cloud.dim <= LOW_DIMENSION
        exact = steady or turn >= ROUGH_ROUNDS
        pieces = [self._guess(one, exact, steady or turn > 8) for one in self._small(part, exact)]
        guess = Guess(
            part.rows,
            part.others,
            torch.cat([one.share for one in pieces]),
            torch.cat([one.inner for one in pieces]),
            max(one.blur for one in pieces),
        )
        found = look(self.cloud, guess, later, deep=exact)
        self._record(part, found)
        still = self.open(part.rows) & (self.stuck[part.rows] < PATIENCE)
        if turn == 0:
            self.gaps_after_first.append(1 - found.lower / found.upper)
        left = int(still.sum())
        wide = float((1 - found.lower / found.upper)[still].max()) if left else self.gap
        self.advance(len(part.rows) - left, f"gap {wide:.0e}")
        if not left:
            return None
        share, others, beyond = found.share[still], found.others[still], found.beyond[still]
        return following(part.part(still), share, others, beyond)

    def _guess(self, part: Candidates, exact: bool, steady: bool) -> Guess:
        """Convex weights on the candidates."""
        cloud, valid = self.cloud, part.valid
        steps = (cloud.steps if exact else cloud.coarse_steps)(part.rows, part.others)
        system = System.of(steps, valid)
        limit = 3 * min(valid.shape[1], cloud.dim + 1) + 20
        if not exact:
            z = sketch(system, part.start)
        elif steady:
            z = grow(system, limit)
        else:
            z, done = pivot(system, part.start)
            failed = torch.nonzero(~done).flatten()
            if len(failed):
                z[failed] = grow(system.part(failed), limit)
        share = system.share(z)
        inner = torch.bmm(share[:, None, :].to(steps.dtype), steps)[:, 0].double()
        blur = cloud.blur(int((share > 0).sum(1).max()), exact=exact)
        return Guess(part.rows, part.others, share, inner, blur)

    def _record(self, part: Candidates, found: Look) -> None:
        bounds, rows = self.bounds, part.rows
        better = found.upper < bounds.upper[rows]
        apart = bounds.upper[rows] - bounds.lower[rows]
        bounds.tighten(rows, found.lower, found.upper)
        closer = bounds.upper[rows] - bounds.lower[rows] < 0.99 * apart
        self.stuck[rows] = torch.where(closer, 0, self.stuck[rows] + 1)
        if bool(better.any()):
            self.supports.keep(rows[better], part.others[better], found.share[better])

    def open(self, rows: Tensor) -> Tensor:
        """Which of ``rows`` still need work."""
        upper, lower = self.bounds.upper[rows], self.bounds.lower[rows]
        arithmetic = 4 * self.cloud.exact_error
        close = upper - lower <= self.gap * upper + arithmetic
        close |= upper <= INSIDE * self.cloud.scale
        still = ~close | ~upper.isfinite()
        if self.least_only:
            still &= lower <= self.floor
        return still

    def _still_possible(self, part: Candidates) -> Candidates:
        keep = self.bounds.lower[part.rows] <= self.floor
        self.advance(len(keep) - int(keep.sum()))
        return part.part(keep)


def following(part: Candidates, share: Tensor, others: Tensor, beyond: Tensor) -> Candidates:
    """The support of this round and the points it missed are the next round's candidates."""
    width = int((share > 0).sum(1).max())
    top, place = share.topk(width, dim=1)
    kept = torch.where(top > 0, part.others.gather(1, place), part.rows[:, None])
    joined = torch.where(beyond, others, part.rows[:, None])
    return Candidates(
        part.rows,
        torch.cat([kept, joined], 1),
        torch.cat([top > 0, torch.zeros_like(beyond)], 1),
    )


def merged(parts: list[Candidates]) -> list[Candidates]:
    """Blocks of similar width together, so that padding stays small."""
    out: list[Candidates] = []
    width = max(one.others.shape[1] for one in parts)
    rows = torch.cat([one.rows for one in parts])
    others = torch.cat([_padded(one.others, one.rows, width) for one in parts])
    start = torch.cat([_padded_mask(one.start, width) for one in parts])
    whole = Candidates(rows, others, start)
    used = whole.valid.sum(1)
    order = torch.argsort(used)
    for part in torch.split(order, max(64, len(order) // 16)):
        one = whole.part(part)
        most = int(used[part].max())
        place = torch.argsort((~one.valid).to(torch.uint8), dim=1, stable=True)[:, :most]
        out.append(Candidates(one.rows, one.others.gather(1, place), one.start.gather(1, place)))
    return out


def _padded(others: Tensor, rows: Tensor, width: int) -> Tensor:
    extra = rows[:, None].expand(-1, width - others.shape[1])
    return torch.cat([others, extra], 1)


def _padded_mask(mask: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(mask, (0, width - mask.shape[1]))
