"""What the head decides, and which relabelling of the classes fits that best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nctool.engine.block import Block
from nctool.statistics.head_rule import HeadRule
from nctool.statistics.sums import by_class

Whole = NDArray[np.int64]


MOST_WAITING = 1 << 20
"""Wrong decisions that are held one by one before equal ones are counted."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Of all samples that have a class, in whatever order they come."""

    right: Tensor  # (K,) float64: how many of each class
    lost: float
    """Sum over samples of the highest logit less that of the own class."""
    pairs: Tensor  # (P,) int64: class * rows + the row decided, where that is not its own
    counts: Tensor  # (P,) int64: how many samples

    def chosen(self, columns: Tensor, rows: int) -> Tensor:  # (rows,) float64
        """How many samples each row of the head wins; ``columns`` (K,): each class's own."""
        total = self.right.new_zeros(rows).index_add_(0, columns, self.right)
        pairs, counts = self.pairs.to(total.device), self.counts.to(total)
        return total.index_add_(0, pairs % rows, counts)


class DecisionSums:
    """How often each row wins where it ought not to: few pairs, however many samples."""

    def __init__(self, rule: HeadRule, counts: Tensor) -> None:
        self.rule, self.reads, self.width = rule, rule.reads, rule.width
        self.right = torch.zeros_like(counts)  # (K,)
        self.lost = torch.zeros((), dtype=torch.float64, device=counts.device)
        self.pairs: list[Tensor] = []
        self.counts: list[Tensor] = []
        self.waiting = 0

    def add(self, block: Block) -> None:
        right, chosen = block.get(self.rule.right), block.get(self.rule.chosen)
        self.right += by_class(block.y, right, len(self.right))
        self.lost -= block.get(self.rule.margins).clamp(max=0).sum()
        wrong = (block.y * self.rule.width + chosen)[~right].cpu()
        self._take(wrong, torch.ones_like(wrong))

    def _take(self, pairs: Tensor, counts: Tensor) -> None:
        self.pairs.append(pairs)
        self.counts.append(counts)
        self.waiting += len(pairs)
        if self.waiting > MOST_WAITING:
            self._count()

    def _count(self) -> tuple[Tensor, Tensor]:
        nothing = torch.empty(0, dtype=torch.int64)
        pairs, place = torch.unique(torch.cat([nothing, *self.pairs]), return_inverse=True)
        counts = torch.zeros_like(pairs).index_add_(0, place, torch.cat([nothing, *self.counts]))
        self.pairs, self.counts, self.waiting = [pairs], [counts], 0
        return pairs, counts

    def sums(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.right, self.lost, *self._count()

    def merge(self, other: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
        right, lost, pairs, counts = other
        self.right = self.right + right
        self.lost = self.lost + lost
        self._take(pairs, counts)

    def finish(self) -> Decisions:
        return Decisions(self.right, float(self.lost), *self._count())


class DecisionOrder:
    """The row that wins each sample, for what only order can tell: one small integer each."""

    def __init__(self, rule: HeadRule, counts: Tensor) -> None:
        self.rule, self.reads, self.width = rule, rule.reads, rule.width
        self.chosen = torch.full((int(counts.sum()),), -1, dtype=torch.int32, device=counts.device)

    def add(self, block: Block) -> None:
        chosen = block.get(self.rule.chosen)
        self.chosen[block.first : block.first + len(chosen)] = chosen.to(torch.int32)

    def sums(self) -> Tensor:
        return self.chosen

    def merge(self, other: Tensor) -> None:
        self.chosen = torch.where(other >= 0, other, self.chosen)

    def finish(self) -> Tensor:  # (N,) int32, on the CPU
        return self.chosen.cpu()


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each class was decided as each row of the head: the pairs that occur, no table.

    ``own`` is each class's row as things stand, out of ``rows``.
    """

    label: Whole  # (P,) ascending
    row: Whole  # (P,)
    count: Whole  # (P,)
    own: Whole  # (K,)
    rows: int

    @classmethod
    def of(cls, decisions: Decisions, own: Whole, rows: int) -> Confusion:
        """Right decisions and wrong ones."""
        right = decisions.right.cpu().numpy().astype(np.int64)
        hit = np.flatnonzero(right)
        pairs = np.concatenate([hit * rows + own[hit], decisions.pairs.numpy()])
        count = np.concatenate([right[hit], decisions.counts.numpy()])
        order = np.argsort(pairs)
        return cls(pairs[order] // rows, pairs[order] % rows, count[order], own, rows)

    def hits(self, order: Whole) -> Whole:  # (K,)
        """How many samples of each class are decided as the row that an order gives it."""
        meant = self.row == order[self.label]
        hits = np.zeros(len(self.own), dtype=np.int64)
        hits[self.label[meant]] = self.count[meant]
        return hits

    def shifted(self) -> int:
        """The constant, not zero, that brings most samples from their own row to the decided."""
        step = (self.row - self.own[self.label]) % self.rows
        matches = np.bincount(step, weights=self.count, minlength=self.rows)
        matches[0] = -1
        return int(matches.argmax())

    def majority(self) -> Whole:  # (K,)
        """The row that most samples of each class are decided as; the own one among equals."""
        stays = self.row == self.own[self.label]
        first = np.lexsort((self.row, ~stays, -self.count, self.label))
        _, start = np.unique(self.label[first], return_index=True)
        return self.row[first][start]

    def permuted(self) -> Whole:  # (K,)
        """Classes to rows, one to one: the majority's row, for whom it is surest of it.

        The others keep their own row where that is free, and take what is left where not.
        """
        majority = self.majority()
        hits = self.hits(majority)
        surest = np.lexsort((majority != self.own, -hits))
        _, start = np.unique(majority[surest], return_index=True)
        served = np.zeros(len(majority), dtype=bool)
        served[surest[start]] = True
        order = np.where(served, majority, -1)
        free = np.ones(self.rows, dtype=bool)
        free[majority[served]] = False
        stay = ~served & free[self.own]
        order[stay] = self.own[stay]
        free[self.own[stay]] = False
        rest = order < 0
        order[rest] = np.flatnonzero(free)[: int(rest.sum())]
        return order
