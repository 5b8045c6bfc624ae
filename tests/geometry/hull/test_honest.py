"""Whatever goes wrong inside, the bounds stay true, and what is not done is not called done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nctool.geometry.hull import active_set, affine, certificate, programmes, solver
from nctool.geometry.hull.certificate import Certificate, PrimalPoint
from nctool.geometry.hull.cloud import Cloud, Precision
from nctool.geometry.hull.quadratic_program import System
from tests.geometry.hull.hull_cases import arithmetic, encloses, noisy_simplex, normal, solved, some
from tests.support.point_sets import cloud, orthoplex
from tests.support.populations import Array

SETS: dict[str, Array] = {
    "few dimensions": cloud(1, 60, 10),
    "many dimensions": cloud(2, 90, 55),
    "more dimensions than points": cloud(3, 40, 60),
    "noisy simplex": noisy_simplex(30, 0.2),
    "degenerate": orthoplex(51),
    "raw": normal(4, 50, 5),
}
random = torch.Generator().manual_seed(3)


def nothing(system: System, *_: Any) -> Tensor:
    return torch.zeros_like(system.right)


def guesses(system: System, *_: Any) -> Tensor:
    drawn = torch.rand(system.right.shape, generator=random, dtype=torch.float64)
    return drawn.to(system.right.dtype)


def filled(value: float) -> Callable[..., Tensor]:
    return lambda system, *_: torch.full_like(system.right, value)


def mixed(system: System, *_: Any) -> Tensor:
    """Some weights are no numbers, or too large for one."""
    result = guesses(system)
    result[::2, 0] = torch.inf
    result[1::3] = torch.nan
    result[::5] *= -1
    return result


LIES = {
    "nothing": nothing,
    "guesses": guesses,
    "nan": filled(float("nan")),
    "infinite": filled(float("inf")),
    "huge": filled(3e38),
    "mixed": mixed,
}


def honest(rows: Array) -> int:
    """How many classes are settled; each of them rightly, and all with true bounds."""
    result = solved(rows)
    lower, upper = result.lower.numpy(), result.upper.numpy()
    assert not np.isnan(lower).any() and not np.isnan(upper).any()
    encloses(rows, result, some(rows, 5))
    close = upper - lower <= 1e-6 * upper + arithmetic(rows)
    close |= upper <= 1e-10 * float(np.linalg.norm(rows, axis=1).max())
    assert not (result.settled.numpy() & ~close).any()
    return int(result.settled.sum())


# Solvers that lie.
@pytest.mark.parametrize("kind", LIES)
@pytest.mark.parametrize("name", SETS)
def test_lies(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lie = LIES[kind]
    monkeypatch.setattr(active_set, "MOST_ROUNDS", 4)

    def at_once(system: System, start: Tensor) -> tuple[Tensor, Tensor]:
        return lie(system), torch.ones_like(start[:, 0])

    def weights(_: Tensor, system: System, support: Tensor) -> tuple[Tensor, Tensor]:
        return system.weights(lie(system)), torch.ones_like(support[:, 0])

    monkeypatch.setattr(programmes, "pivot", at_once)
    monkeypatch.setattr(programmes, "block_pivot", at_once)
    monkeypatch.setattr(programmes, "lawson_hanson", lie)
    for room in (programmes, certificate):
        monkeypatch.setattr(room, "refined", weights)
    monkeypatch.setattr(active_set, "affine_weights", lambda cloud: None)
    # Equal weights are no lie between the corners of an orthoplex.
    assert honest(SETS[name]) < len(SETS[name]) or (name, kind) == ("degenerate", "huge")


# Exchanges of supports that end anywhere, in either of their two forms, or in none.
@pytest.mark.parametrize("form", ["nearest", "_exchange"])
@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, float("nan"), float("inf")])
def test_faces_that_lie(value: float, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(rows: Tensor, share: Tensor) -> Tensor:
        return torch.full_like(share, value).scatter_(1, rows[:, None], 0.0)

    def at_once(gram: Tensor, rows: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        return lie(rows, share), torch.full_like(rows, form == "nearest", dtype=torch.bool)

    monkeypatch.setattr(affine, "nearest", at_once)
    monkeypatch.setattr(affine, "_exchange", lambda gram, task: lie(*task))
    rows = noisy_simplex(30, 0.1)
    assert honest(rows) == len(rows)
    monkeypatch.setattr(active_set, "MOST_ROUNDS", 0)
    assert honest(rows) < len(rows)


# Stopped early, by any of its limits.
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("most", [0, 1])
def test_few_rounds(name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active_set, "MOST_ROUNDS", most)
    monkeypatch.setattr(active_set, "affine_weights", lambda cloud: None)
    settled = honest(SETS[name])
    assert most or settled == 0


# What float64 cannot tell apart is left alone after a while, with few candidates at a time.
@pytest.mark.parametrize(("classes", "rank", "dim"), [(80, 1, 2), (90, 3, 60)])
def test_stuck(classes: int, rank: int, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []
    seen: Counter[int] = Counter()

    def watched(of: Cloud, guess: PrimalPoint, count: int, precision: Precision) -> Certificate:
        widths.append(guess.candidates.shape[1])
        seen.update(guess.rows.tolist())
        return certificate.certify(of, guess, count, precision)

    monkeypatch.setattr(active_set, "certify", watched)
    monkeypatch.setattr(solver, "FIRST_GUESS", 12)
    flat = normal(5, classes, rank) @ normal(6, rank, dim)
    rows = flat + 1e-9 * normal(7, classes, dim)
    result = solved(rows, memory=100_000)
    encloses(rows, result, some(rows))
    assert not result.settled.all()
    assert max(seen.values()) <= 40
    assert max(widths) <= active_set.LISTED + dim + 1


# Copies that nobody noticed are no trouble.
@pytest.mark.parametrize("rows", [cloud(0, 60, 5), cloud(0, 60, 55), cloud(0, 25, 60)])
def test_unnoticed_copies(rows: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        solver, "find_duplicates", lambda points, _: ((), torch.arange(len(points)))
    )
    for doubled in (np.concatenate([rows, rows[:10]]), np.concatenate([rows] * 3)):
        assert honest(doubled) == len(doubled)
        assert not solved(doubled).value[:10].gt(1e-15).any()
