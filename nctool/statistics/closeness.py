"""How far the samples of a class are from one direction, on the sphere about some origin.

A sample x is seen from the origin o in the direction u = (x - o)/|x - o|. With x = m + z, m the
class mean in the working precision and z the residual, c = m - o, a = |c| and b = |c + z|, the
step from the class's own direction to the sample's is

    t = u - c/a = z/b - c (b - a)/(a b),    |t|^2 = (|z|^2 - (b - a)^2)/(a b),

with b - a = (2 c.z + |z|^2)/(a + b). All of it is small where z is, and so it keeps its digits
however near each other the directions are. To an anchor w of length one, with e = c/a - w,

    |u - w|^2 = |e|^2 + 2 e.t + |t|^2 = (|e|^2 a + 2 e.z)/b + |t|^2.

Where these terms cancel, the row is taken again in float64, from vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.engine.block import Block
from nctool.statistics.parts import Residual
from nctool.statistics.row_dots import row_dots
from nctool.statistics.sums import by_class

CANCELS = 0.05
"""Below this share of its terms a squared distance is taken again: of float32's seven digits fewer
than six would be left."""

FAR = 4.0
"""|z|^2 over |c|^2 from which |t|^2 is taken as 2 - 2 cos: here both ways are equally exact."""

NO_LENGTH = 4 * torch.finfo(torch.float64).eps
"""Of |o|: a sample this near the origin is at the origin, but for the rounding of the origin."""

EXACT_ROWS = 1024


@dataclass(frozen=True, slots=True)
class View:
    """From where samples are seen, and the direction each class is compared with."""

    origin: Tensor  # (D,) float64
    anchors: Tensor | None = None  # (K, D) float64, of length one; zero where there is none


@dataclass(frozen=True, slots=True)
class Closeness:
    """Per class, float64."""

    length: Tensor  # (K,) distance of the class mean from the origin
    scatter: Tensor  # (K,) sum of |t|^2; 2 for a sample of a class whose mean is at the origin
    total: Tensor | None  # (K,) sum of the distances to the anchor
    largest: Tensor | None  # (K,) the largest of them
    lost: int
    """Samples at the origin: they have no direction."""


Sums = tuple[Tensor, Tensor, Tensor, int]


class ClosenessSums:
    """Distances of the samples of each class to its own direction and to its anchor."""

    def __init__(self, view: View, residual: Residual, *, spread: bool = True) -> None:
        """``spread``: the scatter about the own direction is wanted, to its own last digits."""
        self.residual = residual
        centre = residual.centres.table
        self.origin, self.anchors = view.origin, view.anchors
        self.centre, self.spread = centre, spread
        exact = centre.double() - self.origin  # (K, D)
        self.length = torch.linalg.vector_norm(exact, dim=1)
        self.divisor = safe_divisor(self.length)
        self.seen = exact.to(centre.dtype) if bool(self.origin.any()) else centre
        self.gap = torch.zeros_like(self.length)
        self.step: Tensor | None = None  # (K, D)
        if self.anchors is not None:
            step = exact / self.divisor[:, None] - self.anchors
            self.gap = step.square().sum(1)
            self.step = step.to(centre.dtype) if bool(step.any()) else None
        self.unseen = bool((self.length == 0).any())
        self.no_length = NO_LENGTH * float(torch.linalg.vector_norm(self.origin))
        self.scatter, self.total, self.largest = (torch.zeros_like(self.length) for _ in range(3))
        self.lost = 0

    def add(self, block: Block) -> None:
        self.take(block.x, block.y, block.get(self.residual), block.get(self.residual.squares))

    def take(self, x: Tensor, y: Tensor, z: Tensor, square: Tensor) -> None:
        """``square`` (B,) is |z|^2; all other arguments (B, D), (B,), (B, D)."""
        cross = row_dots(z, self.seen, y)
        along = None if self.step is None else row_dots(z, self.step, y)
        own, apart, doubtful = self._squares(y, square, cross, along)
        rows = torch.nonzero(doubtful).flatten()
        for part in torch.split(rows, EXACT_ROWS):
            own[part], apart[part] = self._again(x[part], y[part])
        if self.spread:
            self.scatter += by_class(y, own, len(self.length))
        if self.anchors is not None:
            distance = apart.sqrt()
            self.total += by_class(y, distance, len(self.length))
            self.largest.scatter_reduce_(0, y, distance, "amax")

    def _squares(
        self, y: Tensor, square: Tensor, cross: Tensor, along: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """|t|^2, |u - w|^2, and where one that is wanted may have lost its digits."""
        a, divisor, gap = self.length[y], self.divisor[y], self.gap[y]
        stretch = cross.mul(2).add_(square)  # b^2 - a^2
        longer = (a.square() + stretch).clamp_(min=0)  # b^2
        b = safe_divisor(longer.sqrt())
        excess = stretch / (a + b)  # b - a
        scale = divisor * b
        own, terms = (square - excess.square()) / scale, square / scale
        far = square > FAR * a.square()
        if bool(far.any()):
            own = torch.where(far, 2 - 2 * (a + cross / divisor) / b, own)
            terms = torch.where(far, 2 * square.sqrt() / b, terms)
        own.clamp_(min=0)
        if self.unseen:
            own = torch.where(a > 0, own, 2.0)
        doubtful = longer <= CANCELS * (a.square() + square)
        if self.spread:
            doubtful |= own < CANCELS * terms
        if self.anchors is None:
            return own, own, doubtful
        apart = gap * a
        if along is not None:
            apart += 2 * along
            terms += 2 * (gap * square).sqrt() / b
        apart = apart / b + own
        doubtful |= apart < CANCELS * terms
        return own, apart.clamp_(min=0), doubtful

    def _again(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The same of a few rows from vectors in float64."""
        centre = self.centre[y].double()
        z, c = x.double() - centre, centre - self.origin
        a = self.length[y]
        b = torch.linalg.vector_norm(z + c, dim=1)
        gone = b <= self.no_length
        self.lost += int(gone.sum())
        excess = (2 * (c * z).sum(1) + z.square().sum(1)) / safe_divisor(a + b)
        inverse = 1 / safe_divisor(b)
        step = z * inverse[:, None] - c * (excess * inverse / safe_divisor(a))[:, None]
        own = step.square().sum(1)
        if self.unseen:
            own = torch.where(a > 0, own, 2.0)
        apart = own
        if self.anchors is not None:
            step += c / safe_divisor(a)[:, None] - self.anchors[y]
            apart = step.square().sum(1)
        return own.masked_fill(gone, 0.0), apart.masked_fill(gone, 0.0)

    def sums(self) -> Sums:
        return self.scatter, self.total, self.largest, self.lost

    def merge(self, other: Sums) -> None:
        self.scatter += other[0]
        self.total += other[1]
        self.largest = torch.maximum(self.largest, other[2])
        self.lost += other[3]

    def finish(self) -> Closeness:
        anchored = self.anchors is not None
        return Closeness(
            self.length,
            self.scatter,
            self.total if anchored else None,
            self.largest if anchored else None,
            self.lost,
        )


def safe_divisor(length: Tensor) -> Tensor:
    """A divisor; what is divided by zero is not looked at."""
    return torch.where(length > 0, length, 1.0)


def unit_scatter(near: Closeness, centre: Tensor, unit_mean: Tensor, count: Tensor) -> Tensor:
    """(K,) The scatter of x/|x| about its mean, from that about the direction of the class mean.

    Where a class mean is zero its direction is taken as zero, and every square then counts one
    too much (see Closeness).
    """
    missing = near.length == 0
    own = centre.double() / near.length.masked_fill(missing, 1.0)[:, None]
    offset = (unit_mean - own).square().sum(1) + missing
    return (near.scatter - count * offset).clamp(min=0)


def directions(rows: Tensor) -> Tensor:
    """Rows of length one; zero rows stay zero."""
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / safe_divisor(length)
