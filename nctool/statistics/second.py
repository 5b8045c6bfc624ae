"""The second sweep: everything that needs the class means to be final.

One pass gives the whitened residuals (NC1), the same on the unit sphere (GNC1), the decisions of
the head and of the nearest class mean (NC4), and the margins of every sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.report import Distribution
from nctool.statistics.distribution import Spread
from nctool.statistics.moments import Moments, inverse_norms, row_lengths, row_squares
from nctool.statistics.scores import Contest, Scores, decide, name_winners
from nctool.statistics.whitening import Whitener
from nctool.statistics.workspace import Workspace

RESIDUAL_CLASSES = 256
"""Up to here every class is its own origin (a small table); beyond, the global mean is."""

PRUNE_SHARE = 0.5
"""The nearest-mean product runs on a gathered subset only when it at least halves the work."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the sweep is to find, and the first sweep's answers it builds on."""

    moments: Moments  # present classes only, rows in class order
    columns: Tensor  # (K,) the head row of each present class
    global_mean: Tensor  # (D,) float64
    work: torch.dtype
    whitener: Whitener | None = None
    unit_whitener: Whitener | None = None
    weight: Tensor | None = None  # (C, D)
    bias: Tensor | None = None  # (C,)
    nearest: Tensor | None = None  # (K,) squared distance to the nearest other mean
    nearest_mean: bool = False
    margins: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """Per-class sums over samples (float64), and the margins' distributions."""

    whitened: Tensor | None  # (K,) sum of z' S_B^+ z
    unit_whitened: Tensor | None
    head_right: Tensor | None  # (K,) how many
    mean_right: Tensor | None
    agreed: Tensor | None
    logit_margin: Distribution | None
    logit_margin_sum: Tensor | None  # (K,)
    cosine_margin: Distribution | None
    cosine_margin_sum: Tensor | None
    pruned: int


