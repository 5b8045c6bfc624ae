"""Structureless points drawn afresh: every coordinate, and nothing shared with the package."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nctool.geometry.nulls import Null

Array = npt.NDArray[np.float64]

SIZES = (
    (2, 5), (3, 3), (3, 64), (4, 4), (5, 16), (6, 6), (8, 300), (10, 5), (10, 64), (12, 30),
    (20, 12), (20, 100), (24, 8), (30, 40), (40, 200), (52, 6), (60, 30), (70, 100), (100, 16),
    (120, 60),
)  # fmt: skip
"""Twenty (K, d), none of which any table was fitted at."""


def structureless(count: int, dim: int, centred: bool, seed: int) -> Array:
    """(K, d) Gaussian rows, less their mean if class means."""
    points = np.random.default_rng([17, seed, count, dim]).standard_normal((count, dim))
    return points - points.mean(0) if centred else points


def directions(count: int, dim: int, centred: bool, seed: int) -> Array:
    points = structureless(count, dim, centred, seed)
    unit: Array = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit


def agree(drawn: Array, null: Null | None, slack: float = 0.0, spread: float = 0.35) -> None:
    """The mean of fresh draws (B,) is at the null value but for the error of both means.

    ``slack`` is what a formula may be off, in standard deviations of one draw; a simulated null has
    an error of its own, at most that of 32 draws. Four standard errors: there are some 200 checks.
    """
    assert null is not None and null.sd is not None
    sd = float(drawn.std(ddof=1))
    if null.source == "exact" and null.sd == 0:
        assert np.abs(drawn - null.value).max() <= 1e-12
        return
    error = math.sqrt(1 / len(drawn) + (1 / 32 if "simulated" in null.source else 0))
    assert abs(float(drawn.mean()) - null.value) <= (slack + 4 * error) * sd
    # A standard deviation of B draws is good to 1/sqrt(2B), and more where tails are heavy.
    assert 1 / (1 + spread) < sd / null.sd < 1 + spread + 4 / math.sqrt(2 * len(drawn))
