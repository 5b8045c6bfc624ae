"""What a number is by chance, by how much that varies, and how both are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MOST_POINTS, MOST_DIMENSIONS = 200_000, 16_384
"""Beyond these nothing has been tried, and nothing is said."""
EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Null:
    """The value of structureless points, and the standard deviation of one draw of them."""

    value: float
    sd: float | None  # None where it is infinite or not known
    source: str  # "exact", "formula: ...", "simulated: 100 draws, seed 0"

    def map(self, scale: float, shift: float = 0.0) -> Null:
        """Of ``scale`` times the number plus ``shift``."""
        sd = None if self.sd is None else abs(scale) * self.sd
        return Null(scale * self.value + shift, sd, self.source)

    def plus(self, other: Null) -> Null:
        """Of the sum of two numbers that know nothing of each other."""
        known = self.sd is not None and other.sd is not None
        sd = math.hypot(self.sd or 0.0, other.sd or 0.0) if known else None
        return Null(self.value + other.value, sd, f"{self.source}; within, {other.source}")

    def of_equal(self, sizes: object | None) -> Null:
        """The same, saying that unequal class sizes were taken for equal ones."""
        return self if sizes is None else replace(self, source=f"{self.source}; equal classes")


def covers(count: int, dim: int) -> bool:
    """Is anything known of so many points in so many dimensions?"""
    return 2 <= count <= MOST_POINTS and 2 <= dim <= MOST_DIMENSIONS


def of_draws(values: Array, how: str = "simulated") -> Null:
    """Mean and standard deviation of a number over draws (B,)."""
    source = f"{how}: {len(values)} draws, seed 0"
    return Null(float(values.mean()), float(values.std(ddof=1)), source)


def median_of_draws(values: Array, how: str = "simulated") -> Null:
    """For a number whose mean or variance is infinite: quartiles say where it lies.

    The spread is the interquartile range, divided by that of a normal distribution.
    """
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    source = f"median, spread by quartiles, {how}: {len(values)} draws, seed 0"
    return Null(float(middle), float((high - low) / 1.349), source)


def over_quantiles(number: Callable[[Array], Array], nodes: int, source: str) -> Null:
    """Mean and standard deviation of a number given as a function of its quantile."""
    values = number((np.arange(nodes) + 0.5) / nodes)
    return Null(float(values.mean()), float(values.std()), source)
