"""What unequal class sizes make of the simplex: the SELI geometry, and how far points are from it.

Simplex-encoded labels interpolation (Thrampoulidis et al. 2022): the labels Z = A Y',
A = I - 11'/K, have a column for every sample. With Z = V L U'
the best classifier has the Gram matrix V L V', the best class means U L U', a row per class. Both
are functions of the K x K matrix Z Z' = A diag(n) A: its square root and the pseudo-inverse of
that. Classes of one size are interchangeable, so only the G different sizes have to be
decomposed, and neither matrix is ever whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.geometry.simplex import gram_norm

TILE = 512
TRUSTED_SQUARE = 1e-4
"""Above this squared deviation the closed form keeps eleven digits; below it cancels."""
MOST_SIZES = 4096


@dataclass(frozen=True, slots=True)
class Target:
    """A (K, K) Gram matrix of norm one: own[g] I + core[g, h] between classes of sizes g and h."""

    group: Tensor  # (K,) which of the sizes a class has
    members: Tensor  # (G,) how many classes have that size
    own: Tensor  # (G,)
    core: Tensor  # (G, G)
    eigenvalues: Tensor  # (K-1,) largest first

    @property
    def squares(self) -> Tensor:
        """(G,) squared length of a class of each size."""
        return self.own + self.core.diagonal()

    def floor(self, dim: int) -> float:
        """The least deviation that points in so many dimensions allow."""
        if dim >= len(self.eigenvalues):
            return 0.0
        return math.sqrt(2 - 2 * float(torch.linalg.vector_norm(self.eigenvalues[:dim])))

    @property
    def duality(self) -> float:
        """The cosine between rows and means, each as one long vector, where both are at their best.

        Rows are V L^(1/2), means V L^(-1/2), up to one rotation of both.
        """
        singular = self.eigenvalues
        return len(singular) / math.sqrt(float(singular.sum()) * float(singular.pow(-1).sum()))

    def mean_cosine(self, chosen: Tensor) -> float:
        """Over the pairs of the chosen classes, ``chosen`` (K,) true at least twice."""
        members = torch.bincount(self.group[chosen], minlength=len(self.own)).double()  # (G,)
        weighed = members / self.squares.sqrt()
        total = weighed @ self.core @ weighed + members @ (self.own / self.squares)
        count = float(members.sum())
        return (float(total) - count) / (count * (count - 1))

    def norm_ratio(self, chosen: Tensor) -> float:
        """Mean length of the chosen classes over that of the others."""
        lengths = self.squares.sqrt()[self.group]  # (K,)
        return float(lengths[chosen].mean() / lengths[~chosen].mean())


def different(counts: Tensor) -> int:
    """How many different class sizes there are."""
    return len(torch.unique(counts))


def targets(counts: Tensor) -> tuple[Target, Target]:
    """The Gram matrices of the best classifier and of the best class means, ``counts`` (K,)."""
    sizes, group, members = torch.unique(counts, return_inverse=True, return_counts=True)
    roots, many = sizes.double().sqrt(), members.double()  # (G,)
    even = (many / len(counts)).sqrt()  # (G,) the direction that A removes
    factor = (torch.eye(len(sizes)).to(even) - torch.outer(even, even)) * roots  # (G, G)
    # Singular values of the factor, not eigenvalues of its square: small ones keep their digits.
    left, singular, _ = torch.linalg.svd(factor)
    # Exactly one singular value is zero; the others are at least the least root.
    left, singular = left[:, :-1], singular[:-1]
    return (
        _target(group, many, left, singular, roots),
        _target(group, many, left, 1 / singular, 1 / roots),
    )


def _target(group: Tensor, many: Tensor, left: Tensor, between: Tensor, within: Tensor) -> Target:
    """``between`` are the eigenvalues on what classes of one size share, ``within`` on the rest."""
    among = (left * between) @ left.T / torch.outer(many.sqrt(), many.sqrt())  # (G, G)
    core = among - torch.diag(within / many)
    rest = torch.repeat_interleave(within, (many - 1).long())  # (K-G,)
    eigenvalues = torch.cat([between, rest]).sort(descending=True).values  # (K-1,)
    norm = torch.linalg.vector_norm(eigenvalues)
    return Target(group, many, within / norm, core / norm, eigenvalues / norm)


def deviation(points: Tensor, target: Target) -> float | None:
    """|G/|G| - target| in the Frobenius norm, G = points points', (K, D) float64; None when G = 0.

    The closed form needs the points' lengths and their sums by size; where it cancels, every pair
    is looked at, block by block.
    """
    largest = float(points.abs().max())
    if largest == 0.0:
        return None
    points = points / largest  # fourth powers stay within range
    norm = gram_norm(points)
    count, dim = len(target.own), points.shape[1]
    lengths = points.new_zeros(count).index_add_(0, target.group, points.square().sum(1))  # (G,)
    sums = points.new_zeros(count, dim).index_add_(0, target.group, points)  # (G, D)
    overlap = float(target.own @ lengths) + float(((target.core @ sums) * sums).sum())
    # |A - B|^2 of matrices of norm one; it cancels as it nears zero.
    square = 2 - 2 * overlap / norm
    if square > TRUSTED_SQUARE:
        return math.sqrt(square)
    return math.sqrt(_direct_square(points, target, norm))


def null_deviation(target: Target, dim: int, noise: Tensor, share: Tensor) -> float:
    """What the deviation of Gaussian points is about: of variance ``noise`` (K,), less their mean.

    ``share`` (K,) weighs that mean. Their Gram matrix is a Wishart matrix about the covariance
    between classes, P = diag(noise) - 1 v' - v 1' + t 1 1'.
    """
    count, v = len(noise), share * noise
    total, sides, t = float(noise.sum()), float(v.sum()), float((share * v).sum())
    trace = total - 2 * sides + count * t
    square = float(noise.square().sum() - 4 * (v * noise).sum() + 2 * count * v.square().sum())
    square += 2 * t * total + 2 * sides**2 - 4 * t * count * sides + (t * count) ** 2
    overlap = float((target.squares[target.group] * noise).sum())
    norm = math.sqrt(dim * (dim + 1) * square + dim * trace**2)
    return math.sqrt(2 - 2 * min(dim * overlap / norm, 1.0))


def logit_deviation(rows: Tensor, means: Tensor, counts: Tensor) -> float | None:
    """|L/|L| - Z/|Z|| for the logits of every class mean, each as often as its class has samples.

    ``rows`` and ``means`` (K, D) float64; None when L = 0. In closed form, as above, where that
    does not cancel.
    """
    row_size, mean_size = float(rows.abs().max()), float(means.abs().max())
    if row_size == 0.0 or mean_size == 0.0:
        return None
    often = counts.double().sqrt()  # (K,)
    rows, means = rows / row_size, means / mean_size * often[:, None]
    norm = _product_norm(rows, means)
    if norm == 0.0:
        return None
    whole = float(torch.linalg.vector_norm(often)) * math.sqrt(1 - 1 / len(rows))
    overlap = float(often @ (rows * means).sum(1))
    overlap -= float(rows.sum(0) @ (often @ means)) / len(rows)
    square = 2 - 2 * overlap / (norm * whole)
    if square > TRUSTED_SQUARE:
        return math.sqrt(square)
    total = 0.0
    for top in range(0, len(rows), TILE):
        block = rows[top : top + TILE] @ means.T / norm + often / (len(rows) * whole)
        block.diagonal(top).sub_(often[top : top + TILE] / whole)
        total += float(torch.linalg.vector_norm(block)) ** 2
    return math.sqrt(total)


def _product_norm(left: Tensor, right: Tensor) -> float:
    """|X Y'|, for many points as Tr X'X Y'Y, unless the two cancel each other."""
    if len(left) > left.shape[1]:
        inner, other = left.T @ left, right.T @ right
        square = float((inner * other).sum())
        if square > TRUSTED_SQUARE * float(inner.norm()) * float(other.norm()):
            return math.sqrt(square)
    return math.hypot(*(float((block @ right.T).norm()) for block in torch.split(left, TILE)))


def _direct_square(points: Tensor, target: Target, norm: float) -> float:
    """The squared deviation, entry by entry: nothing cancels."""
    total = 0.0
    for top in range(0, len(points), TILE):
        group = target.group[top : top + TILE]
        block = points[top : top + TILE] @ points.T / norm
        block -= target.core[group][:, target.group]
        block.diagonal(top).sub_(target.own[group])
        total += float(torch.linalg.vector_norm(block)) ** 2
    return total
