"""Features on their way to a device: once, as stored, ahead of computing, kept where they fit."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nctool.arrays import LazyArray
from nctool.engine import crossing
from nctool.engine.crossing import Crossing
from nctool.engine.device import Engine
from nctool.engine.reader import NAME, Range
from tests.support.accelerator import simulated

N, D, ROWS = 1000, 8, 150
RANGES = [(first, min(first + ROWS, N)) for first in range(0, N, ROWS)]
DEVICE = torch.device("cuda", 0)


class File:
    """Features that count how often each row is read."""

    def __init__(self, dtype: torch.dtype = torch.float16) -> None:
        self.rows = torch.randn(N, D, generator=torch.Generator().manual_seed(0)).to(dtype)
        self.read = torch.zeros(N)
        name = str(dtype).removeprefix("torch.")
        self.lazy = LazyArray("features", (N, D), name, "file", "test", self._rows)

    def _rows(self, start: int, stop: int) -> Tensor:
        if stop - start > 1:  # not the look at what kind of rows they are
            self.read[start:stop] += 1
        return self.rows[start:stop]


def crossed(way: Crossing, ranges: Sequence[Range] = RANGES) -> Tensor:
    """All rows as they came, each block computed with before the next is asked for."""
    return torch.cat([block * 1 for block in way.blocks(ranges)]).cpu()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing, "PIECE_BYTES", 64 * D * 2)


def engine(memory: int) -> Engine:
    return replace(Engine.on(DEVICE, torch.float32, 1 << 30), memory=memory)


# Rows arrive as they are stored, each sent once and never waited for; where they fit they are read
# once for all passes, else once for each.
@pytest.mark.parametrize("kept", [True, False])
def test_passes(kept: bool) -> None:
    file = File()
    with simulated() as counts:
        way = Crossing(file.lazy, engine(1 << 30 if kept else 0), (0, N))
        for _ in range(2):
            assert torch.equal(crossed(way), file.rows)
        sent = N * D * 2
        assert counts.sent.total() == (sent if kept else 2 * sent)
        assert not any(counts.blocking[line] for line in counts.sent if counts.sent[line])
        way.forget()
        assert torch.equal(crossed(way), file.rows)
    assert torch.equal(file.read, torch.full((N,), 2.0 if kept else 3.0))
    assert NAME not in {thread.name for thread in threading.enumerate()}


# What is not kept takes two blocks of the device, however many rows there are.
def test_memory() -> None:
    with simulated() as counts:
        for block in Crossing(File().lazy, engine(0), (0, N)).blocks(RANGES):
            assert block.shape[1] == D
    assert counts.most_held <= 5 * 512 * -(-ROWS * D * 2 // 512)


# A pass that ends early leaves no thread, and the next one is whole.
def test_left_early() -> None:
    file = File()
    with simulated():
        way = Crossing(file.lazy, engine(1 << 30), (0, N))
        blocks = way.blocks(RANGES)
        next(blocks), next(blocks)
        blocks.close()  # type: ignore[attr-defined]
        assert NAME not in {thread.name for thread in threading.enumerate()}
        assert torch.equal(crossed(way), file.rows)


# A share of the rows; rows that are on the device already, which are never sent; and few of them.
def test_kinds() -> None:
    file = File(torch.float32)
    with simulated() as counts:
        share = [(300, 450), (450, 500)]
        assert torch.equal(
            crossed(Crossing(file.lazy, engine(0), (300, 500)), share), file.rows[300:500]
        )
        few = Crossing(file.lazy, engine(1 << 30), (0, 20))
        assert torch.equal(crossed(few, [(0, 20)]), file.rows[:20])
        there = file.rows.to(DEVICE)
        sent = counts.sent.total()
        held = replace(file.lazy, read=lambda i, j: there[i:j])
        assert torch.equal(crossed(Crossing(held, engine(0), (0, N))), file.rows)
        assert counts.sent.total() == sent


# The simulated device is one on which haste fails: a buffer that is overwritten while it is read.
def test_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing.Targets, "done", lambda self, number: None)
    with simulated(), pytest.raises(AssertionError, match="used by another stream"):
        crossed(Crossing(File().lazy, engine(0), (0, N)))


# So does a pinned buffer that the reader has back before its copy is over.
def test_early_return(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(self: crossing.Copies, target: Tensor) -> None:
        piece = next(self.pieces)
        target.copy_(piece.rows, non_blocking=True)
        piece.rows.zero_()
        self.give_back(piece)

    monkeypatch.setattr(crossing.Copies, "next_into", hasty)
    with simulated(), pytest.raises(AssertionError, match="the host writes"):
        crossed(Crossing(File().lazy, engine(0), (0, N)))
        torch.cuda.synchronize()
