"""What the head decides, what the nearest class mean decides, and by what margins.

Scores are computed in the working precision; wherever that leaves a decision open, the rows are
settled in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.engine.block import Block, Part, Product
from nctool.statistics.mean_lines import MeanLines
from nctool.statistics.parts import Origin, Residual
from nctool.statistics.rivals import rivals_of
from nctool.statistics.scores import EXACT_TILE, Contest, Sample, Scores, decide, name_winners
from nctool.statistics.screen import Screen, coarse_is_fast

PRUNE_SHARE = 0.5
"""The nearest-mean product runs on a gathered subset only when it at least halves the work."""

SCREENED_CLASSES = 257
"""From here on the product with the means is worth a coarse look first."""

INSIDE = 0.2499
"""Squared distance to the own mean, over that to the nearest other: surely the nearest below a
quarter (triangle inequality), less a little for rounding."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who wins each sample: -1 stands for another class that nobody has named yet."""

    winner: Tensor  # (B,)
    contest: Contest | None
    rows: Tensor | None = None
    """The contested rows, when the others needed no contest."""
    margin: Tensor | None = None  # (B,) float64


class HeadRule:
    """argmax(W h + b), from cosines times lengths: one product serves logits and cosines."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        columns: Tensor,
        origin: Origin,
        residual: Residual,
        counts: Tensor,
        variances: Tensor,
    ) -> None:
        """``counts`` and ``variances`` (K,) of the classes: are their samples near their means?"""
        rows = origin.rows
        work = rows.dtype
        self.columns, self.origin, self.inverse = columns, origin, residual.inverse
        self.scores = Scores.of(weight, rows.double(), bias, work)
        length = torch.linalg.vector_norm(weight, dim=1, dtype=torch.float64)
        length = torch.where(length > 0, length, 1.0)
        self.length = length.to(work)
        directions = weight.double() / length[:, None]  # (C, D)
        self.product = Product(origin.base, directions.to(work).T)
        near = columns, residual, counts, variances
        self.rivals = rivals_of(weight, bias, *near)
        self.cosine_rivals = rivals_of(directions, None, *near)
        table = torch.cat(
            [rows.double() @ part.double().T for part in torch.split(weight, EXACT_TILE)], 1
        )
        table /= length
        self.cosine_table = (table - table.mean(1, keepdim=True)).to(work)
        self.shifted = bool(self.cosine_table.any())

    @property
    def reads(self) -> tuple[Product, ...]:
        """Worth fusing where other products take the residuals, too."""
        apart = self.origin.kind != "class" or (self.rivals and self.cosine_rivals)
        return () if apart else (self.product,)

    @property
    def width(self) -> int:
        return len(self.length)

    def __call__(self, block: Block) -> Verdict:
        """Near collapse, two rows settle most samples; the others need a product with all."""
        if self.rivals is not None:
            margin = self.rivals.margins(block)
            slack = self.scores.tolerance(block.get(self.origin.lengths))
            few = torch.nonzero(~self.rivals.within(block) | (margin <= slack)).flatten()
            if len(few) <= PRUNE_SHARE * len(margin):
                winner, contest = self.columns[block.y], None
                if len(few):
                    winner[few], contest, margin[few] = self._contest(block, few)
                return Verdict(winner, contest, few, margin)
        winner, contest, margin = self._contest(block, None)
        return Verdict(winner, contest, None, margin)

    def _contest(self, block: Block, rows: Tensor | None) -> tuple[Tensor, Contest, Tensor]:
        product, samples = self._product(block, rows), self.samples(block, rows)
        logits = block.space.matrix((self, "logits"), *product.shape)
        offset = self.scores.offsets(samples.y, block.space)
        if offset.ndim == 1:
            torch.addcmul(offset, product, self.length, out=logits)
        else:
            torch.mul(product, self.length, out=logits).add_(offset)
        contest = Contest.of(logits, samples.own)
        winner, margin = decide(self.scores, contest, samples)
        return winner, contest, margin

    def _product(self, block: Block, rows: Tensor | None) -> Tensor:
        if rows is None:
            return block.get(self.product)
        left = block.get(self.origin.base)[rows]
        return block.space.product((self, "few"), left, self.product.right)

    def right(self, block: Block) -> Tensor:  # (B,) bool
        """Where it names the sample's own class."""
        return block.get(self).winner == self.columns[block.y]

    def margins(self, block: Block) -> Tensor:  # (B,) float64
        """Own logit minus the best other."""
        margin = block.get(self).margin
        assert margin is not None
        return margin

    def cosine_margins(self, block: Block) -> Tensor:  # (B,) float64
        """Own cosine minus the best other."""
        inverse = block.get(self.inverse)
        if self.cosine_rivals is not None:
            few = torch.nonzero(~self.cosine_rivals.within(block)).flatten()
            if len(few) <= PRUNE_SHARE * len(inverse):
                margin = self.cosine_rivals.margins(block)
                if len(few):
                    margin[few] = self._cosine_contest(block, few)
                return margin * inverse
        return self._cosine_contest(block, None) * inverse

    def _cosine_contest(self, block: Block, rows: Tensor | None) -> Tensor:  # (B,) float64
        product = self._product(block, rows)
        y = block.y if rows is None else block.y[rows]
        scores = block.space.matrix((self, "cosines"), *product.shape)
        if self.shifted:
            table = self.cosine_table
            offset = table[0]
            if len(table) > 1:
                offset = block.space.rows_of("offsets", table, y)
            torch.add(product, offset, out=scores)
        else:
            scores.copy_(product)
        return Contest.of(scores, self.columns[y]).margin

    def chosen(self, block: Block) -> Tensor:  # (B,)
        """The row that it names, also where it is wrong."""
        return _all_named(self, block)

    def samples(self, block: Block, rows: Tensor | None) -> Sample:
        own = self.columns[block.y]
        whole = Sample(block.x, block.y, block.get(self.origin.lengths), own)
        return whole if rows is None else whole.of(rows)


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
            few = torch.nonzero(~block.get(self.lines.at_home)).flatten() if len(few) else few
        elif len(few) > PRUNE_SHARE * len(block.y) and self.screen is not None:
            few = self._unclear(block, self.screen)
        if len(few) > PRUNE_SHARE * len(block.y):
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
        return _all_named(self, block)

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


def _name(rule: HeadRule | MeanRule, verdict: Verdict, block: Block, where: Tensor) -> None:
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


def _all_named(rule: HeadRule | MeanRule, block: Block) -> Tensor:  # (B,)
    verdict = block.get(rule)
    unnamed = verdict.winner < 0
    if bool(unnamed.any()):
        _name(rule, verdict, block, unnamed)
    return verdict.winner


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
            _name(self.head, chosen, block, both_wrong)
            _name(self.mean, nearest, block, both_wrong)
        same = self.head.columns[nearest.winner.clamp(min=0)] == chosen.winner
        return (head_right & mean_right) | (both_wrong & same)
