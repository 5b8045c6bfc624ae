"""Which few rows of a large head can be the best other one of a sample, from a product in bfloat16.

Only these are scored in the working precision. Like the screen of nearest means, and on a CPU only
for the same reason, it changes how long a decision takes, never what it is: a bound on the rounding
of the coarse scores says which rows are out of the question.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.engine.workspace import Workspace
from nctool.statistics.row_dots import pair_dots, row_dots
from nctool.statistics.scores import Sample, Scores, exact_winner
from nctool.statistics.screen import COARSE, coarse_is_fast

FEWEST_ROWS = 2048
"""Of a head: with fewer there is little or nothing to gain."""

FEWEST_SAMPLES = 8192
"""The rows are rounded and measured once, which takes as long as the scores of 200 samples."""

GROUP = 16
"""Scores are compared by the largest of so many: one pass over them in place of three."""

WORTH = 64
"""A dot product by itself takes as long as a tenth of so many within a full product."""

PROBED, OPEN_SHARE = 32, 0.4
"""Samples that are tried first; with more than this share of them open it is not worth while."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of a sample and a row of the head, ordered by sample: never its own row."""

    start: Tensor  # (B + 1,) where the pairs of each sample begin
    sample: Tensor  # (P,)
    column: Tensor  # (P,)
    open: Tensor  # (B,) bool: samples with too many rows to list, or with none

    def best(self, values: Tensor) -> Tensor:  # (B,)
        """The largest value of each sample."""
        lowest = values.new_full((len(self.open),), float("-inf"))
        return lowest.scatter_reduce_(0, self.sample, values, "amax")


