"""Weights over one shared Gram matrix: those of a factorisation, and open where they are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nctool.geometry.hull import affine, margins, shared_gram


def simplex(count: int, noise: float, dim: int | None = None) -> Tensor:
    random = torch.Generator().manual_seed(0)
    rows = torch.eye(count, dim or count, dtype=torch.float64)
    rows += noise * torch.randn(rows.shape, generator=random, dtype=torch.float64)
    unit: Tensor = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return unit


def gram_of(points: Tensor) -> Tensor:
    centred = points - points.mean(0)
    gram = centred @ centred.T
    return gram + gram.diagonal().mean()


def start(count: int) -> Tensor:
    even = torch.full((count, count), 1 / (count - 1), dtype=torch.float64)
    return even.fill_diagonal_(0)


# Where it says that a row has got there, its weights are those of one factorisation per row.
@pytest.mark.parametrize(("noise", "all_of_them"), [(0.05, True), (0.2, True), (0.6, False)])
def test_same_weights(noise: float, all_of_them: bool) -> None:
    gram = gram_of(simplex(60, noise))
    rows = torch.arange(60)
    result, settled = shared_gram.nearest(gram, rows, start(60))
    expected = affine._exchange(gram, (rows, start(60)))
    assert bool(settled.all()) or not all_of_them
    assert settled.sum() > 30
    assert torch.allclose(result[settled], expected[settled], rtol=0, atol=1e-8)
    assert bool((result[settled] >= 0).all())
    assert torch.allclose(result[settled].sum(1), torch.ones(int(settled.sum())).double())


# Margins do not depend on which form found them.
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_same_margins(noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    points = simplex(80, noise, 100)
    one = margins(points)
    monkeypatch.setattr(
        affine, "nearest", lambda gram, rows, share: (share, torch.zeros(len(rows)).bool())
    )
    other = margins(points)
    assert bool(one.settled.all()) and torch.allclose(one.upper, other.upper, rtol=1e-9, atol=0)


# Too few steps leave rows open, and what is open is no answer.
def test_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_gram, "FINE_STEPS", 1)
    points = simplex(60, 0.4)
    _, settled = shared_gram.nearest(gram_of(points), torch.arange(60), start(60))
    assert not bool(settled.all())
    result = margins(points)
    assert bool(result.settled.all())


# A part of the rows gives what all give.
def test_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    points = simplex(60, 0.2)
    whole = margins(points)
    monkeypatch.setattr(affine, "SHARED_CELLS", 60 * 7)
    assert torch.allclose(margins(points).upper, whole.upper, rtol=1e-9, atol=0)
