"""Guards and reference values that several families use."""

from __future__ import annotations

import math
from typing import TypeVar

from nctool.engine.fact import Undefined

T = TypeVar("T")

FEW_FOR_NULL = 4
"""With fewer points the centring itself fixes most angles; random values say nothing."""


def require(value: T | None) -> T:
    """What earlier checks promise; its absence is our mistake."""
    assert value is not None
    return value


def defined(value: T | Undefined) -> T:
    """A fact that may be undefined, where it is needed after all."""
    if isinstance(value, Undefined):
        raise value
    return value


def mean_abs_cosine(dim: int) -> float:
    """E|cos| of two random directions, to first order."""
    return math.sqrt(2 / (math.pi * dim))
