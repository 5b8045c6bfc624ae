"""The linear programming bound: sharp where it is known to be, below every code, and rigorous."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch
from scipy.integrate import quad
from scipy.special import eval_gegenbauer

from nctool.geometry import delsarte
from nctool.geometry.delsarte import energy_bound, gegenbauer, potential
from nctool.geometry.energy import energies
from nctool.geometry.energy_optima import (
    BOUND,
    ORTHOPLEX,
    POLYGON,
    SIMPLEX,
    least_energy,
    least_newtonian,
)
from nctool.geometry.no_bound import NoBound
from nctool.geometry.nulls import random_level
from tests.support.point_sets import cell600, cloud, etf, icosahedron, orthoplex, polygon, sharp
from tests.support.populations import Array

SHARP = 1e-8
"""The program stops where it is this near."""

POWERS = (0, 1, 2)
SHAPES = ((8, 6), (24, 4), (30, 3), (40, 12))


def energy(rows: Array, power: int) -> float:
    measured = energies(torch.from_numpy(rows)).riesz
    assert measured is not None
    return measured[power].mean


def relaxed(classes: int, dim: int, power: int) -> Array:
    """A code that descended from random directions."""
    rows = torch.from_numpy(cloud(classes, classes, dim)).requires_grad_()
    climb = torch.optim.LBFGS([rows], max_iter=60, line_search_fn="strong_wolfe")
    pairs = torch.triu_indices(classes, classes, 1)

    def loss() -> torch.Tensor:
        climb.zero_grad()
        unit = rows / rows.norm(dim=1, keepdim=True)
        square = 2 - 2 * (unit @ unit.T)[pairs[0], pairs[1]]
        lost: torch.Tensor = -square.log().mean() if power == 0 else square.pow(-power / 2).mean()
        lost.backward()  # type: ignore[no-untyped-call]
        return lost

    climb.step(loss)  # type: ignore[no-untyped-call]
    unit: Array = rows.detach().numpy()
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    return unit


# The polynomials are Gegenbauer's, one at 1, never more, and their derivatives are theirs in two
# dimensions more.
@pytest.mark.parametrize("dim", [3, 4, 7, 50, 4096])
def test_polynomials(dim: int) -> None:
    cosine = np.linspace(-1, 1, 401)
    rows = gegenbauer(dim, 12, cosine)
    assert np.abs(rows).max() <= 1 + 1e-12
    assert rows[:, -1] == pytest.approx(np.ones(13))
    if dim < 100:
        for degree in range(13):
            known = eval_gegenbauer(degree, dim / 2 - 1, cosine)
            assert rows[degree] == pytest.approx(known / known[-1], abs=1e-10)
    weights = np.random.default_rng(0).random(13)
    inner = np.linspace(-0.9, 0.9, 19)
    for order in (1, 2, 3):
        step = 1e-6

        def value(at: Array, order: int = order) -> Array:
            return delsarte._polynomial(weights, dim, at, order - 1)

        slope = (value(inner + step) - value(inner - step)) / (2 * step)
        exact = delsarte._polynomial(weights, dim, inner, order)
        assert exact == pytest.approx(slope, rel=1e-5, abs=1e-5)


# Derivatives of the potentials are what differences say.
@pytest.mark.parametrize("power", POWERS)
def test_potentials(power: int) -> None:
    cosine, step = np.linspace(-0.9, 0.9, 19), 1e-6
    rho = np.sqrt(2 - 2 * cosine)
    expected = -np.log(rho) if power == 0 else rho**-power
    assert potential(power, cosine) == pytest.approx(expected, rel=1e-14, abs=1e-14)
    for order in (1, 2):
        after, before = (potential(power, cosine + s, order - 1) for s in (step, -step))
        slope = (after - before) / (2 * step)
        assert potential(power, cosine, order) == pytest.approx(slope, rel=1e-6)


# Sharp codes have exactly the energy that the program allows.
@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(
    "rows",
    [etf(4), etf(20), orthoplex(3), orthoplex(40), icosahedron(), sharp(16), sharp(27), sharp(56),
     sharp(240), cell600()],
    ids=["simplex-4", "simplex-20", "orthoplex-3", "orthoplex-40", "icosahedron", "5-16", "6-27",
         "7-56", "E8", "600-cell"],
)  # fmt: skip
def test_sharp(rows: Array, power: int) -> None:
    value, bound = energy(rows, power), energy_bound(*rows.shape, power)
    assert value - SHARP < bound <= value + 1e-13


# Known values of the bound elsewhere: of the 24-cell, which it misses, and where codes were sought.
@pytest.mark.parametrize(
    ("classes", "dim", "power", "bound", "reached"),
    [
        (24, 4, 2, 0.60354635, 0.6050724638),
        (100, 10, 2, 0.541021, 0.542034),
        (100, 10, 1, 0.727632, 0.728030),
        (100, 20, 2, 0.511590, 0.511943),
        (100, 64, 2, 0.496375, 0.496769),
    ],
)
def test_known(classes: int, dim: int, power: int, bound: float, reached: float) -> None:
    assert energy_bound(classes, dim, power) == pytest.approx(bound, abs=1e-6)
    assert energy_bound(classes, dim, power) < reached


# No code is below it, random or optimised, and optimised ones are near.
@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(("classes", "dim"), SHAPES)
def test_below_codes(classes: int, dim: int, power: int) -> None:
    bound = energy_bound(classes, dim, power)
    value = energy(relaxed(classes, dim, power), power)
    assert bound < value < bound + 0.01
    assert value < energy(cloud(1, classes, dim), power)


# What is taken off for the places between the points of the grid is at least what an ever finer
# look finds there, and hardly more: for the program's polynomials and for careless ones.
@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("dim", [3, 6, 64])
@pytest.mark.parametrize("careless", [False, True])
@pytest.mark.parametrize("cells", [4, delsarte.CHECK_GRID])
def test_excess(cells: int, careless: bool, dim: int, power: int) -> None:
    grid = delsarte._chebyshev(40)
    solved = delsarte._solve(5 * dim, dim, power, grid)
    assert solved is not None
    if careless:
        solved = solved + np.random.default_rng(dim).random(len(solved)) * 0.01
    excess = delsarte._excess(solved, dim, power, delsarte._chebyshev(cells))
    fine = delsarte._chebyshev(200_000)
    seen = (delsarte._polynomial(solved, dim, fine) - potential(power, fine)).max()
    assert 0 < seen <= excess <= seen * (1 + 1e-4) + 1e-12


# A coarse first grid gives the same bound: the grid grows where it must.
def test_growing_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = energy_bound(40, 12, 2)
    monkeypatch.setattr(delsarte, "FIRST_GRID", 60)
    assert energy_bound.__wrapped__(40, 12, 2) == pytest.approx(expected, abs=SHARP)


# From a hundred points to a vocabulary: above the bound of the simplex, below random points.
@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(
    ("classes", "dim"),
    [
        (514, 512),
        (1000, 64),
        (10_000, 512),
        (50_257, 768),
        (128_256, 4096),
        (130_000, 5),
        (5000, 4),
    ],
)
def test_large(classes: int, dim: int, power: int) -> None:
    square = 2 * classes / (classes - 1)
    simplex = -math.log(square) / 2 if power == 0 else square ** (-power / 2)
    random = random_level(power, dim)
    assert random is not None
    assert simplex < energy_bound(classes, dim, power) < random


# What random points have is an integral over the cosine.
@pytest.mark.parametrize("dim", [2, 3, 4, 5, 10, 64, 4096])
@pytest.mark.parametrize("power", (-1, *POWERS))
def test_random(dim: int, power: int) -> None:
    value = random_level(power, dim)
    assert (value is None) == (power >= dim - 1)
    if value is None:
        return
    density = math.lgamma(dim / 2) - math.lgamma((dim - 1) / 2) - math.log(math.pi) / 2

    def integrand(angle: float) -> float:
        rho = 2 * math.sin(angle / 2)
        kernel = -math.log(rho) if power == 0 else rho**-power
        return kernel * math.exp(density + (dim - 2) * math.log(math.sin(angle)))

    # Beyond fifteen standard deviations from a right angle there is nothing.
    reach = min(math.pi / 2, 15 / math.sqrt(dim))
    middle = math.pi / 2
    expected = sum(
        quad(integrand, *part, epsabs=1e-10, epsrel=1e-10, limit=200)[0]
        for part in ((middle - reach, middle), (middle, middle + reach))
    )
    assert value == pytest.approx(expected, rel=1e-8)


# Simplex, polygon and cross-polytope are exact, and their own energies say so; elsewhere the
# program answers; on a line there is nothing to say.
@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(
    ("rows", "source"),
    [(etf(5, 9), SIMPLEX), (etf(2, 1), SIMPLEX), (polygon(7), POLYGON), (polygon(4), POLYGON),
     (orthoplex(3), ORTHOPLEX), (orthoplex(30), ORTHOPLEX)],
)  # fmt: skip
def test_exact(rows: Array, source: str, power: int) -> None:
    classes, dim = rows.shape
    best = least_energy(classes, dim, power)
    assert best is not None and best.source == source
    assert best.value == pytest.approx(energy(rows, power), rel=1e-13)


def test_otherwise() -> None:
    bound = least_energy(40, 12, 1)
    assert bound is not None and bound.source == BOUND
    assert bound.value == energy_bound(40, 12, 1)
    assert least_energy(3, 1, 2) is None


# The Newtonian energy as well; beyond four dimensions only where it is exact.
@pytest.mark.parametrize("rows", [etf(5, 9), etf(300, 4096), orthoplex(3), orthoplex(200)])
def test_newtonian(rows: Array) -> None:
    best, measured = least_newtonian(*rows.shape), energies(torch.from_numpy(rows)).newton
    assert best is not None and measured is not None and best.source.startswith("exact")
    assert best.value == pytest.approx(measured.mean, rel=1e-12)


def test_newtonian_otherwise() -> None:
    three, four = least_newtonian(12, 3), least_newtonian(24, 4)
    assert three is not None and three.value == pytest.approx(math.log(0.7449280766), abs=1e-7)
    assert four is not None and four.value == pytest.approx(math.log(0.60354635), abs=1e-6)
    assert least_newtonian(40, 12) is None and least_newtonian(5, 2) is None


# Where the program fails there is no bound, and the reason says for what.
def test_no_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        x = None

    monkeypatch.setattr(scipy.optimize, "linprog", lambda *_, **__: Nothing())
    with pytest.raises(NoBound, match=r"failed for K = 41, d = 12"):
        energy_bound(41, 12, 2)


# Weights that the solver leaves a little below zero are zero: the bound needs none to be negative.
def test_negative_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        x = np.where(np.arange(delsarte.DEGREE + 1) % 2, 1.0, -1e-10)

    monkeypatch.setattr(scipy.optimize, "linprog", lambda *_, **__: Found())
    solved = delsarte._solve(41, 12, 2, delsarte._chebyshev(9))
    assert solved is not None and solved[0] < 0 <= solved[1:].min()
    assert solved == pytest.approx(Found.x, abs=1e-9)


# Where only a later round fails, the polynomial before it still bounds, less what it exceeds.
def test_late_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, solve = energy_bound(100, 10, 2), delsarte._solve
    rounds: list[int] = []

    def once(count: int, dim: int, power: int, grid: Array) -> Array | None:
        rounds.append(len(grid))
        return solve(count, dim, power, grid) if len(rounds) == 1 else None

    monkeypatch.setattr(delsarte, "_solve", once)
    weaker = energy_bound.__wrapped__(100, 10, 2)
    assert len(rounds) == 2 and expected - 1e-3 < weaker < expected
