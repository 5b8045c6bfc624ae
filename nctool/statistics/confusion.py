"""What the head decides for every sample, and which relabelling of the classes fits that best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nctool.engine.block import Block
from nctool.statistics.decisions import HeadRule
from nctool.statistics.sums import by_class

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decisions:
    """Of every sample that has a class, in the order in which they are stored."""

    chosen: Tensor  # (N,) int32 row of the head, on the CPU
    right: Tensor  # (K,) float64: how many of each class
    lost: float
    """Sum over samples of the highest logit less that of the own class."""


class DecisionSweep:
    """One small integer per sample: what only order can tell is not lost in sums."""

    def __init__(self, rule: HeadRule, counts: Tensor) -> None:
        self.rule, self.reads, self.width = rule, rule.reads, rule.width
        self.chosen = torch.full((int(counts.sum()),), -1, dtype=torch.int32, device=counts.device)
        self.right = torch.zeros_like(counts)  # (K,)
        self.lost = torch.zeros((), dtype=torch.float64, device=counts.device)

    def add(self, block: Block) -> None:
        chosen = block.get(self.rule.chosen)
        self.chosen[block.first : block.first + len(chosen)] = chosen.to(torch.int32)
        self.right += by_class(block.y, block.get(self.rule.right), len(self.right))
        self.lost -= block.get(self.rule.margins).clamp(max=0).sum()

    def sums(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.chosen, self.right, self.lost

    def merge(self, other: tuple[Tensor, Tensor, Tensor]) -> None:
        chosen, right, lost = other
        self.chosen = torch.where(chosen >= 0, chosen, self.chosen)
        self.right = self.right + right
        self.lost = self.lost + lost

    def finish(self) -> Decisions:
        return Decisions(self.chosen.cpu(), self.right, float(self.lost))


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
    def of(cls, label: Whole, row: Whole, own: Whole, rows: int) -> Confusion:
        """Of samples: the class and the decided row of each."""
        pairs, count = np.unique(label * rows + row, return_counts=True)
        return cls(pairs // rows, pairs % rows, count, own, rows)

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
