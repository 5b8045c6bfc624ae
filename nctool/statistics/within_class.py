"""What the kept rows of each class say about each other, on the sphere: distances and kernels.

With z the residuals from the class mean m, and b the distance of a sample m + z from an origin,
two samples are seen from there in directions u whose squared distance is

    |u_i - u_j|^2 = (|z_i - z_j|^2 - (b_i - b_j)^2) / (b_i b_j),

so that one product of the residuals serves every origin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from nctool.engine.group import ALONE, Group
from nctool.engine.workspace import Workspace
from nctool.statistics.closeness import View, safe_divisor
from nctool.statistics.kept_samples import Groups

JITTER = 1e-6
"""On the diagonal of a class's kernel matrix, whose determinant is zero at perfect collapse."""

NEAR = 1e-6
"""Below this share of its terms a squared distance is taken from the difference itself."""
WIDE = 100.0
"""|z|^2 over b^2 from which b is taken from vectors, and directions from steps on the sphere."""
MANY_NEAR = 64
"""If more than one pair in so many is that near, all are taken from steps."""

TILE = 64
"""Rows multiplied with themselves and all later ones."""

STACK = 1 << 20
"""Coordinates of kept rows looked at together: 8 MiB stay in cache."""
RESCUED = 1 << 20
"""Coordinates of differences held at a time."""


@dataclass(frozen=True, slots=True)
class PairDistances:
    """Of the pairs of each class's kept rows; 0 where a class has one row."""

    mean: Tensor  # (K,) float64
    variance: Tensor  # (K,) of that mean over the choice of rows; 0 where all were kept


@dataclass(frozen=True, slots=True)
class Stack:
    """Some classes whose numbers of kept rows are alike; the next one takes its memory."""

    classes: Tensor  # (k,)
    here: Tensor  # (k, m) which rows exist
    residuals: Tensor  # (k, m, D) float64; 0 where no row exists
    squares: Tensor  # (k, m) |z|^2
    between: Tensor  # (k, m, m) |z_i - z_j|^2


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows of a stack from one origin."""

    centre: Tensor  # (k, D) the class means from there
    length: Tensor  # (k, m) b
    excess: Tensor  # (k, m) b - |centre|
    wide: bool
    """Some residuals are much longer than what is seen of their sample."""


@dataclass(frozen=True, slots=True)
class Stacks:
    """The kept rows of all classes, some classes at a time."""

    groups: Groups
    centre: Tensor  # (K, D) in the working precision
    group: Group = ALONE

    def blocks(self, accumulators: Sequence[object]) -> Iterator[Stack]:
        stacks, rows = self.groups.stacks(STACK), self.groups.rows
        space = Workspace(torch.float64, rows.device)
        # In turns: those of large classes come first.
        for classes, index in islice(stacks, self.group.rank, None, self.group.size):
            here = index >= 0
            x = space.matrix("x", index.numel(), rows.shape[1], rows.dtype)
            torch.index_select(rows, 0, index.clamp(min=0).flatten(), out=x)
            z = space.matrix("z", *x.shape).view(*index.shape, -1)
            torch.sub(x.view_as(z), self.centre[classes].double()[:, None], out=z)
            if not bool(here.all()):
                z.masked_fill_(~here[:, :, None], 0.0)
            squares, between = between_rows(z)
            yield Stack(classes, here, z, squares, between)


class PairSums:
    """Mean distances between samples of a class, seen from an origin."""

    def __init__(self, origin: Tensor, centre: Tensor, count: Tensor) -> None:
        self.origin, self.centre, self.count = origin, centre, count
        self.mean, self.variance = torch.zeros_like(count), torch.zeros_like(count)

    def add(self, stack: Stack) -> None:
        apart = exact_squares(stack, see(stack, self.centre, self.origin)).sqrt_()
        kept, count = stack.here.sum(1).double(), self.count[stack.classes]
        mean, variance = mean_of_pairs(apart, kept, count)
        self.mean[stack.classes], self.variance[stack.classes] = mean, variance

    def sums(self) -> tuple[Tensor, Tensor]:
        return self.mean, self.variance

    def merge(self, other: tuple[Tensor, Tensor]) -> None:
        """Each class is in one stack only."""
        self.mean += other[0]
        self.variance += other[1]

    def finish(self) -> PairDistances:
        return PairDistances(self.mean, self.variance)


class KernelSums:
    """log det of exp(-|u_i - u_j|^2) + JITTER over a class's samples and, last, its anchor."""

    def __init__(self, view: View, centre: Tensor, count: Tensor) -> None:
        self.view, self.centre = view, centre
        self.logs = torch.zeros_like(count)

    def add(self, stack: Stack) -> None:
        seen = see(stack, self.centre, self.view.origin)
        assert self.view.anchors is not None
        last = squares_to(stack, seen, self.view.anchors[stack.classes])
        between = squares_between(stack, seen)
        self.logs[stack.classes] = log_determinants(between, last, stack.here)

    def sums(self) -> Tensor:
        return self.logs

    def merge(self, other: Tensor) -> None:
        """Each class is in one stack only."""
        self.logs += other

    def finish(self) -> Tensor:  # (K,)
        return self.logs


