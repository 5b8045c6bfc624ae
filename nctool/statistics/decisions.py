"""What the nearest class mean decides, and where the head agrees.

Scores are computed in the working precision; wherever that leaves a decision open, the rows are
settled in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.engine.block import Block, Part, Product
from nctool.statistics.head_rule import HeadRule
from nctool.statistics.mean_lines import MeanLines
from nctool.statistics.parts import Origin
from nctool.statistics.scores import Contest, Sample, Scores, decide
from nctool.statistics.screen import Screen, coarse_is_fast
from nctool.statistics.verdict import Verdict, all_named, few_of, name_where

SCREENED_CLASSES = 257
"""From here on the product with the means is worth a coarse look first."""

INSIDE = 0.2499
"""Squared distance to the own mean, over that to the nearest other: surely the nearest below a
quarter (triangle inequality), less a little for rounding."""


class MeanRule:
    """argmin |h - mu_c|: where (h - g).(mu_c - g) - |mu_c - g|^2 / 2 is largest."""

    def __init__(
        self,
        means: Tensor,
        global_mean: Tensor,
        nearest: Tensor,
        origin: Origin,
        squares: Part[Tensor],
        *,
        span: Product | None = None,
        lines: MeanLines | None = None,
    ) -> None:
        """``span``: the residuals in a basis that holds all of every mean; ``lines``: where samples
        are on the lines to other means, if somebody asks for them anyway."""
        work = origin.rows.dtype
        self.nearest, self.origin, self.squares, self.span = nearest, origin, squares, span
        self.lines = lines
        # A score is x . (mu - g) + constant, as of a head. With this constant it comes to
        # (x - g) . (mu - g) - |mu - g|^2 / 2, which is largest where |x - mu| is least.
        centred = means - global_mean
        lowered = -centred.square().sum(1) / 2 - centred @ global_mean
        self.scores = Scores.of(centred, origin.rows.double(), lowered, work)
        self.directions = centred.to(work).T
        self.within_span = None if span is None else (centred.to(work) @ span.right).T
        self.screen: Screen | None = None
        # One origin for all samples means one constant per class, which the screen relies on.
        many = len(self.scores.table) == 1 and len(means) >= SCREENED_CLASSES
        # A GPU may sum parts of a bfloat16 product in bfloat16: the bound would not hold there.
        screened = many and work == torch.float32 and means.device.type == "cpu"
        if screened and coarse_is_fast(means.device):
            self.screen = Screen(self.directions, self.scores.work_table[0])

    @property
    def reads(self) -> tuple[Product, ...]:
        """None of every block: most samples are decided without a product."""
        return ()

    @property
    def width(self) -> int:
        return len(self.nearest)

    def __call__(self, block: Block) -> Verdict:
        """A sample well inside its own cell needs no product, a clear case only a coarse one."""
        squares = block.get(self.squares)
        few = torch.nonzero(squares >= INSIDE * self.nearest[block.y]).flatten()
        if self.lines is not None:
            few = few[~block.get(self.lines.at_home)[few]] if len(few) else few
        elif not few_of(few, block.y) and self.screen is not None:
            few = self._unclear(block, self.screen)
        if not few_of(few, block.y):
            return Verdict(*self._contest(block, None))
        winner = block.y.clone()
        contest = None
        if len(few):
            winner[few], contest = self._contest(block, few)
        return Verdict(winner, contest, few)

    def right(self, block: Block) -> Tensor:  # (B,) bool
        """Where the nearest mean is the sample's own."""
        return block.get(self).winner == block.y

    def chosen(self, block: Block) -> Tensor:  # (B,)
        """The class whose mean is nearest, also where it is not the sample's own."""
        return all_named(self, block)

    def _unclear(self, block: Block, screen: Screen) -> Tensor:
        """Rows that the coarse look leaves open; it ends where it settles too few."""
        base, lengths = block.get(self.origin.base), block.get(self.origin.lengths)
        sure = screen.surely_right(base, block.y, lengths, block.space)
        if not screen.useful:
            self.screen = None
        return torch.nonzero(~sure).flatten()

    def _contest(self, block: Block, rows: Tensor | None) -> tuple[Tensor, Contest]:
        samples = self.samples(block, rows)
        # Fewer dimensions, if somebody has projected this block anyway.
        if self.span is not None and self.within_span is not None and block.has(self.span):
            left, directions = block.get(self.span), self.within_span
        else:
            left, directions = block.get(self.origin.base), self.directions
        left = left if rows is None else left[rows]
        scores = block.space.product(self, left, directions)
        contest = Contest.of(scores.add_(self.scores.offsets(samples.y, block.space)), samples.own)
        winner, _ = decide(self.scores, contest, samples)
        return winner, contest

    def samples(self, block: Block, rows: Tensor | None) -> Sample:
        whole = Sample(block.x, block.y, block.get(self.origin.lengths), block.y)
        return whole if rows is None else whole.of(rows)


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Where both rules choose the same class; names are only asked for where both are wrong."""

    head: HeadRule
    mean: MeanRule

    def __call__(self, block: Block) -> Tensor:  # (B,) bool
        chosen, nearest = block.get(self.head), block.get(self.mean)
        head_right, mean_right = block.get(self.head.right), block.get(self.mean.right)
        both_wrong = ~head_right & ~mean_right
        if bool(both_wrong.any()):
            name_where(self.head, chosen, block, both_wrong)
            name_where(self.mean, nearest, block, both_wrong)
        same = self.head.columns[nearest.winner.clamp(min=0)] == chosen.winner
        return (head_right & mean_right) | (both_wrong & same)
