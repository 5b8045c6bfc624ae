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
from nctool.statistics.moments import Moments, inverse_norms, row_squares
from nctool.statistics.scores import Contest, Scores, decide, name_winners
from nctool.statistics.whitening import Whitener

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


class SecondSweep:
    """Feed it with ``add`` (features, present-class index); read it once with ``finish``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        mean = plan.moments.mean
        self.classes, self.dim = mean.shape
        self.centre = mean.to(plan.work)  # (K, D)
        self.centre_square = torch.linalg.vector_norm(self.centre, dim=1, dtype=torch.float64) ** 2
        self.residual = self.classes <= RESIDUAL_CLASSES
        origin = self.centre if self.residual else plan.global_mean.to(plan.work)[None]
        self.origin = origin
        self.head = self.cosine = self.means = None
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
        self._prepare_unit()
        self._start()

    def _prepare_unit(self) -> None:
        plan = self.plan
        if plan.unit_whitener is None:
            return
        unit_mean, inverse = plan.moments.unit_mean, plan.moments.inverse_norm
        assert unit_mean is not None and inverse is not None
        self.mean_inverse = inverse
        self.unit_shift = (unit_mean - inverse[:, None] * self.centre.double()).to(plan.work)
        factor = plan.unit_whitener.factor
        if not plan.unit_whitener.triangular:
            self.unit_centre_seen = self.centre @ factor  # (K, r)
            self.unit_shift_seen = self.unit_shift @ factor

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
        plan = self.plan
        centre = torch.nn.functional.embedding(y, self.centre)
        z = x - centre  # (B, D)
        square = row_squares(z)
        inverse = None
        if plan.unit_whitener is not None or plan.margins:
            inverse = inverse_norms(x, z, square, centre, self.centre_square[y])
        if plan.whitener is not None:
            self.whitened += self._by_class(y, plan.whitener.squares(z))
        if plan.unit_whitener is not None and inverse is not None:
            unit = self._unit_squares(z, centre, y, inverse)
            self.unit_whitened += self._by_class(y, unit)
        if self.head is None and self.means is None:
            return
        base = z if self.residual else x - self.origin[0]
        lengths = square.sqrt() if self.residual else row_squares(base).sqrt()
        mean_contest, mean_rows, mean_winner = None, None, None
        if self.means is not None:
            mean_winner, mean_contest, mean_rows = self._nearest(x, base, y, square, lengths)
            self.mean_right += self._by_class(y, mean_winner == y)
        if self.head is None:
            return
        own = plan.columns[y]
        product = base @ self.head_columns  # (B, C)
        contest = Contest.of(product + self.head.offsets(y), own)
        winner, margin = decide(self.head, contest, x, y, lengths, own)
        self.head_right += self._by_class(y, winner == own)
        if mean_winner is not None:
            both = (winner != own) & (mean_winner != y)
            name_winners(self.head, contest, winner, both, x, y, lengths, own)
            if mean_contest is not None and mean_rows is not None and self.means is not None:
                part = mean_winner[mean_rows]
                name_winners(
                    self.means, mean_contest, part, both[mean_rows],
                    x[mean_rows], y[mean_rows], lengths[mean_rows], y[mean_rows],
                )  # fmt: skip
                mean_winner[mean_rows] = part
            right = (winner == own) & (mean_winner == y)
            named = torch.where(mean_winner >= 0, plan.columns[mean_winner.clamp(min=0)], -1)
            self.agreed += self._by_class(y, right | (both & (named == winner)))
        if plan.margins and inverse is not None:
            self._take_margins(product, margin, y, own, inverse)

    def _unit_squares(self, z: Tensor, centre: Tensor, y: Tensor, inverse: Tensor) -> Tensor:
        """|(x/|x| - unit mean) F|^2, from residuals: x/|x| = s z + s c, s = 1/|x|."""
        whitener = self.plan.unit_whitener
        assert whitener is not None
        scale = inverse.to(z.dtype)[:, None]
        drift = (inverse - self.mean_inverse[y]).to(z.dtype)[:, None]
        look = torch.nn.functional.embedding
        if whitener.triangular:
            unit = torch.addcmul(z * scale, centre, drift)
            return whitener.squares(unit.sub_(look(y, self.unit_shift)))
        seen = (z @ whitener.factor).mul_(scale)
        seen.addcmul_(look(y, self.unit_centre_seen), drift).sub_(look(y, self.unit_shift_seen))
        return row_squares(seen)

    def _nearest(
        self, x: Tensor, base: Tensor, y: Tensor, square: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Contest | None, Tensor | None]:
        """Nearest class mean; a sample well inside its own cell needs no product."""
        assert self.means is not None
        winner = y.clone()
        rows = torch.arange(len(y), device=y.device)
        if self.plan.nearest is not None:
            # Triangle inequality: closer to its mean than half the way to any other.
            open_rows = square >= 0.2499 * self.plan.nearest[y]
            few = torch.nonzero(open_rows).flatten()
            if len(few) <= PRUNE_SHARE * len(y):
                rows = few
                self.pruned += len(y) - len(few)
        if not len(rows):
            return winner, None, None
        whole = len(rows) == len(y)
        part_y = y if whole else y[rows]
        part = base if whole else base[rows]
        contest = Contest.of(part @ self.mean_columns + self.means.offsets(part_y), part_y)
        winner[rows], _ = decide(
            self.means, contest, x if whole else x[rows], part_y, lengths[rows], part_y
        )
        return winner, contest, rows

    def _take_margins(
        self, product: Tensor, logit: Tensor, y: Tensor, own: Tensor, inverse: Tensor
    ) -> None:
        self.logit_spread.add(logit)
        self.logit_sum += self._by_class(y, logit)
        table = self.cosine_table
        offset = table[0] if len(table) == 1 else torch.nn.functional.embedding(y, table)
        scores = product.mul_(self.inverse_length).add_(offset)
        margin = Contest.of(scores, own).margin * inverse
        self.cosine_spread.add(margin)
        self.cosine_sum += self._by_class(y, margin)

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
        extra = torch.linalg.vector_norm(offset @ whitener.factor.double(), dim=1).square()
        corrected: Tensor = self.whitened - self.plan.moments.count * extra
        return corrected.clamp(min=0)