def between_rows(z: Tensor) -> tuple[Tensor, Tensor]:  # (k, m, D) -> (k, m), (k, m, m)
    """|z_i|^2 and |z_i - z_j|^2 of the rows of each class; of the product half is mirrored."""
    squares = torch.linalg.vector_norm(z, dim=2).square_()
    between = squares[:, :, None] + squares[:, None, :]
    rows = z.shape[1]
    for start in range(0, rows, TILE):
        stop = min(start + TILE, rows)
        part = between[:, start:stop, start:]
        part.baddbmm_(z[:, start:stop], z[:, start:].transpose(1, 2), alpha=-2)
        between[:, stop:, start:stop] = part[:, :, stop - start :].transpose(1, 2)
    return squares, between


def see(stack: Stack, class_means: Tensor, origin: Tensor) -> Seen:
    """The rows of a stack from one origin; ``class_means`` (K, D) in the working precision."""
    centre = class_means[stack.classes].double() - origin
    own = torch.linalg.vector_norm(centre, dim=1, keepdim=True)  # (k, 1)
    stretch = 2 * _along(stack, centre) + stack.squares  # b^2 - |c|^2
    square = (own.square() + stretch).clamp_(min=0)
    wide = bool((stack.squares > WIDE * square).any())
    length = square.sqrt_()
    if wide:
        length = torch.linalg.vector_norm(stack.residuals + centre[:, None], dim=2)
    return Seen(centre, safe_divisor(length), stretch / safe_divisor(own + length), wide)


def squares_between(stack: Stack, seen: Seen) -> Tensor:  # (k, m, m)
    """|u_i - u_j|^2, right to the last digits of the largest; 0 for rows that do not exist."""
    if seen.wide:
        return _only(_from_steps(stack, seen)[0], stack.here)
    step = seen.excess[:, :, None] - seen.excess[:, None, :]
    square = torch.addcmul(stack.between, step, step, value=-1)
    square /= seen.length[:, :, None]
    square /= seen.length[:, None, :]
    square.diagonal(dim1=1, dim2=2).zero_()
    return _only(square, stack.here).clamp_(min=0)


