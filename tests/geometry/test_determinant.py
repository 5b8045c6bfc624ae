"""Log-determinants of Gaussian kernel matrices: closed forms, long arithmetic, what is optimal."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nctool.geometry import determinant
from nctool.geometry.determinant import LogDeterminant, log_determinant
from nctool.geometry.energy_optima import largest_log_determinant
from tests.support.point_sets import cloud, etf, orthoplex
from tests.support.populations import Array


def determinant_of(rows: Array) -> LogDeterminant:
    result = log_determinant(torch.from_numpy(rows))
    assert result is not None
    return result


def kernel(rows: Array) -> Array:
    square = np.array([((row - rows) ** 2).sum(1) for row in rows])
    matrix: Array = np.exp(-square)
    return matrix


def eliminated(rows: Array) -> float:
    """By Gaussian elimination in extended precision, from differences."""
    long = rows.astype(np.longdouble)
    work = np.exp(-np.array([((row - long) ** 2).sum(1) for row in long]))
    total = np.longdouble(0)
    for k in range(len(work)):
        total += np.log(work[k, k])
        work[k + 1 :, k:] -= np.outer(work[k + 1 :, k] / work[k, k], work[k, k:])
    return float(total)


def close_pairs(width: float) -> Array:
    """Three pairs of neighbours among twenty directions."""
    rows = cloud(3, 20, 10)
    rows[10:13] = rows[:3] + width * rows[3:6]
    unit: Array = rows / np.linalg.norm(rows, axis=1)[:, None]
    return unit


# The simplex has one off-diagonal entry, so its eigenvalues are known; so are tabulated values.
@pytest.mark.parametrize(
    ("classes", "dim", "value"), [(4, 3, -0.026707), (10, 24, -0.351590), (100, 99, -11.438205)]
)
def test_simplex(classes: int, dim: int, value: float) -> None:
    best = largest_log_determinant(classes, dim)
    assert best is not None and best.source.startswith("exact: ")
    assert best.value == pytest.approx(value, abs=1e-6)
    assert determinant_of(etf(classes, dim)).value == pytest.approx(best.value, rel=1e-12)


# So are those of the cross-polytope, from its three eigenvalues.
@pytest.mark.parametrize("dim", [2, 3, 8, 40])
def test_orthoplex(dim: int) -> None:
    b, c = math.exp(-4), math.exp(-2)
    expected = dim * math.log1p(-b) + (dim - 1) * math.log(1 + b - 2 * c)
    expected += math.log(1 + b + (2 * dim - 2) * c)
    assert determinant_of(orthoplex(dim)).value == pytest.approx(expected, rel=1e-12)


# However the matrix is blocked, its determinant is that of the whole.
@pytest.mark.parametrize("rows", [1, 7, 512])
def test_blocks(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(determinant, "ROWS", rows)
    points = cloud(1, 40, 6)
    expected = np.linalg.slogdet(kernel(points))[1]
    assert determinant_of(points).value == pytest.approx(expected, rel=1e-11)


# Two points have the determinant 1 - exp(-2 rho^2): where it is given it has its digits, and the
# estimate says how many; where they are gone none is given.
@pytest.mark.parametrize("width", [1.0, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 3e-9])
def test_two_points(width: float) -> None:
    rows = np.array([[1.0, 0.0], [math.cos(width), math.sin(width)]])
    square = ((rows[0] - rows[1]) ** 2).sum()
    expected = math.log(-math.expm1(-2 * square))
    result = log_determinant(torch.from_numpy(rows))
    assert (result is not None and result.significant) == (width >= 1e-5)
    if result is not None and result.significant:
        assert abs(result.value - expected) <= result.rounding
        assert result.value == pytest.approx(expected, rel=determinant.SIGNIFICANT)


# The same among others.
@pytest.mark.parametrize("width", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
def test_close_pairs(width: float) -> None:
    rows = close_pairs(width)
    result = log_determinant(torch.from_numpy(rows))
    assert (result is not None and result.significant) == (width >= 1e-5)
    if result is not None and result.significant:
        assert abs(result.value - eliminated(rows)) <= result.rounding


# Equal rows make it singular, and many points in the plane do but for rounding.
def test_singular() -> None:
    rows = cloud(4, 5, 3)
    rows[3] = rows[1]
    for points in (rows, cloud(5, 40, 2)):
        result = log_determinant(torch.from_numpy(points))
        assert result is None or not result.significant


# No K <= d+1 directions beat the simplex: not random ones, nor any in its neighbourhood.
@pytest.mark.parametrize(("classes", "dim"), [(3, 3), (4, 5), (5, 5), (6, 5)])
def test_simplex_is_best(classes: int, dim: int) -> None:
    best = largest_log_determinant(classes, dim)
    assert best is not None
    random, perfect = np.random.default_rng(classes), etf(classes, dim)
    for width in (1e-3, 1e-2, 0.1, 1.0, 1e3):
        rows = perfect + width * random.standard_normal(perfect.shape)
        rows /= np.linalg.norm(rows, axis=1)[:, None]
        assert determinant_of(rows).value < best.value
    assert determinant_of(np.eye(6)[:classes]).value < best.value


# Ascending from random directions leads to the simplex, and no further.
def test_ascent() -> None:
    best = largest_log_determinant(4, 5)
    assert best is not None
    rows = torch.from_numpy(cloud(6, 4, 5)).requires_grad_()
    climb = torch.optim.LBFGS([rows], max_iter=200, tolerance_change=1e-14)

    def loss() -> torch.Tensor:
        climb.zero_grad()
        unit = rows / rows.norm(dim=1, keepdim=True)
        lost = -torch.logdet((2 * unit @ unit.T - 2).exp())
        lost.backward()  # type: ignore[no-untyped-call]
        return lost

    climb.step(loss)  # type: ignore[no-untyped-call]
    assert -float(loss().detach()) == pytest.approx(best.value, abs=1e-9)


# Where the simplex does not fit nothing is claimed.
def test_unknown() -> None:
    assert largest_log_determinant(5, 3) is None
