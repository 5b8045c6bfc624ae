"""Guards and reference values that several families use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from nctool.engine.fact import Undefined

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.geometry.points import Points, Storage

T = TypeVar("T")


def require(value: T | None) -> T:
    """What earlier checks promise; its absence is our mistake."""
    assert value is not None
    return value


def defined(value: T | Undefined) -> T:
    """A fact that may be undefined, where it is needed after all."""
    if isinstance(value, Undefined):
        raise value
    return value


def along(points: Points) -> float:
    """Rounding error of a point along one given direction."""
    return math.sqrt(points.storage.rounding / points.storage.dim)


def gram_noise(rows: Tensor, storage: Storage) -> float:
    """Storage rounding of rows (K, D), seen in their Gram matrix scaled to norm one."""
    from nctool.geometry.simplex import gram_norm

    size = float(rows.abs().max())  # fourth powers stay within range
    scaled = rows / size
    along = math.sqrt(storage.rounding / storage.dim) / size
    return along * math.sqrt(2 * len(rows)) * float(scaled.norm()) / gram_norm(scaled)


def mean_abs_cosine(dim: int) -> float:
    """E|cos| of two random directions."""
    return math.exp(math.lgamma(dim / 2) - math.lgamma((dim + 1) / 2)) / math.sqrt(math.pi)