def exact_squares(stack: Stack, seen: Seen) -> Tensor:  # (k, m, m)
    """The same, each right to its own last digits."""
    near: Tensor | None = None
    if not seen.wide:
        square = squares_between(stack, seen)
        terms = (stack.squares[:, :, None] + stack.squares[:, None, :]) / seen.length[:, :, None]
        near = torch.nonzero((square * seen.length[:, None, :] < NEAR * terms).triu_(1))
    if near is None or len(near) * MANY_NEAR > square.numel():
        square, near = _from_steps(stack, seen)
    for part in torch.split(near, max(1, RESCUED // stack.residuals.shape[2])):
        group, first, second = part.unbind(1)
        gap = _steps(stack, seen, group, first) - _steps(stack, seen, group, second)
        apart = gap.square().sum(1)
        square[group, first, second] = square[group, second, first] = apart
    return _only(square, stack.here)


def _from_steps(stack: Stack, seen: Seen) -> tuple[Tensor, Tensor]:
    """From a product of steps, which differences in length do not enter; and which are near."""
    many, rows, _ = stack.residuals.shape
    place = torch.arange(many * rows, device=stack.classes.device)
    steps = _steps(stack, seen, place // rows, place % rows).view(many, rows, -1)
    squares, square = between_rows(steps)
    terms = squares[:, :, None] + squares[:, None, :]
    near = torch.nonzero((square < NEAR * terms).triu_(1))
    square.diagonal(dim1=1, dim2=2).zero_()
    return square.clamp_(min=0), near


def _steps(stack: Stack, seen: Seen, group: Tensor, row: Tensor) -> Tensor:  # (n, D)
    """u less the direction of the class mean, of some rows: small where the residual is."""
    centre, length = seen.centre[group], seen.length[group, row][:, None]
    own = safe_divisor(torch.linalg.vector_norm(centre, dim=1, keepdim=True))
    shrink = seen.excess[group, row][:, None] / (length * own)
    return stack.residuals[group, row].div_(length).sub_(centre.mul_(shrink))


def squares_to(stack: Stack, seen: Seen, anchors: Tensor) -> Tensor:  # (k, m)
    """|u_i - w|^2 to the anchor of each class, right to the last digits of the largest."""
    inner = (seen.centre * anchors).sum(1, keepdim=True) + _along(stack, anchors)
    return (2 - 2 * inner / seen.length).clamp_(min=0)


def mean_of_pairs(apart: Tensor, kept: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The mean distance of ``kept`` (k,) of ``count`` rows, and its variance over that choice.

    ``apart`` (k, m, m), 0 beyond the kept. Two pairs share two rows, one or none; the sums of
    products of deviations over pairs of each kind follow from the sample's, as each kind is drawn
    with a known chance (Hoeffding 1948, for a finite population). Deviations from the sample's own
    mean are short by a known part of the variance.
    """
    pairs = kept * (kept - 1) / 2
    by_row = apart.sum(2)  # (k, m)
    mean = by_row.sum(1) / 2 / pairs.clamp(min=1)
    square = (apart.square().sum((1, 2)) / 2 - pairs * mean.square()).clamp(min=0)
    inside = torch.arange(apart.shape[1], device=apart.device) < kept[:, None]
    by_row = (by_row - (kept - 1)[:, None] * mean[:, None]) * inside
    sharing = by_row.square().sum(1) - 2 * square
    two, three, four = (_chance(kept, count, rows) for rows in (2, 3, 4))

    def expected(same: Tensor, sharing: Tensor) -> Tensor:
        return same + sharing - four * (same / two + sharing / three)

    whole = pairs.square() - expected(pairs, 2 * pairs * (kept - 2))
    variance = expected(square, sharing) / safe_divisor(whole)
    return mean, torch.where(kept < count, variance.clamp(min=0), 0.0)


def _chance(kept: Tensor, count: Tensor, rows: int) -> Tensor:
    """That so many given rows are all among the kept; 1 where there are not so many."""
    chance = torch.ones_like(kept)
    for taken in range(rows):
        chance *= (kept - taken) / (count - taken).clamp(min=1)
    return torch.where(chance > 0, chance, 1.0)


def log_determinants(square: Tensor, last: Tensor, here: Tensor) -> Tensor:  # (k,)
    """log det of the kernel of rows (k, m, m) and the anchor (k, m); ``here``: which rows exist."""
    many, rows = last.shape
    kernel = square.new_zeros(many, rows + 1, rows + 1)
    kernel[:, :-1, :-1] = _only(square.neg_().exp_(), here)
    kernel[:, -1, :-1] = kernel[:, :-1, -1] = torch.exp(-last) * here
    kernel.diagonal(dim1=1, dim2=2).fill_(1.0 + JITTER)
    # A row that does not exist is a factor of one.
    kernel.diagonal(dim1=1, dim2=2)[:, :-1].masked_fill_(~here, 1.0)
    factor, _ = torch.linalg.cholesky_ex(kernel)
    half: Tensor = factor.diagonal(dim1=1, dim2=2).log().sum(1)
    return 2 * half


def _along(stack: Stack, directions: Tensor) -> Tensor:  # (k, m)
    """Residuals times one vector per class."""
    return torch.bmm(directions[:, None], stack.residuals.transpose(1, 2))[:, 0]


def _only(square: Tensor, here: Tensor) -> Tensor:
    """Zero for pairs with a row that does not exist."""
    if bool(here.all()):
        return square
    return square.mul_(here[:, :, None]).mul_(here[:, None, :])
