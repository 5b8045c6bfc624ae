"""The second sweep: everything that needs the class means to be final.

One pass gives the whitened residuals (NC1), the same on the unit sphere (GNC1), the decisions of
the head and of the nearest class mean (NC4), the margins of every sample, and how tight the
classes are on the sphere (HUG).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.report import Distribution
from nctool.statistics.decisions import Block, HeadRule, MeanRule, agreement, by_class
from nctool.statistics.moments import Moments, inverse_norms, row_lengths, row_squares
from nctool.statistics.whitening import Whitener
from nctool.statistics.within import Asked, Within, WithinSweep
from nctool.statistics.workspace import Workspace

RESIDUAL_CLASSES = 256
"""Up to here every class is its own origin (a small table); beyond, the global mean is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the sweep is to find, and the first sweep's answers it builds on."""

    moments: Moments  # present classes only, rows in class order
    columns: Tensor  # (K,) the head row of each present class
    global_mean: Tensor  # (D,) float64
    work: torch.dtype
    score_rows: int
    """Rows whose scores are held at a time."""
    whitener: Whitener | None = None
    unit_whitener: Whitener | None = None
    weight: Tensor | None = None  # (C, D)
    bias: Tensor | None = None  # (C,)
    nearest: Tensor | None = None  # (K,) squared distance to the nearest other mean
    margins: bool = False
    within: Asked | None = None


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
    within: Within | None


