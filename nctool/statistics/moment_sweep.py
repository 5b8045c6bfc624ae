"""The first sweep: how many samples, where each class's mean is, how far its samples stray.

Sums of residuals from a pilot (a vector near the class mean, in the working precision) are exact
where plain sums cancel: subtracting two close floats loses nothing. Short sums run in the working
precision, everything longer in float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nctool.engine.block import Block
from nctool.engine.workspace import Workspace
from nctool.statistics.lengths import inverse_norms, inverse_of, row_lengths, row_squares
from nctool.statistics.moments import Moments
from nctool.statistics.sums import by_class, counted

SHORT_SUM = 256
"""Rows added in the working precision before float64 takes over: keeps a float32 mean's error
under a millionth of the sampling error of that mean (error grows like u * sqrt(rows))."""
SHORTEST_SUM, FEW_CLASSES = 16, 32
"""The same for few classes, whose short sums are moved to float64 at next to no cost."""

BUFFER_CLASSES = 8192
"""Most class rows held in short-sum buffers: bounds their memory when classes are many."""

EARLY_ROWS, LATER_ROWS = 16, 1024
"""Rows per class after which means so far become the new pilots: soon at first, seldom later."""

PILOT_ROWS = 512
FEWEST_MULTIPLIED, MULTIPLIED = 256, 1 << 16
"""Rows whose outer products are summed at a time, and their numbers: in float64 these stay in
cache."""


class MomentSweep:
    """Folds batches into Moments. Feed it with ``add``; read it once with ``finish``."""

    def __init__(
        self,
        classes: int,
        dim: int,
        *,
        work: torch.dtype,
        device: torch.device,
        unit: bool,
        products: bool = False,
    ) -> None:
        """``products``: sum the outer products of the residuals, too."""
        self.classes = classes
        self.unit = unit
        self.total = Moments.empty(classes, dim, unit=unit, device=device, products=products)
        self.outer = [
            torch.zeros_like(start)
            for start in (self.total.products, self.total.unit_products)
            if start is not None
        ]
        self.pilot = torch.zeros(classes, dim, dtype=work, device=device)
        self.seen = torch.zeros(classes, dtype=torch.bool, device=device)
        self.few_rows = EARLY_ROWS * classes
        self.short = min(SHORTEST_SUM, SHORT_SUM) if classes <= FEW_CLASSES else SHORT_SUM
        self.space = Workspace(work, device)
        self.short_sums = torch.zeros(
            2 if unit else 1, classes, dim, dtype=torch.float64, device=device
        )
        self.buffers = self.pilot.new_zeros(len(self.short_sums), 0, classes, dim)
        self.grouped = 0, 0, torch.empty(0, dtype=torch.int64)
        self._start_chunk()

    def _start_chunk(self) -> None:
        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, dtype=torch.float64, device=self.pilot.device)

        self.rows = 0
        self.most = 0
        self.count, self.square = zeros(self.classes), zeros(self.classes)
        self.inverse = zeros(self.classes)
        self.short_sums.zero_()
        for products in self.outer:
            products.zero_()
        self.zero_rows = 0
        self.pilot_square = (
            torch.linalg.vector_norm(self.pilot, dim=1, dtype=torch.float64).square()
            if self.unit
            else self.count
        )

    def add(self, block: Block) -> None:
        self.take(block.x, block.y)

    def take(self, x: Tensor, y: Tensor) -> None:  # (B, D), (B,)
        counts = counted(y, self.classes)
        self._meet(x, y, counts)
        # Written over the rows it is taken from: with one matrix less, both stay in cache.
        residual = self.space.rows_of("residual", self.pilot, y)  # (B, D)
        torch.sub(x, residual, out=residual)
        square = row_squares(residual)
        self.count += counts
        self.square += by_class(y, square, self.classes)
        inverse = None
        if self.unit:
            inverse = inverse_norms(
                row_lengths(x), residual, square, self.pilot, self.pilot_square, y
            )
            self.zero_rows += int((inverse == 0).sum())
            self.inverse += by_class(y, inverse, self.classes)
        if self.outer:
            self._multiply(residual, y, inverse)
        most = int(counts.max())
        if self.most + most > self.short:
            self._drain()
        self._scatter(residual, y, inverse, most)
        self.rows += len(y)
        if self.rows >= self.few_rows:
            self._flush()
            self.few_rows = LATER_ROWS * self.classes

    def _multiply(self, residual: Tensor, y: Tensor, inverse: Tensor | None) -> None:
        """Add the outer products of residuals, and of those of x/|x| from p/|p|, p the pilot.

        x/|x| - p/|p| = r/|x| + (1/|x| - 1/|p|) p, whose terms keep their digits near collapse.
        In float64: shards cut the samples differently, and have to merge to the same digits.
        """
        drift = None if inverse is None else inverse - inverse_of(self.pilot_square)[y]
        rows = max(FEWEST_MULTIPLIED, MULTIPLIED // residual.shape[1])
        for start in range(0, len(y), rows):
            here = slice(start, start + rows)
            exact = residual[here].double()
            self.outer[0].addmm_(exact.T, exact)
            if inverse is not None and drift is not None:
                unit = exact * inverse[here, None]
                unit.addcmul_(self.pilot[y[here]].double(), drift[here, None])
                self.outer[1].addmm_(unit.T, unit)

    def _meet(self, x: Tensor, y: Tensor, counts: Tensor) -> None:
        """Give each class met for the first time a pilot: the mean of its first rows."""
        new = (counts > 0) & ~self.seen
        if not bool(new.any()):
            return
        rows = torch.nonzero(new[y]).flatten()
        first = torch.cat([rows[:PILOT_ROWS], first_of_each(y[rows], rows)])
        met = torch.nonzero(new).flatten()
        # Sums of the new classes alone: of many classes every block has some, a table of all never.
        place = (new.cumsum(0) - 1)[y[first]]
        sums = torch.zeros(len(met), x.shape[1], dtype=torch.float64, device=x.device)
        sums.index_add_(0, place, x[first].double())
        pilot = (sums / counted(place, len(met))[:, None]).to(self.pilot.dtype)
        self.pilot[met] = pilot
        self.seen |= new
        if self.unit:
            length = torch.linalg.vector_norm(pilot, dim=1, dtype=torch.float64)
            self.pilot_square[met] = length.square()

    def _scatter(self, residual: Tensor, y: Tensor, inverse: Tensor | None, most: int) -> None:
        """Add rows by class into sums short enough for the working precision.

        Each of some groups of rows has sums of its own: one addition by group and class.
        """
        groups = max(1, min(-(-most // self.short), BUFFER_CLASSES // self.classes))
        if groups > self.buffers.shape[1]:
            self._drain()
            kinds, _, classes, dim = self.buffers.shape
            self.buffers = self.buffers.new_zeros(kinds, groups, classes, dim)
        self.most += -(-most // groups)
        if groups > 1:
            y = y + self._offsets(len(y), groups)
        for kind, buffer in enumerate(self.buffers):
            if kind == 1 and inverse is not None:
                residual.mul_(inverse.to(residual.dtype)[:, None])
            buffer.view(-1, residual.shape[1]).index_add_(0, y, residual)

    def _offsets(self, rows: int, groups: int) -> Tensor:  # (B,) int64
        """The first sum of each row's group; nearly all blocks are of one size."""
        if self.grouped[:2] != (rows, groups):
            group = torch.arange(rows, device=self.seen.device) * groups // rows
            self.grouped = rows, groups, self.classes * group
        return self.grouped[2]

    def _drain(self) -> None:
        """Empty the short sums into float64."""
        if self.most:
            # Of many classes there is one group, and no room for another table in float64.
            sums = self.buffers
            one = sums.shape[1] == 1
            self.short_sums += sums[:, 0] if one else sums.sum(1, dtype=torch.float64)
            self.buffers.zero_()
        self.most = 0

    def _flush(self) -> None:
        """Turn the chunk's sums into Moments and merge them."""
        self._drain()
        n = self.count.clamp(min=1)
        shift = self.short_sums[0] / n[:, None]  # (K, D), mean residual
        pilot = self.pilot.double()
        unit_mean = inverse_norm = None
        if self.unit:
            inverse_norm = self.inverse / n
            unit_mean = self.short_sums[1] / n[:, None] + inverse_norm[:, None] * pilot
        # The pilot is near the mean, so that little cancels here.
        scatter = self.square - n * torch.linalg.vector_norm(shift, dim=1).square()
        products = unit_products = None
        if self.outer:
            products = _about_mean(self.outer[0], shift, self.count)
        if self.outer and unit_mean is not None:
            unit_pilot = pilot * inverse_of(self.pilot_square)[:, None]
            unit_products = _about_mean(self.outer[1], unit_mean - unit_pilot, self.count)
        here = Moments(
            self.count,
            shift + pilot,
            scatter.clamp(min=0),
            unit_mean,
            inverse_norm,
            self.zero_rows,
            products,
            unit_products,
        )
        self.total = self.total.merge(here)
        known = self.total.count > 0
        self.pilot[known] = self.total.mean[known].to(self.pilot.dtype)
        self._start_chunk()

    def sums(self) -> Moments:
        if self.rows:
            self._flush()
        return self.total

    def merge(self, other: Moments) -> None:
        self.total = self.sums().merge(other)

    def finish(self) -> Moments:
        return self.sums()


def _about_mean(products: Tensor, shift: Tensor, count: Tensor) -> Tensor:
    """Sums of outer products about the mean, which lies a ``shift`` (K, D) from their origin."""
    weighted = shift * count.sqrt()[:, None]
    about: Tensor = torch.addmm(products, weighted.T, weighted, alpha=-1)
    return about


def first_of_each(y: Tensor, rows: Tensor) -> Tensor:
    """The first row of each class, so that no class is without a pilot."""
    order = torch.argsort(y, stable=True)
    ordered = y[order]
    starts = torch.ones(len(y), dtype=torch.bool, device=y.device)
    starts[1:] = ordered[1:] != ordered[:-1]
    return rows[order[starts]]
