"""Blocks: what accumulators share is computed once, in one wide product where that is possible."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nctool.analysis.measure import choose_engine, inputs_of, riders
from nctool.core.progress import Silent
from nctool.engine.block import Block, Fused, Product, fuse
from nctool.engine.fact import Blocks
from nctool.engine.solve import Running, solve, start
from nctool.engine.workspace import Workspace
from nctool.facts import graph
from nctool.metrics import registry
from nctool.statistics.whitening import Whitened
from tests.support.law_bench import SETTINGS, arrays, sourced


def block() -> Block:
    x = torch.arange(12.0).view(4, 3)
    return Block(x, torch.zeros(4, dtype=torch.int64), 0, Workspace(x.dtype, x.device))


def whole(block: Block) -> Tensor:
    return block.x


class Reader:
    """Wants some products of every block."""

    def __init__(self, *reads: Product) -> None:
        self.reads = reads


# A part is computed when it is first asked for, and never again.
def test_once() -> None:
    calls: list[Block] = []

    def part(block: Block) -> Tensor:
        calls.append(block)
        return block.x + 1

    samples = block()
    assert samples.get(part) is samples.get(part) and len(calls) == 1


# Products of one left side become one wide product; each still gets its own columns.
def test_fused() -> None:
    first, second = (Product(whole, torch.randn(3, columns)) for columns in (2, 4))
    alone = Product(lambda block: block.x * 2, torch.randn(3, 1))
    fused = fuse([Reader(first, second), Reader(second), Reader(alone), object()])
    assert set(fused) == {first, second}
    samples = block()
    samples.fused = fused
    assert samples.has(first) and not samples.has(alone)
    for product in (second, first):
        torch.testing.assert_close(samples.get(product), samples.x @ product.right)
    assert sum(isinstance(part, Fused) for part in samples.parts) == 1


# Nobody writes into a part that others may read.
def test_parts_are_read_only() -> None:
    for name in ("wide_noise_4", "huge_offset", "many_classes"):
        source = sourced(arrays(name))
        engine = choose_engine(source, SETTINGS)
        inputs = inputs_of(source, SETTINGS, engine, Silent())
        wanted = {need.fact: None for metric in registry().values() for need in metric.facts}
        with torch.no_grad():
            solve(start(graph(), inputs, wanted, riders(), "sample_sums"), watched)


# A write into a shared part would be seen.
def test_writes_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Whitened.__call__

    def careless(self: Whitened, block: Block) -> Tensor:
        squares = plain(self, block)
        block.get(self.residual).mul_(2)
        return squares

    monkeypatch.setattr(Whitened, "__call__", careless)
    with pytest.raises(AssertionError):
        test_parts_are_read_only()


def watched(source: Blocks, running: Running) -> Running:
    """Feeds them, and looks whether what they share is as it was."""
    accumulators = [*running.values()]
    for part in source.blocks(accumulators):
        versions: dict[object, int] = {}
        for accumulator in accumulators:
            accumulator.add(part)
            if isinstance(part, Block):
                shared = {key: value for key, value in part.parts.items() if torch.is_tensor(value)}
                for key, value in shared.items():
                    assert versions.setdefault(key, value._version) == value._version, key
    return running
