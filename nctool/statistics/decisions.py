"""What the head decides, what the nearest class mean decides, and by what margins.

Scores are computed in the working precision; wherever that leaves a decision open, the rows are
settled in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.statistics.distribution import Spread
from nctool.statistics.scores import EXACT_TILE, Contest, Scores, decide, name_winners
from nctool.statistics.screen import Screen, coarse_is_fast
from nctool.statistics.workspace import Workspace

PRUNE_SHARE = 0.5
"""The nearest-mean product runs on a gathered subset only when it at least halves the work."""

SCREENED_CLASSES = 257
"""From here on the product with the means is worth a coarse look first."""

INSIDE = 0.2499
"""Squared distance to the own mean, over that to the nearest other: surely the nearest below a
quarter (triangle inequality), less a little for rounding."""


@dataclass(frozen=True, slots=True)
class Block:
    """Samples, each seen from an origin: its class mean or the global one."""

    x: Tensor  # (B, D)
    y: Tensor  # (B,) present-class index
    base: Tensor  # (B, D) sample minus origin
    square: Tensor  # (B,) squared distance to the class mean
    lengths: Tensor  # (B,) |base|
    inverse: Tensor | None  # (B,) 1/|x|, for cosines
    seen: Tensor | None  # (B, r) residual within the span of the class means
    along: Tensor | None = None  # (B, C) base along the head's directions, if it is known

    def of(self, rows: Tensor | slice) -> Block:
        return Block(
            self.x[rows],
            self.y[rows],
            self.base[rows],
            self.square[rows],
            self.lengths[rows],
            None if self.inverse is None else self.inverse[rows],
            None if self.seen is None else self.seen[rows],
            None if self.along is None else self.along[rows],
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who wins each sample: -1 stands for another class that nobody has named yet."""

    winner: Tensor  # (B,)
    contest: Contest | None
    rows: Tensor | None = None
    """The contested rows, when the others needed no contest."""


