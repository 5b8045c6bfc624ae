"""Pairs of points tile by tile, against every difference and every cosine written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nctool.geometry import pairs, tiles
from nctool.geometry.pairs import Pairs
from nctool.geometry.survey import survey
from tests.support.point_sets import cloud, etf
from tests.support.populations import Array

DOUBLE, SINGLE = 1e-11, 1e-6
"""Relative: float64 products, and float32 ones where they are allowed."""


def spread(lengths: float) -> Array:
    return cloud(1, 150, 40) * np.exp(lengths * cloud(2, 150, 1))


def common(size: float) -> Array:
    """Points about one that is so many times as long as what they differ by."""
    return spread(0.3) + size * cloud(3, 1, 40)


def crowds() -> Array:
    return cloud(4, 8, 40)[np.arange(150) % 8] + 0.01 * cloud(5, 150, 40)


def tight(lengths: float) -> Array:
    """Crowds one after another, each so narrow that all of a tile are close."""
    first = np.arange(150) // 75
    rows = cloud(4, 2, 40) * np.exp(lengths * np.arange(1, -1, -1))[:, None]
    crowds: Array = rows[first] * (1 + 1e-3 * cloud(5, 150, 40))
    return crowds


def pair(width: float) -> Array:
    rows = spread(0.0)
    rows[70] = rows[3] + width * rows[4]
    return rows


SETS: dict[str, Callable[[], Array]] = {
    "alike": lambda: spread(0.0),
    "unlike": lambda: spread(1.0),
    "decades": lambda: spread(6.0),
    "common": lambda: common(3.0),
    "narrow": lambda: common(300.0),
    "crowds": crowds,
    "tight crowds": lambda: tight(0.3),
    "tight crowds, unlike": lambda: tight(2.0),
    "many decades": lambda: spread(30.0),
    "pair": lambda: pair(1e-3),
    "nearly one": lambda: pair(1e-9),
    "simplex": lambda: etf(150, 160),
    "huge": lambda: 1e60 * spread(0.3),
    "tiny": lambda: 1e-60 * spread(0.3),
}
VARIANCES = np.linspace(0.5, 2.0, 150)


def surveyed(rows: Array, power: int = 1, resolution: float = 0.0) -> Pairs:
    square = float((rows**2).sum(1).mean())
    variances = torch.from_numpy(square * VARIANCES)
    points = torch.from_numpy(rows)
    return survey(points, variances=variances, power=power, resolution=resolution).pairs


def by_hand(rows: Array) -> dict[str, Array]:
    others = ~np.eye(len(rows), dtype=bool)
    square = np.array([((row - rows) ** 2).sum(1) for row in rows])
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    apart = np.array([((row - unit) ** 2).sum(1) for row in unit])
    cosine = np.where(apart < 0.5, 1 - apart / 2, unit @ unit.T)
    variance = float((rows**2).sum(1).mean()) * VARIANCES
    inverse = 1 / np.where(others, square, np.inf)
    gap = np.abs(cosine + 1 / (len(rows) - 1))
    return {
        "mean_cosine": cosine[others].mean(),
        "cosine_std": cosine[others].std(),
        "class_gap": (gap * others).sum(1) / (len(rows) - 1),
        "class_max_cosine": np.where(others, cosine, -2).max(1),
        "nearest": np.where(others, square, np.inf).min(1),
        "cdnv": (inverse * (variance[:, None] + variance) / 2).sum(1) / (len(rows) - 1),
        "inverse_square": inverse[others].mean(),
    }


# Whatever the tile and the precision, every number is that of all pairs: for lengths over many
# decades, about a common direction, in crowds, beside a pair that nearly coincides, at any scale.
@pytest.mark.parametrize("double", [0, 4096])
@pytest.mark.parametrize("name", SETS)
def test_every_pair(name: str, double: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 64)
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", double)
    rows = SETS[name]()
    measured, limit = surveyed(rows), DOUBLE if double else SINGLE
    for field, expected in by_hand(rows).items():
        value = np.asarray(getattr(measured, field))
        # Cosines are as exact as the rows of length one that they are made of.
        slack = 1e-13 if double or name == "simplex" else 1e-8
        cosine = slack if "cosine" in field or field == "class_gap" else 0.0
        assert value == pytest.approx(expected, rel=limit, abs=cosine), field
    assert measured.max_cosine == pytest.approx(float(by_hand(rows)["class_max_cosine"].max()))
    assert measured.class_max_cosine is not None
    assert measured.max_cosine == float(measured.class_max_cosine.max())
    assert measured.coincident_count == 0


# The closest two are told in float64, whatever products said.
def test_closest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", 0)
    rows = spread(0.3)
    expected = float(by_hand(rows)["class_max_cosine"].max())
    assert surveyed(rows).max_cosine == pytest.approx(expected, rel=1e-14)


# With an exponent distances are raised to it, at any scale.
@pytest.mark.parametrize("scale", [1.0, 1e30])
@pytest.mark.parametrize("double", [0, 4096])
def test_power(scale: float, double: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", double)
    rows = spread(0.3)
    others = ~np.eye(len(rows), dtype=bool)
    square = np.array([((row - rows) ** 2).sum(1) for row in rows])
    variance = float((rows**2).sum(1).mean()) * VARIANCES
    inverse = np.where(others, square, np.inf) ** -2.0
    expected = (inverse * (variance[:, None] + variance) / 2).sum(1) / (len(rows) - 1)
    cdnv = surveyed(scale * rows, power=2).cdnv
    assert cdnv is not None
    assert cdnv.numpy() == pytest.approx(expected / scale**2, rel=DOUBLE if double else SINGLE)


# Float32 products that leave too few digits of how cosines differ are made again in float64.
def test_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", 0)
    rows = etf(100, 120) + 1e-6 * cloud(6, 100, 120)
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    cosine = (unit @ unit.T)[~np.eye(100, dtype=bool)]
    measured = survey(torch.from_numpy(rows)).pairs
    assert measured.flat() and measured.cosine_std == pytest.approx(cosine.std(), rel=1e-6)
    monkeypatch.setattr(pairs, "FLAT", 0.0)
    single = survey(torch.from_numpy(rows)).pairs.cosine_std
    assert single is not None and abs(single / cosine.std() - 1) > 1e-6


# What float32 cannot hold is taken in float64: squares of inverses of close points' distances.
def test_out_of_range(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = spread(0.3)
    rows[70] = rows[3] + 1e-11 * rows[4]
    double = surveyed(rows, power=2).cdnv
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", 0)
    single = surveyed(rows, power=2).cdnv
    assert single is not None and double is not None
    assert single.numpy() == pytest.approx(double.numpy(), rel=SINGLE)


# Points closer than the resolution are counted, and some named; a point of zeros has no cosine
# but distances.
@pytest.mark.parametrize("double", [0, 4096])
def test_coincident(double: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 64)
    monkeypatch.setattr(tiles, "DOUBLE_COUNT", double)
    rows = spread(0.3)
    rows[100] = rows[101] = rows[7]
    rows[20], rows[21] = 1e-9 * rows[20], 0.0
    near = surveyed(rows, resolution=1e-6)
    assert near.coincident_count == 4 and near.cdnv is None
    assert set(near.coincident) == {(7, 100), (7, 101), (100, 101), (20, 21)}
    apart = surveyed(rows)
    assert apart.coincident_count == 3 and apart.zero == (21,)
    assert apart.mean_cosine is None and apart.class_gap is None
    expected = ((rows[20] - rows[21]) ** 2).sum()
    assert float(apart.nearest[21]) == pytest.approx(expected, rel=SINGLE)
