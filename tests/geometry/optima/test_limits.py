"""Limits derived again: by the polynomials behind them, by integrals, by codes that meet them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import roots_gegenbauer, roots_jacobi

from nctool.geometry.optima import families, limits
from nctool.geometry.optima.codes import Code
from nctool.geometry.optima.proven import OTHER_PROOFS, SHARP
from tests.geometry.optima.cosine_limits import (
    design_size,
    fejes_toth,
    largest_zero,
    levenshtein,
    levenshtein_count,
)

Values = NDArray[np.float64]
QUADRATURE = 60


def gegenbauer(dim: int, degree: int, at: Values) -> Values:
    """P_degree of D dimensions, one at one, by its recurrence."""
    before: Values = np.ones_like(at)
    last = at
    if degree == 0:
        return before
    for step in range(1, degree):
        before, last = last, ((2 * step + dim - 2) * at * last - step * before) / (step + dim - 2)
    return last


def kernel(dim: int, degree: int, right: int, cosine: float, at: Values) -> Values:
    """sum_i p_i(t) p_i(s), p_i orthonormal for (1 - t)(1 + t)^right times the sphere's weight."""
    a, b = 1 + (dim - 3) / 2, right + (dim - 3) / 2
    nodes, weights = roots_jacobi(QUADRATURE, a, b)
    points = np.concatenate([nodes, [cosine], at])
    basis: list[Values] = []
    for power in range(degree + 1):
        new = points**power
        for old in basis * 2:  # twice, against rounding
            new = new - (weights @ (new * old)[:QUADRATURE]) * old
        basis.append(new / math.sqrt(weights @ new[:QUADRATURE] ** 2))
    total: Values = np.zeros(len(at))
    for polynomial in basis:
        total += polynomial[QUADRATURE] * polynomial[QUADRATURE + 1 :]
    return total


