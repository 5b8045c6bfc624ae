"""Margins of many classes, of which each process solves some."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nctool.engine.group import ALONE, Group
from nctool.geometry.hull import Margins, margins
from tests.support.ranks import on_ranks

GAP = 1e-6


def points(classes: int, dim: int) -> Tensor:
    random = torch.Generator().manual_seed(classes)
    rows = torch.randn(classes, dim, generator=random, dtype=torch.float64)
    rows /= rows.norm(dim=1, keepdim=True)
    rows[-1] = rows[-2]  # two that coincide
    return rows


def found(group: Group, classes: int, dim: int, least_only: bool) -> tuple[Margins, int]:
    done = []
    rows = points(classes, dim)
    result = margins(
        rows, gap=GAP, least_only=least_only, advance=lambda amount, note="": done.append(amount),
        team=group,
    )  # fmt: skip
    return result, sum(done)


# Bounds of one process and of several hold together, and every support explains its bound.
@pytest.mark.parametrize(("size", "classes", "dim"), [(2, 600, 12), (3, 30, 4), (3, 3, 5)])
def test_equal_to_one(size: int, classes: int, dim: int) -> None:
    one, whole = found(ALONE, classes, dim, False)
    reports = on_ranks(size, found, classes, dim, False)
    rows = points(classes, dim)
    for result, done in reports:
        assert bool(result.settled.all()) and done == whole
        assert torch.equal(result.upper, reports[0][0].upper)
        assert bool((result.lower <= one.upper).all() & (one.lower <= result.upper).all())
        assert torch.allclose(result.value, one.value, rtol=GAP, atol=0)
    last = reports[-1][0]
    for point in range(0, classes - 2, 7):
        support = last.support(point)
        near = sum((weight * rows[other] for other, weight in support), torch.zeros(dim).double())
        assert float((rows[point] - near).norm()) == pytest.approx(float(last.upper[point]))


# The least margin alone is certified alike.
def test_least_only() -> None:
    rows = points(600, 12)[:-1]
    one = margins(rows, gap=GAP, least_only=True)
    for result in on_ranks(2, least, rows):
        assert float(result.value.min()) == pytest.approx(float(one.value.min()), rel=GAP)
        assert int(result.value.argmin()) == int(one.value.argmin())
        assert bool(result.settled.all())


def least(group: Group, rows: Tensor) -> Margins:
    return margins(rows, gap=GAP, least_only=True, team=group)