class HeadRule:
    """argmax(W h + b), from cosines times lengths: one product serves logits and cosines."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        columns: Tensor,
        origin: Tensor,
        *,
        margins: bool,
        classes: int,
        space: Workspace,
    ) -> None:
        work = origin.dtype
        self.space, self.columns, self.classes, self.margins = space, columns, classes, margins
        self.scores = Scores.of(weight, origin.double(), bias, work)
        length = torch.linalg.vector_norm(weight, dim=1, dtype=torch.float64)
        length = torch.where(length > 0, length, 1.0)
        self.length = length.to(work)
        self.directions = (weight.double() / length[:, None]).to(work).T  # (D, C)
        table = torch.cat(
            [origin.double() @ part.double().T for part in torch.split(weight, EXACT_TILE)], 1
        )
        table /= length
        self.cosine_table = (table - table.mean(1, keepdim=True)).to(work)
        self.shifted = bool(self.cosine_table.any())
        self.logit, self.cosine = Spread(), Spread()
        self.right = torch.zeros(classes, dtype=torch.float64, device=weight.device)
        self.logit_sum, self.cosine_sum = self.right.clone(), self.right.clone()

    def decide(self, block: Block) -> Verdict:
        own = self.columns[block.y]
        product = block.along
        if product is None:
            product = self.space.product("scores", block.base, self.directions)
        if self.margins:
            self._take_cosines(product, block, own)
        offset = self.scores.offsets(block.y)
        if offset.ndim == 1:
            torch.addcmul(offset, product, self.length, out=product)
        else:
            product.mul_(self.length).add_(offset)
        contest = Contest.of(product, own)
        winner, margin = decide(self.scores, contest, block.x, block.y, block.lengths, own)
        self.right += by_class(block.y, winner == own, self.classes)
        if self.margins:
            self.logit.add(margin)
            self.logit_sum += by_class(block.y, margin, self.classes)
        return Verdict(winner, contest)

    def _take_cosines(self, product: Tensor, block: Block, own: Tensor) -> None:
        """Own cosine minus the best other; the product is left as it was."""
        assert block.inverse is not None
        scores = product
        if self.shifted:
            table = self.cosine_table
            offset = table[0] if len(table) == 1 else torch.index_select(table, 0, block.y)
            scores = torch.add(product, offset, out=self.space.matrix("cosines", *product.shape))
        contest = Contest.of(scores, own)
        if scores is product:
            product.scatter_(1, own[:, None], contest.own.to(product.dtype)[:, None])
        margin = contest.margin * block.inverse
        self.cosine.add(margin)
        self.cosine_sum += by_class(block.y, margin, self.classes)

    def name(self, verdict: Verdict, block: Block, wanted: Tensor) -> None:
        assert verdict.contest is not None
        own = self.columns[block.y]
        name_winners(
            self.scores, verdict.contest, verdict.winner, wanted,
            block.x, block.y, block.lengths, own,
        )  # fmt: skip


class MeanRule:
    """argmin |h - mu_c|: where (h - g).(mu_c - g) - |mu_c - g|^2 / 2 is largest."""

    def __init__(
        self,
        means: Tensor,
        middle: Tensor,
        nearest: Tensor,
        origin: Tensor,
        *,
        basis: Tensor | None,
        space: Workspace,
    ) -> None:
        work = origin.dtype
        self.space, self.nearest, self.classes = space, nearest, len(means)
        centred = means - middle
        lowered = -centred.square().sum(1) / 2 - centred @ middle
        self.scores = Scores.of(centred, origin.double(), lowered, work)
        self.basis = basis
        rows = centred.to(work)
        self.directions = rows.T if basis is None else (rows @ basis).T
        self.right = torch.zeros(self.classes, dtype=torch.float64, device=means.device)
        self.screen: Screen | None = None
        # One origin for all samples means one constant per class, which the screen relies on.
        many = len(self.scores.table) == 1 and len(means) >= SCREENED_CLASSES
        screened = many and work == torch.float32 and means.device.type == "cpu"
        if screened and coarse_is_fast(means.device):
            self.screen = Screen(self.directions, self.scores.work_table[0], space)

    def decide(self, block: Block) -> Verdict:
        """A sample well inside its own cell needs no product, a clear case only a coarse one."""
        few = torch.nonzero(block.square >= INSIDE * self.nearest[block.y]).flatten()
        if len(few) > PRUNE_SHARE * len(block.y) and self.screen is not None:
            few = self._unclear(block, self.screen)
        if len(few) > PRUNE_SHARE * len(block.y):
            winner, contest = self._contest(block)
            verdict = Verdict(winner, contest)
        else:
            winner = block.y.clone()
            contest = None
            if len(few):
                winner[few], contest = self._contest(block.of(few))
            verdict = Verdict(winner, contest, few)
        self.right += by_class(block.y, winner == block.y, self.classes)
        return verdict

    def _unclear(self, block: Block, screen: Screen) -> Tensor:
        """Rows that the coarse look leaves open; it ends where it settles too few."""
        sure = screen.surely_right(block.base, block.y, block.lengths)
        if not screen.useful:
            self.screen = None
        return torch.nonzero(~sure).flatten()

    def _contest(self, block: Block) -> tuple[Tensor, Contest]:
        inside = self.basis is not None and block.seen is not None
        left = block.seen if inside and block.seen is not None else block.base
        scores = self.space.product("distances", left, self.directions)
        contest = Contest.of(scores.add_(self.scores.offsets(block.y)), block.y)
        winner, _ = decide(self.scores, contest, block.x, block.y, block.lengths, block.y)
        return winner, contest

    def name(self, verdict: Verdict, block: Block, wanted: Tensor) -> None:
        if verdict.contest is None:
            return
        rows = verdict.rows
        part = block if rows is None else block.of(rows)
        winner = verdict.winner if rows is None else verdict.winner[rows]
        name_winners(
            self.scores, verdict.contest, winner, wanted if rows is None else wanted[rows],
            part.x, part.y, part.lengths, part.y,
        )  # fmt: skip
        if rows is not None:
            verdict.winner[rows] = winner


def agreement(block: Block, head: HeadRule, mean: MeanRule) -> Tensor:  # (K,) how many
    """Both rules on one block: how often they choose the same class."""
    chosen, nearest = head.decide(block), mean.decide(block)
    own = head.columns[block.y]
    head_right, mean_right = chosen.winner == own, nearest.winner == block.y
    both_wrong = ~head_right & ~mean_right
    if bool(both_wrong.any()):
        head.name(chosen, block, both_wrong)
        mean.name(nearest, block, both_wrong)
    same = head.columns[nearest.winner.clamp(min=0)] == chosen.winner
    return by_class(block.y, (head_right & mean_right) | (both_wrong & same), mean.classes)


def by_class(y: Tensor, values: Tensor, classes: int) -> Tensor:  # (K,) float64
    return torch.bincount(y, weights=values.double(), minlength=classes)
