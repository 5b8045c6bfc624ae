"""Weights refined from float32 are those of float64, and what is not solved is not called so."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nctool.geometry.hull import programmes, quadratic_program
from nctool.geometry.hull.candidates import Candidates
from nctool.geometry.hull.cloud import Cloud
from nctool.geometry.hull.mixed_precision import refined
from nctool.geometry.hull.quadratic_program import SMALL, System
from tests.geometry.hull.hull_cases import clustered, normal
from tests.support.point_sets import orthoplex


def everybody(cloud: Cloud, rows: Tensor) -> Candidates:
    others = torch.arange(cloud.size).expand(len(rows), -1)
    return Candidates(rows, others, torch.zeros_like(others, dtype=torch.bool))


# The same weights as from float64 throughout, from a start that has every second row wrong.
@pytest.mark.parametrize("spread", [0.5, 1e-3])
def test_same_weights(spread: float) -> None:
    cloud = Cloud.of(torch.from_numpy(clustered(0, 130, 60, 10, spread)))
    part = everybody(cloud, torch.arange(9))
    rows = cloud.differences(part.rows, part.others)
    right, solved = quadratic_program.block_pivot(System.of(rows, part.valid), part.start)
    assert bool(solved.all())
    right = System.of(rows, part.valid).weights(right)
    start = right > 0
    start[:, ::2] = False
    coarse = System.of(rows.float(), part.valid)
    z, _ = quadratic_program.pivot(coarse, start)
    weights, solved = refined(rows, coarse, z > 0)
    assert int(solved.sum()) >= 6
    torch.testing.assert_close(weights[solved], right[solved], rtol=0, atol=1e-10)


# What a support that cannot be refined leaves is solved in float64 instead, to both signs.
@pytest.mark.parametrize("lie", ["nothing", "all", "unsolved"])
def test_fallback(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud.of(torch.from_numpy(normal(1, 80, 12)))
    part = everybody(cloud, torch.arange(80))

    def pivot(system: System, start: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.full_like(system.right, float(lie == "all"))
        return z, torch.full_like(start[:, 0], lie != "unsolved")

    expected = programmes.nearest(cloud, part, exact=True, steady=True)
    monkeypatch.setattr(programmes, "pivot", pivot)
    result = programmes.nearest(cloud, part, exact=True, steady=False)
    torch.testing.assert_close(result.residual, expected.residual, rtol=0, atol=1e-9)


# Rows that depend on each other give weights that satisfy the programme, or none.
def test_dependent_rows() -> None:
    cloud = Cloud.of(torch.from_numpy(orthoplex(60)))
    part = everybody(cloud, torch.arange(20))
    rows = cloud.differences(part.rows, part.others)
    weights, solved = refined(rows, System.of(rows.float(), part.valid), part.valid)
    residual = torch.bmm(weights[:, None, :], rows)[:, 0]
    slope = torch.bmm(residual[:, None, :], rows.mT)[:, 0] - residual.square().sum(1)[:, None]
    slope = torch.where(part.valid, slope, torch.inf)[solved]
    assert bool((slope > -1e3 * SMALL).all())
    assert bool((weights[solved] >= 0).all())


# Strips of a product by symmetry are the product.
@pytest.mark.parametrize("size", [95, 96, 97, 130])
def test_products(size: int) -> None:
    rows = torch.from_numpy(normal(2, 3 * size, 20)).view(3, size, 20)
    torch.testing.assert_close(quadratic_program.products(rows), rows @ rows.mT)


# A factor on a support of any size solves its equations and nothing else.
@pytest.mark.parametrize("held", [1, 60, 104, 105, 128, 140])
def test_factor(held: int) -> None:
    rows = torch.from_numpy(normal(3, 2 * 140, 200)).view(2, 140, 200)
    system = System.of(rows, torch.ones(2, 140, dtype=torch.bool))
    support = torch.zeros(2, 140, dtype=torch.bool)
    support[:, torch.randperm(140, generator=torch.Generator().manual_seed(0))[:held]] = True
    z, sound = quadratic_program.solve_on_support(system, support)
    assert bool(sound.all()) and not bool(z[~support].any())
    assert float((system.gradient(z) * support).abs().max()) < SMALL
