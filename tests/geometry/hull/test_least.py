"""Classes that cannot have the least margin are left alone, and no other ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nctool.geometry.hull import least, solver
from nctool.geometry.hull.cloud import Cloud
from tests.geometry.hull.hull_cases import language, normal, solved, stored, unit
from tests.support.point_sets import cloud, orthoplex, polygon
from tests.support.populations import Array

SETS: dict[str, Array] = {
    "few dimensions": cloud(1, 500, 5),
    "nearly the same": language(2, 450, 30, 1e-3),
    "many dimensions": cloud(3, 420, 150),
    "all alike": polygon(420),
    "many optima": orthoplex(210),
    "inside": normal(4, 450, 3),
}


# No bound from a class's own direction is above its margin, whatever float32 rounds.
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("far", [0.0, 1e4])
def test_own_bounds(name: str, far: float) -> None:
    rows = stored(SETS[name] + far)
    result = solved(rows)
    bounds = least.own_bounds(Cloud.of(torch.from_numpy(rows)), torch.arange(len(rows)))
    assert bool((bounds <= result.upper).all())


# Two points: each is as far from the other along its own direction as it is at all.
def test_own_bound_of_two() -> None:
    rows = torch.tensor([[3.0, 4.0], [-3.0, -4.0]]).double()
    bounds = least.own_bounds(Cloud.of(rows), torch.arange(2))
    assert bounds.tolist() == pytest.approx([10, 10], rel=1e-5)


# The least margin is that of all classes, and is certified, for whomever else it is not worked out.
@pytest.mark.parametrize("name", SETS)
def test_least(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "SAMPLE", 20)
    monkeypatch.setattr(solver, "SAMPLED_FROM", 100)
    rows = SETS[name]
    result, whole = solved(rows, least_only=True), solved(rows)
    assert float(result.value.min()) == pytest.approx(float(whole.value.min()), rel=2e-6, abs=1e-12)
    best = int(result.upper.argmin())
    assert bool(result.settled[best])
    assert bool((result.lower <= whole.upper).all())
    gap = float(result.upper[best] - result.lower.min())
    assert gap <= 1e-6 * float(result.upper[best]) + 1e-11


# Of classes that lie closely together here and there, few are looked at more than once.
def test_few_are_left() -> None:
    rows = unit(np.random.default_rng(0).standard_normal((3000, 6)))
    result = solved(rows, least_only=True)
    assert int(result.upper.isfinite().sum()) < 1500
