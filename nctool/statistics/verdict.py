"""Who wins each sample, by whichever rule, and the names of winners for whoever needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from nctool.engine.block import Block
from nctool.statistics.scores import Contest, Sample, Scores, name_winners

PRUNE_SHARE = 0.5
"""A product runs on a gathered subset only when it at least halves the work."""


def few_of(some: Tensor, every: Tensor) -> bool:
    """Are these few enough to be gathered?"""
    return len(some) <= PRUNE_SHARE * len(every)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who wins each sample: -1 stands for another class that nobody has named yet."""

    winner: Tensor  # (B,)
    contest: Contest | None
    rows: Tensor | None = None
    """The contested rows, when the others needed no contest."""
    margin: Tensor | None = None  # (B,) float64


class Rule(Protocol):
    """Decides samples by the largest of their scores."""

    @property
    def scores(self) -> Scores: ...

    def __call__(self, block: Block, /) -> Verdict: ...

    def samples(self, block: Block, rows: Tensor | None) -> Sample: ...


def name_where(rule: Rule, verdict: Verdict, block: Block, where: Tensor) -> None:
    """A write into something shared: a name in place of -1, which changes no answer."""
    if verdict.contest is None:
        return
    rows = verdict.rows
    samples = rule.samples(block, rows)
    if rows is None:
        name_winners(rule.scores, verdict.contest, verdict.winner, where, samples)
        return
    winner = verdict.winner[rows]
    unnamed = where[rows] & (winner < 0)
    if bool(unnamed.any()):
        name_winners(rule.scores, verdict.contest, winner, unnamed, samples)
        verdict.winner[rows] = winner


def all_named(rule: Rule, block: Block) -> Tensor:  # (B,)
    verdict = block.get(rule)
    unnamed = verdict.winner < 0
    if bool(unnamed.any()):
        name_where(rule, verdict, block, unnamed)
    return verdict.winner
