"""A pass of a model over a loader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nctool.capture.batches import fetched
from nctool.capture.digests import Differs
from nctool.capture.forward import Forward, layers_of
from nctool.capture.plan import Plan
from nctool.capture.rows import class_index, flat, pooled
from nctool.core.errors import InputError
from nctool.core.progress import Advance
from tests.support.networks import Net, loader, network

WAITING = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "bincount",
           "unique_dim", "_unique2"}  # fmt: skip
"""Operations for which a host waits for its device, whatever is in them."""


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts them, and indexing by masks, for batches on the CPU that stands for a device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        masks = name == "index" and any(each is not None and each.dtype == torch.bool
                                        for each in args[1])  # fmt: skip
        self.count += name in WAITING or masks
        return func(*args, **(kwargs or {}))


# For each batch nothing of the device is asked for but its rows, which are fetched together.
def test_waits() -> None:
    def waits(count: int) -> int:
        model, batches, counting = network(), [*loader(16 * count)], Waits()
        with counting, Forward(model, batches, Plan(layers="layer*")) as forward:
            for batch in forward.batches():
                fetched([batch.features, batch.labels, *batch.layers.values()])
        return counting.count

    assert 0 < waits(40) == waits(10)


class Longer:
    """A loader that gives a batch more, or less, every time."""

    def __init__(self, change: int) -> None:
        self.change, self.times = change, 0

    def __iter__(self) -> Iterator[Any]:
        self.times += 1
        return iter([*loader(16 * (3 + self.change * self.times))])


# A second pass that is another is none: of a loader that changes, of a model that was trained.
@pytest.mark.parametrize("change", [1, -1, 0])
def test_second_pass_differs(change: int) -> None:
    model = network()
    with Forward(model, Longer(change), Plan()) as forward:
        assert [*forward.batches()]
        if not change:
            assert [*forward.again()]
            model.layer1[0].weight.data.mul_(1.01)  # type: ignore[operator]
        with pytest.raises(Differs, match="batches first" if change else "model is another"):
            assert [*forward.again()]


# Progress counts batches, of as many as the loader knows of.
def test_progress() -> None:
    class Shown:
        def __init__(self) -> None:
            self.tasks: list[tuple[str, int]] = []
            self.done = 0.0

        @contextmanager
        def task(self, title: str, total: int) -> Iterator[Advance]:
            self.tasks.append((title, total))
            yield self.advance

        def advance(self, amount: float, note: str = "") -> None:
            self.done += amount

    shown = Shown()
    with Forward(network(), loader(), Plan(), shown) as forward:
        assert len([*forward.batches()]) == 7
    assert shown.tasks == [("collecting", 7)] and shown.done == 7
    with Forward(network(), iter([*loader()]), Plan(), shown) as forward:
        assert len([*forward.batches()]) == 7
    assert shown.tasks[1] == ("collecting", 0)


# A star of layers stays between two dots; nothing named is an error with the names there are.
def test_layers_of() -> None:
    model = Net()
    assert layers_of(model, "layer*") == ("layer1", "layer2")
    assert layers_of(model, "layer?.0") == ("layer1.0", "layer2.0")
    assert layers_of(model, "fc") == ("fc",) and layers_of(model, None) == ()
    with pytest.raises(InputError, match="name no module of Net") as caught:
        layers_of(model, "block*")
    assert "layer1, layer1.0" in caught.value.hint


# Outputs of modules become a row for each sample, or for each position.
def test_pooled() -> None:
    maps = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(pooled(maps), maps.mean((2, 3)))
    assert torch.equal(flat(maps)[7], maps[0, :, 1, 2])
    sequence = torch.full((2, 4000, 3), 60.0, dtype=torch.float16)
    assert torch.equal(pooled(sequence), torch.full((2, 3), 60.0))
    assert flat(sequence).shape == (8000, 3)
    rows = torch.randn(2, 3)
    assert torch.equal(pooled(rows), rows) and pooled(rows) is not rows


# Labels are rows of the head, or one-hot; those that are ignored are left out.
def test_class_index() -> None:
    hot = torch.eye(4)[[2, 0]]
    assert class_index(hot, 4, (-100,)).tolist() == [2, 0]
    assert class_index(torch.tensor([1, -100, 255, 3]), 4, (-100, 255)).tolist() == [1, -1, -1, 3]
    assert class_index(torch.tensor([1.0, 0.0]), 2, ()).tolist() == [1, 0]
    for wrong in ([4], [-1], [0.5]):
        with pytest.raises(InputError) as caught:
            class_index(torch.tensor(wrong), 4, (-100,))
        assert caught.value.slug == "labels-against-head"


class Doubled(nn.Module):
    """A head at every position, squared before it is pooled: positions explain the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.head(x)).mean((2, 3))


# Where the head runs at every position of a sample, each has the label of the sample.
def test_positions() -> None:
    with Forward(Doubled(), loader(), Plan()) as forward:
        batches = [*forward.batches()]
    assert forward.watched is not None and forward.watched.rows.spread
    assert batches[0].features.shape == (16 * 64, 3)
    assert set(batches[0].labels[:64].tolist()) == {0}
