"""What processes exchange: sums, tensors of any size, and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from nctool.core.errors import InputError, InternalError
from nctool.ranks.group import Ranks
from tests.support.ranks import on_ranks


class Listing:
    """A toy whose sums tell who was added when."""

    def __init__(self, *values: float) -> None:
        self.values = torch.tensor(values, dtype=torch.float64)
        self.count = len(values)

    def add(self, block: Tensor) -> None:
        raise NotImplementedError

    def sums(self) -> tuple[Tensor, int, None]:
        return self.values, self.count, None

    def merge(self, other: tuple[Tensor, int, None]) -> None:
        self.values = torch.cat([self.values, other[0]])
        self.count += other[1]

    def finish(self) -> list[float]:
        return self.values.tolist()


def merged(group: Ranks, lengths: list[int]) -> tuple[list[float], int, list[str]]:
    own = lengths[group.rank]
    running: dict[str, Any] = {
        "first": Listing(*range(10 * group.rank, 10 * group.rank + own)),
        "second": Listing(group.rank),
    }
    made = []

    def empty(name: str) -> Listing:
        made.append(name)
        return Listing()

    group.merge(running, empty)
    assert running["second"].finish() == [float(rank) for rank in range(group.size)]
    return running["first"].finish(), running["first"].count, made


# Everybody ends with the sums of all, those of lower ranks first, whatever their sizes: also none.
@pytest.mark.parametrize("lengths", [[2, 3], [0, 2], [1, 0, 2], [2, 1, 3, 0, 2]])
def test_merge(lengths: list[int]) -> None:
    whole = [10.0 * rank + each for rank, many in enumerate(lengths) for each in range(many)]
    for listed, count, made in on_ranks(len(lengths), merged, lengths):
        assert (listed, count, made) == (whole, len(whole), ["first", "second"])


def gathered(group: Ranks) -> list[tuple[Any, ...]]:
    seen: list[tuple[Any, ...]] = []
    with torch.inference_mode():
        rows = torch.full((group.rank, 2), group.rank + 0.5, dtype=torch.bfloat16)
        turned = torch.arange(6, dtype=torch.int32).view(2, 3).T + group.rank
        large = torch.full((3_000_000,), float(group.rank), dtype=torch.float64)
        for values in (rows, turned, large, torch.tensor(group.rank > 0)):
            parts = group.gather(values)
            seen.append(
                tuple((part.dtype, tuple(part.shape), float(part.double().sum())) for part in parts)
            )
    return seen


# Tensors of every type come back as they were, of every rank: other lengths, none, many blocks.
def test_gather() -> None:
    first, second = on_ranks(2, gathered)
    assert first == second == [
        ((torch.bfloat16, (0, 2), 0.0), (torch.bfloat16, (1, 2), 3.0)),
        ((torch.int32, (3, 2), 15.0), (torch.int32, (3, 2), 21.0)),
        ((torch.float64, (3_000_000,), 0.0), (torch.float64, (3_000_000,), 3e6)),
        ((torch.bool, (), 0.0), (torch.bool, (), 1.0)),
    ]  # fmt: skip


def failing(group: Ranks, act: Callable[[Ranks], None]) -> None:
    with group.phase():
        if group.rank == 1:
            raise InputError("broken", "no such file ‘x’", "look elsewhere")
        act(group)


def gathering(group: Ranks) -> None:
    group.gather(torch.zeros(3))


def merging(group: Ranks) -> None:
    group.merge({"a": Listing(1.0)}, lambda name: Listing())


def nothing(group: Ranks) -> None:
    pass


# What one raises all raise, wherever the others are: with its rank, slug, hint and exit code.
@pytest.mark.parametrize("act", [gathering, merging, nothing])
def test_one_raises(act: Callable[[Ranks], None]) -> None:
    first, second, third = on_ranks(3, failing, act)
    for problem in (first, third):
        assert isinstance(problem, InputError) and problem.slug == "broken"
        assert problem.message == "rank 1: no such file ‘x’" and problem.hint == "look elsewhere"
    assert isinstance(second, InputError) and second.message == "no such file ‘x’"


def mistaken(group: Ranks) -> None:
    with group.phase():
        raise ZeroDivisionError("mine")


# A mistake of all is everybody's own.
def test_all_raise() -> None:
    assert all(isinstance(problem, ZeroDivisionError) for problem in on_ranks(2, mistaken))


def silent(group: Ranks) -> None:
    if group.rank == 0:
        gathering(group)


# Who waits in vain says so after the timeout of the group.
def test_nobody_comes() -> None:
    first, second = on_ranks(2, silent, timeout=2)
    assert first.slug == "rank-lost" and second is None and not isinstance(first, InternalError)
