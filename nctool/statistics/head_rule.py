"""What the head decides, and by what margins.

Scores are computed in the working precision; wherever that leaves a decision open, the rows are
settled in float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nctool.engine.block import Block, Product
from nctool.statistics.parts import Origin, Residual
from nctool.statistics.rivals import rivals_of
from nctool.statistics.scores import EXACT_TILE, Contest, Sample, Scores, decide
from nctool.statistics.shortlist import (
    Candidates,
    Lengthened,
    Shortlist,
    decide_among,
    margins_among,
    shortlist_of,
)
from nctool.statistics.verdict import Verdict, all_named, few_of


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
        samples = float(counts.sum())
        self.by_logit = shortlist_of(weight.to(work), self.scores.work_table, samples)
        self.by_cosine = shortlist_of(self.product.right.T, self.cosine_table, samples)

    @property
    def reads(self) -> tuple[Product, ...]:
        """Worth fusing where other products take the residuals, too."""
        apart = self.origin.kind != "class" or (self.rivals and self.cosine_rivals)
        return () if apart else (self.product,)

    @property
    def width(self) -> int:
        return len(self.length)

    def __call__(self, block: Block) -> Verdict:
        """Near collapse two rows settle most samples, else a few; the others need all rows."""
        margin: Tensor | None = None
        rows: Tensor | None = None
        winner = self.columns[block.y]
        if self.rivals is not None:
            near = self.rivals.margins(block)
            slack = self.scores.tolerance(block.get(self.origin.lengths))
            few = torch.nonzero(~self.rivals.within(block) | (near <= slack)).flatten()
            if few_of(few, near):
                margin, rows = near, few
        if margin is None:
            margin = torch.empty(len(winner), dtype=torch.float64, device=winner.device)
        rows = self._shortlisted(block, rows, winner, margin)
        if rows is None:
            winner, every, margin = self._contest(block, None)
            return Verdict(winner, every, None, margin)
        contest = None
        if len(rows):
            winner[rows], contest, margin[rows] = self._contest(block, rows)
        return Verdict(winner, contest, rows, margin)

    def _shortlisted(
        self, block: Block, rows: Tensor | None, winner: Tensor, margin: Tensor
    ) -> Tensor | None:
        """Settle the samples whose possible winners are few; the others, None for all."""
        found = self._candidates(self.by_logit, block, rows)
        if found is None:
            return rows
        base, samples, pairs = found
        scores = Lengthened(self.product.right.T, self.length, self.scores.work_table[0])
        decided = decide_among(self.scores, scores, base, samples, pairs)
        return _settled(pairs, rows, (winner, margin), decided)

    def _candidates(
        self, shortlist: Shortlist | None, block: Block, rows: Tensor | None
    ) -> tuple[Tensor, Sample, Candidates] | None:
        if shortlist is None or (rows is not None and not len(rows)):
            return None
        base, samples = block.get(self.origin.base), self.samples(block, rows)
        base = base if rows is None else base[rows]
        given = base, samples.own, samples.lengths, block.space
        if not shortlist.worth(*given):
            return None
        return base, samples, shortlist.among(*given)

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
        inverse, margin, rows = block.get(self.inverse), None, None
        if self.cosine_rivals is not None:
            few = torch.nonzero(~self.cosine_rivals.within(block)).flatten()
            if few_of(few, inverse):
                margin, rows = self.cosine_rivals.margins(block), few
        if margin is None:
            margin = torch.empty_like(inverse)
        found = self._candidates(self.by_cosine, block, rows)
        if found is not None:
            base, samples, pairs = found
            scores = Lengthened(self.product.right.T, None, self.cosine_table[0])
            among = margins_among(scores, base, samples.own, pairs)
            rows = _settled(pairs, rows, (margin,), (among,))
        if rows is None:
            return self._cosine_contest(block, None) * inverse
        if len(rows):
            margin[rows] = self._cosine_contest(block, rows)
        return margin * inverse

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
        return all_named(self, block)

    def samples(self, block: Block, rows: Tensor | None) -> Sample:
        own = self.columns[block.y]
        whole = Sample(block.x, block.y, block.get(self.origin.lengths), own)
        return whole if rows is None else whole.of(rows)


def _settled(
    pairs: Candidates, rows: Tensor | None, out: Sequence[Tensor], values: Sequence[Tensor]
) -> Tensor | None:
    """Put values where their samples are settled; the samples that are not, None for all."""
    closed, left = (torch.nonzero(each).flatten() for each in (~pairs.open, pairs.open))
    if not few_of(left, pairs.open):
        return rows
    place = closed if rows is None else rows[closed]
    for table, value in zip(out, values, strict=True):
        table[place] = value[closed]
    return left if rows is None else rows[left]