@dataclass(frozen=True, slots=True)
class _Block:
    """One block of samples, seen from its origin."""

    x: Tensor  # (B, D)
    y: Tensor  # (B,) present-class index
    own: Tensor  # (B,) own row of the head
    base: Tensor  # (B, D) sample minus origin
    square: Tensor  # (B,) squared distance to the class mean
    lengths: Tensor  # (B,) |base|
    seen: Tensor | None  # (B, r) residual within the span of the class means

    def of(self, rows: Tensor) -> _Block:
        return _Block(
            self.x[rows],
            self.y[rows],
            self.own[rows],
            self.base[rows],
            self.square[rows],
            self.lengths[rows],
            None if self.seen is None else self.seen[rows],
        )


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Who wins each sample (-1: another class, not named) and by how much the own class leads."""

    winner: Tensor  # (B,)
    margin: Tensor  # (B,) or of the contested rows
    contest: Contest | None
    rows: Tensor | None = None
    """The contested rows, when the others needed no contest."""


class SecondSweep:
    """Feed it with ``add`` (features, present-class index); read it once with ``finish``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        mean = plan.moments.mean
        self.classes, self.dim = mean.shape
        self.centre = mean.to(plan.work)  # (K, D)
        self.centre_square = torch.linalg.vector_norm(self.centre, dim=1, dtype=torch.float64) ** 2
        self.residual = self.classes <= RESIDUAL_CLASSES
        self.at_zero = False
        origin = self.centre if self.residual else self._far_origin()
        self.origin = origin
        self.head = self.means = None
        if plan.weight is not None:
            self.head = Scores.of(plan.weight, origin.double(), plan.bias, plan.work)
            self.head_columns = plan.weight.to(plan.work).T
            if plan.margins:
                length = torch.linalg.vector_norm(plan.weight, dim=1, dtype=torch.float64)
                self.inverse_length = (1 / length).to(plan.work)
                table = origin.double() @ plan.weight.double().T / length
                self.cosine_table = (table - table.mean(1, keepdim=True)).to(plan.work)
        if plan.nearest_mean:
            centred = mean - plan.global_mean
            # |x - m|^2 is smallest where (x - g).(m - g) - |m - g|^2 / 2 is largest.
            lowered = -centred.square().sum(1) / 2 - centred @ plan.global_mean
            self.means = Scores.of(centred, origin.double(), lowered, plan.work)
            self.mean_columns = centred.to(plan.work).T
            self.span_columns = self._within_span(centred)
        self.space = Workspace(plan.work, mean.device)
        self._prepare_unit()
        self._start()

    def _far_origin(self) -> Tensor:
        """The global mean, or zero where that costs no digits: no subtraction then."""
        mean, count = self.plan.moments.mean, self.plan.moments.count
        offset = float(self.plan.global_mean.square().sum())
        around = (mean - self.plan.global_mean).square().sum(1)
        spread = float((self.plan.moments.scatter + count * around).sum() / count.sum())
        self.at_zero = offset <= spread
        return (self.plan.global_mean * (not self.at_zero)).to(self.plan.work)[None]

    def _within_span(self, centred: Tensor) -> Tensor | None:
        """The means in the whitener's basis: fewer dimensions, if it holds all of every mean."""
        white = self.plan.whitener
        if white is None or white.triangular or not self.residual:
            return None
        if white.spectrum.rank < white.spectrum.full:
            return None
        return (centred.to(white.basis.dtype) @ white.basis).T

    def _prepare_unit(self) -> None:
        plan = self.plan
        if plan.unit_whitener is None:
            return
        unit_mean, inverse = plan.moments.unit_mean, plan.moments.inverse_norm
        assert unit_mean is not None and inverse is not None
        self.mean_inverse = inverse
        self.unit_shift = (unit_mean - inverse[:, None] * self.centre.double()).to(plan.work)
        if not plan.unit_whitener.triangular:
            self.unit_centre_seen = self.centre @ plan.unit_whitener.basis  # (K, r)
            self.unit_shift_seen = self.unit_shift @ plan.unit_whitener.basis

    def _start(self) -> None:
        def zeros() -> Tensor:
            return torch.zeros(self.classes, dtype=torch.float64, device=self.centre.device)

        self.whitened, self.unit_whitened = zeros(), zeros()
        self.head_right, self.mean_right, self.agreed = zeros(), zeros(), zeros()
        self.logit_sum, self.cosine_sum = zeros(), zeros()
        self.logit_spread, self.cosine_spread = Spread(), Spread()
        self.pruned = 0

    def _by_class(self, y: Tensor, values: Tensor) -> Tensor:
        return torch.bincount(y, weights=values.double(), minlength=self.classes)

    def add(self, x: Tensor, y: Tensor) -> None:  # (B, D), (B,) present-class index
        plan, space = self.plan, self.space
        centre = space.rows_of("centre", self.centre, y)
        z = space.difference("residual", x, centre)  # (B, D)
        square = row_squares(z)
        inverse = None
        size = None
        if plan.unit_whitener is not None or plan.margins:
            size = row_lengths(x)
            inverse = inverse_norms(size, z, square, centre, self.centre_square[y])
        base, lengths = self._based(x, z, square, size)
        block = _Block(x, y, plan.columns[y], base, square, lengths, self._whiten(z, y))
        means = heads = None
        if self.means is not None:
            means = self._nearest(block)
            self.mean_right += self._by_class(y, means.winner == y)
        if self.head is not None:
            heads = self._decide(block, inverse)
            self.head_right += self._by_class(y, heads.winner == block.own)
        if means is not None and heads is not None:
            self._compare(block, heads, means)
        if plan.unit_whitener is not None and inverse is not None:
            # Last: it may overwrite the residuals.
            self.unit_whitened += self._by_class(y, self._unit_squares(z, centre, y, inverse))

    def _based(
        self, x: Tensor, z: Tensor, square: Tensor, size: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Each sample seen from its origin, and how far away it is."""
        if self.residual:
            return z, square.sqrt()
        if self.at_zero:
            return x, row_lengths(x) if size is None else size
        base = self.space.difference("base", x, self.origin[0].expand_as(x))
        return base, row_lengths(base)

    def _whiten(self, z: Tensor, y: Tensor) -> Tensor | None:
        """Add up |z F|^2; the residuals within the span of the means, if that is smaller."""
        whitener, space = self.plan.whitener, self.space
        if whitener is None:
            return None
        if whitener.triangular:
            self.whitened += self._by_class(y, whitener.squares(z, space))
            return None
        seen = space.product("seen", z, whitener.basis)
        self.whitened += self._by_class(y, whitener.seen_squares(seen, space))
        return seen

    def _decide(self, block: _Block, inverse: Tensor | None) -> _Verdict:
        """What the head decides for each sample."""
        assert self.head is not None
        product = self.space.product("logits", block.base, self.head_columns)
        if self.plan.margins and inverse is not None:
            self._take_cosines(product, block, inverse)
        contest = Contest.of(product.add_(self.head.offsets(block.y)), block.own)
        winner, margin = decide(self.head, contest, block.x, block.y, block.lengths, block.own)
        if self.plan.margins:
            self.logit_spread.add(margin)
            self.logit_sum += self._by_class(block.y, margin)
        return _Verdict(winner, margin, contest)

    def _nearest(self, block: _Block) -> _Verdict:
        """Nearest class mean; a sample well inside its own cell needs no product."""
        assert self.means is not None
        y = block.y
        part, rows = block, None
        if self.plan.nearest is not None:
            # Triangle inequality: closer to its mean than half the way to any other.
            few = torch.nonzero(block.square >= 0.2499 * self.plan.nearest[y]).flatten()
            if len(few) <= PRUNE_SHARE * len(y):
                part, rows = block.of(few), few
                self.pruned += len(y) - len(few)
        if not len(part.y):
            return _Verdict(y.clone(), torch.zeros_like(block.square), None, rows)
        left, right = part.base, self.mean_columns
        if part.seen is not None and self.span_columns is not None:
            left, right = part.seen, self.span_columns
        scores = self.space.product("distances", left, right)
        scores.add_(self.means.offsets(part.y))
        contest = Contest.of(scores, part.y)
        found, margin = decide(self.means, contest, part.x, part.y, part.lengths, part.y)
        if rows is None:
            return _Verdict(found, margin, contest)
        winner = y.clone()
        winner[rows] = found
        return _Verdict(winner, margin, contest, rows)

    def _compare(self, block: _Block, heads: _Verdict, means: _Verdict) -> None:
        """Count agreement; where both miss the label, their choices have to be named."""
        assert self.head is not None and self.means is not None
        y, own = block.y, block.own
        both = (heads.winner != own) & (means.winner != y)
        if bool(both.any()) and heads.contest is not None and means.contest is not None:
            name_winners(
                self.head, heads.contest, heads.winner, both, block.x, y, block.lengths, own
            )
            part = block if means.rows is None else block.of(means.rows)
            winner = means.winner if means.rows is None else means.winner[means.rows]
            wanted = both if means.rows is None else both[means.rows]
            name_winners(
                self.means, means.contest, winner, wanted, part.x, part.y, part.lengths, part.y
            )
            if means.rows is not None:
                means.winner[means.rows] = winner
        named = self.plan.columns[means.winner.clamp(min=0)]
        right = (heads.winner == own) & (means.winner == y)
        self.agreed += self._by_class(y, right | (both & (named == heads.winner)))

    def _take_cosines(self, product: Tensor, block: _Block, inverse: Tensor) -> None:
        """Own cosine minus the best other; the logits' product is left as it is."""
        table = self.cosine_table
        scores = self.space.matrix("cosines", *product.shape)
        torch.mul(product, self.inverse_length, out=scores)
        if not self.at_zero:
            scores.add_(table[0] if len(table) == 1 else torch.index_select(table, 0, block.y))
        margin = Contest.of(scores, block.own).margin * inverse
        self.cosine_spread.add(margin)
        self.cosine_sum += self._by_class(block.y, margin)

    def _unit_squares(self, z: Tensor, centre: Tensor, y: Tensor, inverse: Tensor) -> Tensor:
        """|(x/|x| - unit mean) F|^2, from residuals: x/|x| = s z + s c, s = 1/|x|."""
        whitener, space = self.plan.unit_whitener, self.space
        assert whitener is not None
        scale = inverse.to(z.dtype)[:, None]
        drift = (inverse - self.mean_inverse[y]).to(z.dtype)[:, None]
        if whitener.triangular:
            unit = z.mul_(scale).addcmul_(centre, drift)
            unit.sub_(space.rows_of("centre", self.unit_shift, y))
            return whitener.squares(unit, space)
        seen = space.product("unit_seen", z, whitener.basis).mul_(scale)
        seen.addcmul_(torch.index_select(self.unit_centre_seen, 0, y), drift)
        seen.sub_(torch.index_select(self.unit_shift_seen, 0, y))
        return whitener.seen_squares(seen, space)

    def finish(self) -> Answers:
        plan = self.plan
        both = self.head is not None and self.means is not None
        margins = plan.margins and self.head is not None
        return Answers(
            whitened=None if plan.whitener is None else self._corrected(plan.whitener),
            unit_whitened=None if plan.unit_whitener is None else self.unit_whitened,
            head_right=None if self.head is None else self.head_right,
            mean_right=None if self.means is None else self.mean_right,
            agreed=self.agreed if both else None,
            logit_margin=self.logit_spread.finish("samples") if margins else None,
            logit_margin_sum=self.logit_sum if margins else None,
            cosine_margin=self.cosine_spread.finish("samples") if margins else None,
            cosine_margin_sum=self.cosine_sum if margins else None,
            pruned=self.pruned,
        )

    def _corrected(self, whitener: Whitener) -> Tensor:
        """Take out what rounding the class means to the working precision added."""
        offset = self.plan.moments.mean - self.centre.double()
        extra = torch.linalg.vector_norm(offset @ whitener.factor, dim=1).square()
        corrected: Tensor = self.whitened - self.plan.moments.count * extra
        return corrected.clamp(min=0)