class Shortlist:
    """Coarse scores ``base . row + constant``; the constant rides along as two more dimensions."""

    def __init__(self, rows: Tensor, constant: Tensor) -> None:
        """``rows`` (C, D) and ``constant`` (C,), in float32; looked at when first needed."""
        self.rows, self.constant = rows, constant
        self.columns: Tensor | None = None  # (D + 2, C filled up to whole groups)
        self.reach = self.rounded = self.level = 0.0
        self.most = len(rows) // WORTH
        self.useful: bool | None = None

    def _prepare(self) -> Tensor:
        classes, dim = self.rows.shape
        width = -(-classes // GROUP) * GROUP
        columns = torch.zeros(width, dim + 2, dtype=torch.bfloat16)
        columns[:classes, :dim] = self.rows
        leading = self.constant.bfloat16()
        columns[:classes, dim] = leading
        columns[:classes, dim + 1] = self.constant - leading
        columns[classes:, dim] = torch.finfo(torch.bfloat16).min
        self.level = float(self.constant.abs().max())
        for part in torch.split(torch.arange(classes), 1024):
            rows = self.rows[part]
            gone = rows - columns[part, :dim]
            self.reach = max(self.reach, float(torch.linalg.vector_norm(rows, dim=1).max()))
            self.rounded = max(self.rounded, float(torch.linalg.vector_norm(gone, dim=1).max()))
        return columns.T

    def worth(self, base: Tensor, own: Tensor, lengths: Tensor, space: Workspace) -> bool:
        """Tried once, on a few samples from all over a block."""
        if self.useful is None:
            some = slice(None, None, -(-len(base) // PROBED))
            found = self.among(base[some], own[some], lengths[some], space)
            self.useful = float(found.open.double().mean()) <= OPEN_SHARE
            if not self.useful:
                self.columns = None
        return self.useful

    def among(self, base: Tensor, own: Tensor, lengths: Tensor, space: Workspace) -> Candidates:
        """All rows that can be the best other one, and all that come within rounding of it."""
        columns = self.columns
        if columns is None:
            self.columns = columns = self._prepare()
        samples, dim = base.shape
        coarse = space.matrix((self, "base"), samples, dim + 2, torch.bfloat16)
        coarse[:, :dim].copy_(base)
        coarse[:, dim:] = 1.0
        gone = torch.sub(base, coarse[:, :dim], out=space.matrix((self, "gone"), samples, dim))
        slack = self._slack(lengths, torch.linalg.vector_norm(gone, dim=1).double(), dim)
        scores = space.matrix((self, "scores"), samples, columns.shape[1], torch.bfloat16)
        torch.mm(coarse, columns, out=scores)
        every = torch.arange(samples)
        lowest = torch.tensor(torch.finfo(torch.bfloat16).min, dtype=torch.bfloat16)
        scores.index_put_((every, own), lowest)
        grouped = scores.view(samples, GROUP, -1)
        tops = grouped.amax(1)
        best = tops.amax(1).double()
        # Rounding is monotone: what is no smaller than this was no smaller before it was rounded.
        floor = (best - COARSE * best.abs() - slack).bfloat16()
        where, group = torch.nonzero(tops >= floor[:, None]).unbind(1)
        listed = torch.bincount(where, minlength=samples) <= self.most
        where, group = where[listed[where]], group[listed[where]]
        near, member = torch.nonzero(grouped[where, :, group] >= floor[where, None]).unbind(1)
        sample, column = where[near], member * tops.shape[1] + group[near]
        count = torch.bincount(sample, minlength=samples)
        closed = (count > 0) & (count <= self.most)
        keep = closed[sample]
        start = torch.cat([count.new_zeros(1), torch.where(closed, count, 0).cumsum(0)])
        return Candidates(start, sample[keep], column[keep], ~closed)

    def _slack(self, lengths: Tensor, gone: Tensor, dim: int) -> Tensor:  # (B,) float64
        """How far below the best coarse score that of the best row can be, before it is rounded.

        By Cauchy and Schwarz, with the lengths of what rounding took from either factor; the
        constant keeps twice the digits. Each of two scores may be off by so much. The sums are in
        float32 both here and where the scores that count are taken.
        """
        longest = lengths + gone
        rounded = self.reach * gone + self.rounded * longest + COARSE**2 * self.level
        unit = torch.finfo(torch.float32).eps
        summed = unit * ((dim + 8) * (self.reach + self.rounded) * longest + 2 * self.level)
        return 2 * rounded + 4 * summed


def shortlist_of(rows: Tensor, constants: Tensor, samples: float) -> Shortlist | None:
    """None where it does not pay: ``constants`` (R, C) must be the same for all samples."""
    large = len(rows) >= FEWEST_ROWS and samples >= FEWEST_SAMPLES
    plain = rows.dtype == torch.float32 and rows.device.type == "cpu" and len(constants) == 1
    if large and plain and coarse_is_fast(rows.device):
        return Shortlist(rows, constants[0])
    return None


@dataclass(frozen=True, slots=True)
class Lengthened:
    """Scores ``(base . direction) length + constant``, of single pairs in the working precision."""

    directions: Tensor  # (C, D)
    length: Tensor | None  # (C,)
    constant: Tensor  # (C,)

    def own(self, base: Tensor, column: Tensor) -> Tensor:  # (B,) float64
        return self._scaled(row_dots(base, self.directions, column), column)

    def of(self, base: Tensor, pairs: Candidates) -> Tensor:  # (P,) float64
        dots = pair_dots(base, self.directions, pairs.start, pairs.column)
        return self._scaled(dots, pairs.column)

    def _scaled(self, dots: Tensor, column: Tensor) -> Tensor:
        if self.length is not None:
            dots = dots * self.length[column]
        return dots + self.constant[column]


def margins_among(scores: Lengthened, base: Tensor, own: Tensor, pairs: Candidates) -> Tensor:
    """(B,) float64: own score less the best other."""
    return scores.own(base, own) - pairs.best(scores.of(base, pairs))


def decide_among(
    family: Scores, scores: Lengthened, base: Tensor, samples: Sample, pairs: Candidates
) -> tuple[Tensor, Tensor]:
    """(winner, margin), as by the scores of all rows; of no meaning where a sample is open."""
    values = scores.of(base, pairs)
    best = pairs.best(values)
    margin = scores.own(base, samples.own) - best
    slack = family.tolerance(samples.lengths)
    leads = values >= (best - slack)[pairs.sample]
    several = torch.bincount(pairs.sample[leads], minlength=len(best)) > 1
    winner = samples.own.clone()
    lost = (values == best[pairs.sample]) & (margin < 0)[pairs.sample]
    winner[pairs.sample[lost]] = pairs.column[lost]
    unsure = (margin.abs() <= slack) | (several & (margin < 0))
    for at in torch.nonzero(unsure & ~pairs.open).flatten().tolist():
        some = slice(int(pairs.start[at]), int(pairs.start[at + 1]))
        winner[at], margin[at] = _settle(family, samples, at, pairs.column[some][leads[some]])
    return winner, margin


def _settle(family: Scores, samples: Sample, at: int, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Winner and margin of one sample in float64, from its own row and the best others."""
    columns, place = torch.sort(torch.cat([samples.own[at : at + 1], columns]))
    base = samples.x[at].double() - family.origin[0]
    scores = family.rows[columns].double() @ base + family.table[0, columns]
    slack = family.double_tolerance(samples.lengths[at : at + 1])
    mine = place == 0
    margin = scores[mine] - scores[~mine].max()
    return columns[exact_winner(scores[None], slack)][0], margin[0]
