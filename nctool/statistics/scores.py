"""Linear scores of samples against classes: who wins, by how much, and when float32 cannot tell.

A score is ``base . column + table[row]``, where ``base`` is the sample minus an origin (its class
mean, or the global mean) and ``table`` carries, from float64, what the origin contributes. Taking
the origin out first is what keeps a large common offset from drowning the differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.engine.workspace import Workspace

EXACT_KEPT = 1 << 24
"""Numbers kept in float64 for settling close decisions; more are cast when they are needed."""

EXACT_TILE = 4096
"""Classes cast to float64 at a time when a decision is settled exactly."""


@dataclass(frozen=True, slots=True)
class Scores:
    """One family of C scores; ``rows`` is in its stored precision, the rest as named."""

    rows: Tensor  # (C, D) the exact score vectors: in float64 if they are few
    origin: Tensor  # (R, D) float64, R = 1 or one per class
    table: Tensor  # (R, C) float64: origin . row + constant, each row centred
    work_table: Tensor  # (R, C) working precision
    reach: float
    level: float

    @classmethod
    def of(cls, rows: Tensor, origin: Tensor, constant: Tensor | None, work: torch.dtype) -> Scores:
        """``origin`` must be exactly representable in the working precision."""
        parts = torch.split(rows, EXACT_TILE)
        table = torch.cat([origin @ part.double().T for part in parts], dim=1)  # (R, C)
        if constant is not None:
            table = table + constant.double()
        # What all classes share decides nothing, and would cost the working precision its digits.
        table -= table.mean(1, keepdim=True)
        reach = max(
            float(part.double().norm(dim=1).max()) for part in torch.split(rows, EXACT_TILE)
        )
        if rows.numel() <= EXACT_KEPT:
            rows = rows.double()
        return cls(rows, origin, table, table.to(work), reach, float(table.abs().max()))

    def offsets(self, group: Tensor, space: Workspace) -> Tensor:
        """The table row of each sample, or the only one."""
        if len(self.work_table) == 1:
            return self.work_table[0]
        return space.rows_of("offsets", self.work_table, group)

    def tolerance(self, lengths: Tensor) -> Tensor:
        """A bound on the rounding error of a difference of two scores."""
        return self._rounding(lengths, self.work_table.dtype)

    def double_tolerance(self, lengths: Tensor) -> Tensor:
        """The same bound for scores in float64."""
        return self._rounding(lengths, torch.float64)

    def _rounding(self, lengths: Tensor, dtype: torch.dtype) -> Tensor:
        # A dot product of d terms is off by at most d u |base| |row|, in any order (Higham 2002,
        # 3.1), u = eps / 2; twice that for two. The 8 is for casts, scaling and adding the table.
        dim = self.rows.shape[1]
        unit = torch.finfo(dtype).eps
        return unit * ((dim + 8) * self.reach * lengths + 2 * self.level)

    def exact(self, x: Tensor, group: Tensor) -> Tensor:  # (B, C) float64
        """The scores in float64."""
        shared = len(self.table) == 1
        base = x.double() - (self.origin if shared else self.origin[group])
        scores = torch.cat(
            [base @ part.double().T for part in torch.split(self.rows, EXACT_TILE)], dim=1
        )
        return scores.add_(self.table if shared else self.table[group])


@dataclass(slots=True)
class Contest:
    """Own score against the best other one; ``scores`` has -inf in each row's own place."""

    scores: Tensor  # (B, C)
    own: Tensor  # (B,) float64
    other: Tensor  # (B,) float64

    @classmethod
    def of(cls, scores: Tensor, own_column: Tensor) -> Contest:
        place = own_column[:, None]
        own = scores.gather(1, place)[:, 0].double()
        scores.scatter_(1, place, float("-inf"))
        return cls(scores, own, scores.amax(1).double())

    @property
    def margin(self) -> Tensor:
        return self.own - self.other


def exact_winner(scores: Tensor, tolerance: Tensor) -> Tensor:
    """The smallest column within rounding of the best: a tie is a tie."""
    best = scores.amax(1)
    return (scores >= (best - tolerance)[:, None]).to(torch.uint8).argmax(1)


EXACT_ROWS = 1024
COPIED_SHARE = 0.25
"""Of the rows of a block: copying fewer costs less than looking at all."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What deciding some samples takes."""

    x: Tensor  # (B, D)
    y: Tensor  # (B,) present-class index
    lengths: Tensor  # (B,) distance from the origin
    own: Tensor  # (B,) the column of the own class

    def of(self, rows: Tensor) -> Sample:
        return Sample(self.x[rows], self.y[rows], self.lengths[rows], self.own[rows])


def settle(family: Scores, samples: Sample) -> tuple[Tensor, Tensor]:
    """Winner and margin in float64, for the rows that the working precision left open."""
    winners, margins = [], []
    for rows in torch.split(torch.arange(len(samples.x), device=samples.x.device), EXACT_ROWS):
        part = samples.of(rows)
        scores = family.exact(part.x, part.y)
        winners.append(exact_winner(scores, family.double_tolerance(part.lengths)))
        margins.append(Contest.of(scores, part.own).margin)
    return torch.cat(winners), torch.cat(margins)


def decide(family: Scores, contest: Contest, samples: Sample) -> tuple[Tensor, Tensor]:
    """(winner, margin); the winner is -1 where it is certainly another class, not yet named."""
    margin = contest.margin
    slack = family.tolerance(samples.lengths)
    winner = torch.where(margin > 0, samples.own, -1)
    unsure = torch.nonzero(margin.abs() <= slack).flatten()
    if len(unsure):
        winner[unsure], margin[unsure] = settle(family, samples.of(unsure))
    return winner, margin


def name_winners(
    family: Scores, contest: Contest, winner: Tensor, where: Tensor, samples: Sample
) -> None:
    """Fill in the unnamed winners of the rows where the name matters."""
    rows = torch.nonzero(where & (winner < 0)).flatten()
    if not len(rows):
        return
    some = len(rows) < COPIED_SHARE * len(winner)
    scores, here = (contest.scores[rows], slice(None)) if some else (contest.scores, rows)
    best, first = scores.max(1)
    scores.scatter_(1, first[:, None], float("-inf"))
    second = scores.amax(1)
    scores.scatter_(1, first[:, None], best[:, None])
    floor = contest.other[rows] - family.tolerance(samples.lengths[rows])
    winner[rows] = first[here]
    close = rows[second[here] >= floor.to(scores.dtype)]
    if len(close):
        winner[close], _ = settle(family, samples.of(close))
