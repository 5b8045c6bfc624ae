"""A thread that reads ahead: in order, within its buffers, and gone afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import torch
from torch import Tensor

from nctool.core.errors import InputError
from nctool.engine.reader import NAME, Reader

ROWS = torch.arange(70.0).view(35, 2)
RANGES = [(first, min(first + 8, 35)) for first in range(0, 35, 8)]


def buffers(count: int = 2) -> list[Tensor]:
    return [torch.empty(8, 2) for _ in range(count)]


def taken(reader: Reader) -> Iterator[Tensor]:
    for piece in reader:
        yield piece.rows.clone()
        reader.give_back(piece)


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    yield
    assert NAME not in {thread.name for thread in threading.enumerate()}


# Pieces come in order, whole, however few buffers there are.
@pytest.mark.parametrize("count", [1, 2, 9])
def test_order(count: int) -> None:
    with closing(Reader(lambda i, j: ROWS[i:j], RANGES, buffers(count))) as reader:
        assert torch.equal(torch.cat([*taken(reader)]), ROWS)


# It reads no further than its buffers reach while nobody gives one back.
def test_bounds() -> None:
    read: list[int] = []
    third = threading.Event()

    def rows(start: int, stop: int) -> Tensor:
        read.append(start)
        if len(read) == 3:
            third.set()
        return ROWS[start:stop]

    with closing(Reader(rows, RANGES, buffers(2))) as reader:
        piece = next(iter(reader))
        assert not third.wait(0.05) and read == [0, 8]
        reader.give_back(piece)
        assert third.wait(5)


# What fails in the thread fails where rows are taken, after those that were read before.
@pytest.mark.parametrize("problem", [InputError("damaged", "rows 16 to 24"), KeyboardInterrupt()])
def test_failure(problem: BaseException) -> None:
    def rows(start: int, stop: int) -> Tensor:
        if start == 16:
            raise problem
        return ROWS[start:stop]

    seen: list[Tensor] = []
    with (
        pytest.raises(type(problem)) as told,
        closing(Reader(rows, RANGES, buffers())) as reader,
    ):
        seen.extend(taken(reader))
    assert told.value is problem and torch.equal(torch.cat(seen), ROWS[:16])


# Whoever stops early leaves no thread behind, whether it waits for a buffer or reads.
@pytest.mark.parametrize("after", [0, 1, 3])
def test_left_early(after: int) -> None:
    with closing(Reader(lambda i, j: ROWS[i:j], RANGES, buffers())) as reader:
        for _, _ in zip(range(after), taken(reader), strict=False):
            pass
