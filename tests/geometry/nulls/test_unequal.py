"""Chance levels of class means whose classes are of unequal size, against fresh draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import nctool
from nctool.geometry import nulls
from nctool.geometry.energy import energies
from nctool.geometry.hull import margins
from nctool.geometry.simplex import etf_deviation
from tests.geometry.nulls.simulation import Array, agree

POPULATIONS = (((100, 10, 10), 8), ((2, 90, 90, 90, 90), 6), ((3,) * 5 + (60,) * 5, 40))

each_centre = pytest.mark.parametrize("by_sample", [False, True])


def means(counts: tuple[int, ...], dim: int, by_sample: bool, seed: int) -> Array:
    """Of Gaussian samples: their scatter is one over the root of their number."""
    sizes = np.array(counts, dtype=float)
    points = np.random.default_rng([5, seed, dim, *counts]).standard_normal((len(counts), dim))
    points /= np.sqrt(sizes)[:, None]
    centre: Array = sizes @ points / sizes.sum() if by_sample else points.mean(0)
    return points - centre


# Few classes are drawn with their sizes, about the mean that they are centred on.
@each_centre
@pytest.mark.parametrize(("counts", "dim"), POPULATIONS)
def test_few_classes(counts: tuple[int, ...], dim: int, by_sample: bool) -> None:
    sizes, seen = nulls.Unequal(tuple(map(float, counts)), by_sample), []
    for seed in range(100):
        points = torch.from_numpy(means(counts, dim, by_sample, seed))
        unit = points / points.norm(dim=1, keepdim=True)
        least = float(margins(unit, gap=1e-4).value.min())
        apart = energies(unit).separation
        seen.append((etf_deviation(points, points), least, apart, 1 - apart**2 / 2))
    of = len(counts), dim, True, sizes
    levels: tuple[Callable[..., nulls.Null | None], ...] = (
        nulls.etf_deviation, nulls.least_margin, nulls.separation, nulls.max_cosine,
    )  # fmt: skip
    for values, level in zip(np.array(seen, dtype=float).T, levels, strict=True):
        # A few draws far out make the spread, which a hundred draws tell to a factor of two.
        agree(values, level(*of), 0.0, 1.0)
    # Of equal classes that would be another number: what is tested can fail.
    equal, unequal = nulls.etf_deviation(len(counts), dim, True), nulls.etf_deviation(*of)
    assert equal is not None and unequal is not None and unequal.sd is not None
    assert unequal.value > equal.value + unequal.sd / 2


# Many classes have the distance from the simplex by a formula; what has none says "equal classes".
@each_centre
def test_many_classes(by_sample: bool) -> None:
    counts = (20,) * 30 + (100,) * 30
    sizes = nulls.Unequal(tuple(map(float, counts)), by_sample)
    drawn = []
    for seed in range(30):
        points = torch.from_numpy(means(counts, 40, by_sample, seed))
        drawn.append(etf_deviation(points, points))
    null = nulls.etf_deviation(60, 40, True, sizes)
    assert null is not None
    assert np.mean(np.array(drawn, dtype=float)) == pytest.approx(null.value, rel=0.01)
    for level in (nulls.least_margin, nulls.max_cosine, nulls.separation):
        other = level(60, 40, True, sizes)
        assert other is not None and other.source.endswith("equal classes")


# The analysis hands over the sizes, in any order, once they are further apart than a factor of 1.5.
def test_through_analysis() -> None:
    random = np.random.default_rng(0)
    for counts, unequal in (((12, 8, 9, 10), False), ((4, 30, 30, 8), True)):
        features = random.standard_normal((sum(counts), 6))
        labels = np.repeat(np.arange(4), counts)
        found = nctool.analyze(features=features, labels=labels, metrics="nc2.etf_deviation")
        sizes = nulls.Unequal(tuple(sorted(map(float, counts))), False) if unequal else None
        expected = nulls.etf_deviation(4, 6, True, sizes)
        assert expected is not None
        assert found["nc2.etf_deviation.means"].null_value == expected.value
