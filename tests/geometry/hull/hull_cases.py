"""What every answer of the margin solver has to satisfy, and point sets to ask it about."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from nctool.geometry.hull import Margins, margins
from tests.support.oracle.hull import distance_to_hull
from tests.support.populations import Array

ULP = 2.0**-52
NEAR_SHARE = 1e-12


def solved(
    rows: Array, gap: float = 1e-6, *, least_only: bool = False, memory: int = 4 << 30
) -> Margins:
    points = torch.from_numpy(np.ascontiguousarray(rows))
    return margins(points, gap=gap, least_only=least_only, memory=memory)


def reach(rows: Array) -> float:
    return float(np.linalg.norm(rows, axis=1).max())


def arithmetic(rows: Array) -> float:
    """As close as bounds in float64 may be expected to come."""
    dim: int = rows.shape[1]
    return 4 * (dim + 8) * ULP * reach(rows)


def some(rows: Array, most: int = 12) -> npt.NDArray[np.int64]:
    """At most so many classes, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64))


def encloses(rows: Array, result: Margins, which: npt.NDArray[np.int64]) -> None:
    """The bounds and the oracle's own have a number in common: its two sides are proven too."""
    rounding = 4 * ULP * reach(rows)
    for row in which:
        upper, lower, _ = distance_to_hull(rows[row], np.delete(rows, row, axis=0))
        assert float(result.lower[row]) <= upper * (1 + 1e-14) + rounding, row
        assert float(result.upper[row]) >= lower * (1 - 1e-14) - rounding, row


def closed(rows: Array, result: Margins, gap: float) -> None:
    """Every class is settled, and as closely as asked."""
    assert bool(result.settled.all())
    lower, upper = result.lower.numpy(), result.upper.numpy()
    assert (lower >= 0).all()
    assert (lower <= upper).all()
    assert (upper - lower <= gap * upper + max(arithmetic(rows), 2e-11 * reach(rows))).all()


def proves_itself(rows: Array, result: Margins, gap: float, which: npt.NDArray[np.int64]) -> None:
    """The supports alone give both bounds back: a point of the hull, and a plane before it."""
    slack = 2 * arithmetic(rows)
    for row in which:
        between = result.support(int(row))
        corners = np.array([other for other, _ in between])
        share = np.array([part for _, part in between])
        assert row not in corners
        assert len(set(corners.tolist())) == len(corners)
        assert (share > 0).all()
        assert abs(share.sum() - 1) < NEAR_SHARE
        upper, lower = float(result.upper[row]), float(result.lower[row])
        way = share @ (rows[row] - rows[corners])  # (D,)
        length = float(np.linalg.norm(way))
        assert abs(length - upper) <= slack, row
        if lower > 2 * slack:
            others = np.delete(rows, row, axis=0)
            plane = float(((rows[row] - others) @ way).min()) / length
            assert plane >= upper - 2 * gap * upper - 2 * slack, row


def holds(rows: Array, gap: float = 1e-6, most: int = 12) -> Margins:
    """All of the above."""
    result = solved(rows, gap)
    which = some(rows, most)
    encloses(rows, result, which)
    closed(rows, result, gap)
    proves_itself(rows, result, gap, which)
    return result


def unit(rows: Array) -> Array:
    scaled: Array = rows / np.linalg.norm(rows, axis=1)[:, None]
    return scaled


def normal(seed: int, classes: int, dim: int) -> Array:
    return np.random.default_rng(seed).standard_normal((classes, dim))


def stored(rows: Array) -> Array:
    """As float32 keeps it."""
    return rows.astype(np.float32).astype(np.float64)


def clustered(seed: int, classes: int, dim: int, groups: int, spread: float) -> Array:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((groups, dim))  # (G, D)
    around = random.standard_normal((classes, dim))  # (K, D)
    return unit(centres[random.integers(0, groups, classes)] + spread * around)


def language(seed: int, classes: int, dim: int, near: float) -> Array:
    """A common part, groups, a falling spectrum, and some rows almost the same as others."""
    random = np.random.default_rng(seed)
    fall = np.arange(1, dim + 1) ** -0.5  # (D,)
    groups = random.standard_normal((max(2, classes // 20), dim))  # (G, D)
    own = 0.6 * random.standard_normal((classes, dim))  # (K, D)
    rows = (groups[random.integers(0, len(groups), classes)] + own + 0.5) * fall  # (K, D)
    copies = classes // 6
    rows[:copies] = rows[copies : 2 * copies] + near * random.standard_normal((copies, dim)) * fall
    return unit(rows)


def noisy_simplex(classes: int, noise: float, seed: int = 0) -> Array:
    rows = np.eye(classes) - 1 / classes  # (K, K)
    return unit(unit(rows) + noise / np.sqrt(classes) * normal(seed, classes, classes))