def polynomial(dim: int, degree: int, cosine: float, at: Values) -> Values:
    """Levenshtein's: not positive up to the cosine, whatever the kernel is."""
    right = 1 - degree % 2
    inner = kernel(dim, (degree - 1) // 2, right, cosine, at)
    return (at - cosine) * (1 + at) ** right * inner**2


# The bound proved anew: f <= 0 up to s, its coefficients are >= 0, and f(1)/f_0 is the count.
@pytest.mark.parametrize("dim", [3, 4, 8, 21])
@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_levenshtein_is_a_linear_programme(dim: int, degree: int, share: float) -> None:
    half = (degree + 1) // 2
    ends = (
        (largest_zero(dim, half - 1, 1), largest_zero(dim, half, 0))
        if degree % 2
        else (largest_zero(dim, half, 0), largest_zero(dim, half, 1))
    )
    cosine = ends[0] + share * (ends[1] - ends[0])
    nodes, weights = roots_gegenbauer(QUADRATURE, (dim - 2) / 2)
    weights = weights / weights.sum()
    below = np.linspace(-1, cosine, 101)
    values = polynomial(dim, degree, cosine, np.concatenate([nodes, [1.0], below]))
    f, top, low = values[:QUADRATURE], values[QUADRATURE], values[QUADRATURE + 1 :]
    assert low.max() <= 1e-9 * top
    coefficients = []
    for order in range(degree + 1):
        base = gegenbauer(dim, order, nodes)
        coefficients.append(weights @ (f * base) / (weights @ base**2))
    assert min(coefficients) >= -1e-9 * top and coefficients[0] > 0
    assert sum(coefficients) == pytest.approx(top, rel=1e-9)
    assert levenshtein_count(dim, degree, cosine) == pytest.approx(top / coefficients[0], rel=1e-8)


# The count at the bound is K.
@pytest.mark.parametrize(("count", "dim"), [(7, 3), (100, 3), (100, 10), (1000, 64), (9999, 12)])
def test_levenshtein_reaches_the_count(count: int, dim: int) -> None:
    cosine = levenshtein(count, dim)
    counts = {
        degree: levenshtein_count(dim, degree, cosine)
        for degree in range(1, 60)
        if design_size(dim, degree) <= count <= design_size(dim, degree + 1)
    }
    assert counts and all(value == pytest.approx(count, rel=1e-9) for value in counts.values())


# Its known closed forms for few points.
def test_levenshtein_by_hand() -> None:
    for dim in (3, 10, 100):
        for cosine in np.linspace(0.01, 0.99, 5) * (math.sqrt(dim + 3) - 1) / (dim + 2):
            count = dim * (1 - cosine) * (2 + (dim + 1) * cosine) / (1 - dim * cosine**2)
            assert levenshtein_count(dim, 3, cosine) == pytest.approx(count)
    assert levenshtein(5, 9) == pytest.approx(-1 / 4)
    assert levenshtein(20, 10) == pytest.approx(0, abs=1e-12)


# Sharp codes meet it; other proved codes do not go below it.
@pytest.mark.parametrize("code", SHARP, ids=lambda code: f"{code.dim}-{code.classes}")
def test_sharp(code: Code) -> None:
    assert levenshtein(code.classes, code.dim) == pytest.approx(code.cosine, abs=1e-12)


@pytest.mark.parametrize("code", OTHER_PROOFS, ids=lambda code: f"{code.dim}-{code.classes}")
def test_not_below(code: Code) -> None:
    assert levenshtein(code.classes, code.dim) <= code.cosine + 1e-12
    if code.dim == 3:
        assert fejes_toth(code.classes) <= code.cosine + 1e-12


# The elliptic quadrics meet it for every field; nothing else of the families goes below it.
@pytest.mark.parametrize("size", [2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17])
def test_elliptic(size: int) -> None:
    whole = families.quadrangle(size, size * size)[0]
    assert whole.proof and levenshtein(whole.classes, whole.dim) == pytest.approx(
        whole.cosine, abs=1e-12
    )


# Fejes Tóth: triangle, tetrahedron, octahedron and icosahedron meet it.
def test_fejes_toth() -> None:
    for count, cosine in ((3, -1 / 2), (4, -1 / 3), (6, 0.0), (12, 1 / math.sqrt(5))):
        assert fejes_toth(count) == pytest.approx(cosine, abs=1e-12)


# Which of the two is better is known beyond a hundred points.
@pytest.mark.parametrize("count", [101, 150, 333, 1000, 3000])
def test_fejes_toth_is_better(count: int) -> None:
    assert fejes_toth(count) > levenshtein(count, 3)


# A cap of the angle behind the margin's limit covers the share d/K of the sphere.
@pytest.mark.parametrize(("count", "dim"), [(7, 3), (100, 10), (200, 30), (10_000, 512)])
def test_cap_area(count: int, dim: int) -> None:
    angle = math.asin(limits.cap(count, dim))
    grid = np.linspace(0, math.pi, 400_001)
    density = np.sin(grid) ** (dim - 2)
    share = np.trapezoid(np.where(grid <= angle, density, 0), grid) / np.trapezoid(density, grid)
    assert share == pytest.approx(dim / count, rel=1e-3)


# Its argument step by step: d + 1 points in a cap leave one of them that close to the others.
@pytest.mark.parametrize("seed", range(20))
def test_radon_in_a_cap(seed: int) -> None:
    random = np.random.default_rng(seed)
    dim, angle = int(random.integers(2, 9)), float(random.uniform(0.1, 1.5))
    across = random.normal(size=(dim + 1, dim - 1))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    tilt = random.uniform(0, angle, size=(dim + 1, 1))
    points = np.concatenate([np.cos(tilt), np.sin(tilt) * across], axis=1)
    relation = np.linalg.svd(points.T)[2][-1]
    sides = [np.where(sign * relation > 1e-12, sign * relation, 0) for sign in (1, -1)]
    assert min(side.sum() for side in sides) > 0
    hulls = [side / side.sum() @ points for side in sides]
    shorter = int(np.linalg.norm(hulls[0]) > np.linalg.norm(hulls[1]))
    longer = points[sides[1 - shorter] > 0]
    assert np.linalg.norm(hulls[shorter]) >= math.cos(angle) - 1e-12
    nearest = np.linalg.norm(longer - hulls[shorter], axis=1).min()
    assert nearest <= math.sin(angle) + 1e-12


# More points or fewer dimensions never loosen a limit.
def test_monotone() -> None:
    for dim in range(3, 40):
        for bound, sign in ((levenshtein, 1), (limits.cap, -1)):
            values = [sign * bound(count, dim) for count in range(2 * dim + 1, 8 * dim + 60)]
            assert all(b >= a - 1e-12 for a, b in pairwise(values))
            assert sign * bound(1000, dim) >= sign * bound(1000, dim + 1) - 1e-12