class SecondSweep:
    """Feed it with ``add`` (features, present-class index); read it once with ``finish``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        mean = plan.moments.mean
        self.classes = len(mean)
        self.space = Workspace(plan.work, mean.device)
        self.centre = mean.to(plan.work)  # (K, D)
        self.centre_square = torch.linalg.vector_norm(self.centre, dim=1, dtype=torch.float64) ** 2
        self.residual = self.classes <= RESIDUAL_CLASSES
        self.at_zero = not self.residual and self._near_zero()
        self.origin = self.centre if self.residual else plan.global_mean.to(plan.work)[None]
        if self.at_zero:
            self.origin = torch.zeros_like(self.origin)
        self.head, self.mean = self._head_rule(), self._mean_rule()
        self.within = None
        if plan.within is not None:
            self.within = WithinSweep(plan.within, plan.moments, self.centre)
        self._prepare_unit()
        self.stack = self._stack()
        self.stacked = torch.cat([*self.stack.values()], 1) if self.stack else self.centre.T
        self.whitened, self.unit_whitened, self.agreed = (
            torch.zeros(self.classes, dtype=torch.float64, device=mean.device) for _ in range(3)
        )

    def _near_zero(self) -> bool:
        """Is the global mean too near zero for its removal to save any digits?"""
        moments, middle = self.plan.moments, self.plan.global_mean
        around = (moments.mean - middle).square().sum(1)
        total = moments.scatter.sum() + (moments.count * around).sum()
        return float(middle.square().sum()) <= float(total / moments.count.sum())

    def _head_rule(self) -> HeadRule | None:
        plan = self.plan
        if plan.weight is None:
            return None
        return HeadRule(
            plan.weight,
            plan.bias,
            plan.columns,
            self.origin,
            margins=plan.margins,
            classes=self.classes,
            space=self.space,
        )

    def _mean_rule(self) -> MeanRule | None:
        plan, white = self.plan, self.plan.whitener
        if plan.nearest is None:
            return None
        basis = None
        if self.residual and white is not None and not white.triangular:
            # Fewer dimensions, if the basis holds all of every mean.
            basis = white.basis if white.spectrum.rank == white.spectrum.full else None
        return MeanRule(
            plan.moments.mean,
            plan.global_mean,
            plan.nearest,
            self.origin,
            basis=basis,
            space=self.space,
        )

    def _prepare_unit(self) -> None:
        white, moments = self.plan.unit_whitener, self.plan.moments
        if white is None:
            return
        assert moments.unit_mean is not None and moments.inverse_norm is not None
        self.mean_inverse = moments.inverse_norm
        shift = moments.unit_mean - self.mean_inverse[:, None] * self.centre.double()
        self.unit_shift = shift.to(self.plan.work)
        if not white.triangular:
            self.unit_centre_seen = self.centre @ white.basis  # (K, r)
            self.unit_shift_seen = self.unit_shift @ white.basis

    def _stack(self) -> dict[str, Tensor]:
        """Everything that multiplies the residuals, side by side: one wide product is faster."""
        whites = {"seen": self.plan.whitener, "unit": self.plan.unit_whitener}
        if not self.residual or any(one is not None and one.triangular for one in whites.values()):
            return {}
        parts = {name: one.basis for name, one in whites.items() if one is not None}
        if self.head is not None:
            parts["along"] = self.head.directions
        return parts

    def _products(self, z: Tensor) -> dict[str, Tensor]:
        """The residuals times each part of the stack."""
        if not self.stack:
            return {}
        whole = self.space.product("stack", z, self.stacked)
        sizes = [part.shape[1] for part in self.stack.values()]
        return dict(zip(self.stack, torch.split(whole, sizes, dim=1), strict=True))

    def add(self, x: Tensor, y: Tensor) -> None:  # (B, D), (B,)
        centre = self.space.rows_of("centre", self.centre, y)
        z = self.space.difference("residual", x, centre)  # (B, D)
        square = row_squares(z)
        size = inverse = None
        if self.plan.unit_whitener is not None or self.plan.margins:
            size = row_lengths(x)
            inverse = inverse_norms(size, z, square, centre, self.centre_square[y])
        products = self._products(z)
        seen = self._whiten(z, y, products.get("seen"))
        if self.head is not None or self.mean is not None:
            base, lengths = self._based(x, z, square, size)
            along = products.get("along")
            self._judge(Block(x, y, base, square, lengths, inverse, seen, along))
        if self.within is not None:
            self.within.add(x, y, z, square)
        if self.plan.unit_whitener is not None and inverse is not None:
            # Last: it may overwrite the residuals.
            unit = self._unit_squares(z, centre, y, inverse, products.get("unit"))
            self.unit_whitened += by_class(y, unit, self.classes)

    def _whiten(self, z: Tensor, y: Tensor, seen: Tensor | None) -> Tensor | None:
        """Add up |z F|^2; the residuals within the span of the means, if that is smaller."""
        white = self.plan.whitener
        if white is None:
            return None
        if white.triangular:
            squares = white.squares(z, self.space)
        else:
            seen = self.space.product("seen", z, white.basis) if seen is None else seen
            squares = white.seen_squares(seen, self.space)
        self.whitened += by_class(y, squares, self.classes)
        return seen

    def _based(
        self, x: Tensor, z: Tensor, square: Tensor, size: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Each sample seen from its origin, and how far away it is."""
        if self.residual:
            return z, square.sqrt()
        if self.at_zero:
            return x, row_lengths(x) if size is None else size
        base = self.space.difference("base", x, self.origin.expand_as(x))
        return base, row_lengths(base)

    def _judge(self, block: Block) -> None:
        """Decisions and margins, a few rows at a time so that their scores stay in cache."""
        for start in range(0, len(block.y), self.plan.score_rows):
            part = block.of(slice(start, start + self.plan.score_rows))
            if self.head is not None and self.mean is not None:
                self.agreed += agreement(part, self.head, self.mean)
            elif self.head is not None:
                self.head.decide(part)
            elif self.mean is not None:
                self.mean.decide(part)

    def _unit_squares(
        self, z: Tensor, centre: Tensor, y: Tensor, inverse: Tensor, seen: Tensor | None
    ) -> Tensor:
        """|(x/|x| - unit mean) F|^2, from residuals: x/|x| = s z + s c, s = 1/|x|."""
        white, space = self.plan.unit_whitener, self.space
        assert white is not None
        scale = inverse.to(z.dtype)[:, None]
        drift = (inverse - self.mean_inverse[y]).to(z.dtype)[:, None]
        if white.triangular:
            unit = z.mul_(scale).addcmul_(centre, drift)
            unit.sub_(space.rows_of("centre", self.unit_shift, y))
            return white.squares(unit, space)
        seen = space.product("unit_seen", z, white.basis) if seen is None else seen
        seen.mul_(scale).addcmul_(torch.index_select(self.unit_centre_seen, 0, y), drift)
        seen.sub_(torch.index_select(self.unit_shift_seen, 0, y))
        return white.seen_squares(seen, space)

    def finish(self) -> Answers:
        plan, head, mean = self.plan, self.head, self.mean
        margins = head if plan.margins else None
        return Answers(
            whitened=None if plan.whitener is None else self._corrected(plan.whitener),
            unit_whitened=None if plan.unit_whitener is None else self.unit_whitened,
            head_right=None if head is None else head.right,
            mean_right=None if mean is None else mean.right,
            agreed=None if head is None or mean is None else self.agreed,
            logit_margin=None if margins is None else margins.logit.finish("samples"),
            logit_margin_sum=None if margins is None else margins.logit_sum,
            cosine_margin=None if margins is None else margins.cosine.finish("samples"),
            cosine_margin_sum=None if margins is None else margins.cosine_sum,
            within=None if self.within is None else self.within.finish(),
        )

    def _corrected(self, white: Whitener) -> Tensor:
        """Take out what rounding the class means to the working precision added."""
        offset = self.plan.moments.mean - self.centre.double()
        extra = torch.linalg.vector_norm(offset @ white.factor, dim=1).square()
        corrected: Tensor = self.whitened - self.plan.moments.count * extra
        return corrected.clamp(min=0)
