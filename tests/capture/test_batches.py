"""What a batch of a loader is: arguments of the model, and labels."""

from __future__ import annotations

from collections import UserDict, namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nctool.capture.batches import Called, as_labels, device_of, fetched, moved, reading
from nctool.core.errors import InputError

X, Y = torch.ones(3, 2), torch.tensor([0, 2, 1])


class Text(nn.Module):
    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **more: Any) -> None:
        """Named as a model of Hugging Face names them."""


class Image(nn.Module):
    def forward(self, x: Tensor) -> None: ...


Pair = namedtuple("Pair", ["image", "label"])


# Inputs come before the labels, by position in tuples and by the model's own names in mappings;
# what the model has no parameter for stays out.
@pytest.mark.parametrize(
    ("model", "raw", "labels", "args", "kwargs"),
    [
        (Image(), (X, Y), None, (X,), {}),
        (Image(), [X, Y], None, (X,), {}),
        (Image(), Pair(X, Y), None, (X,), {}),
        (Image(), (X, X + 1, Y), None, (X, X + 1), {}),
        (Image(), (X, Y, X + 1), 1, (X,), {}),
        (Image(), (X, Y, X + 1), "1", (X,), {}),
        (Image(), (Y, X), 0, (X,), {}),
        (Image(), {"image": X, "label": Y}, None, (X,), {}),
        (Image(), {"x": X, "index": Y + 1, "label": Y}, None, (), {"x": X}),
        (Text(), {"input_ids": X, "labels": Y}, None, (), {"input_ids": X}),
        (Text(), UserDict(input_ids=X, labels=Y), None, (), {"input_ids": X}),
        (Text(), {"input_ids": X, "topic": Y}, "topic", (), {"input_ids": X}),
        (Text(), ({"input_ids": X, "attention_mask": X}, Y), None, (),
         {"input_ids": X, "attention_mask": X}),
        (Image(), (X, Y + 1), lambda batch: batch[1] - 1, (X,), {}),
        (Image(), X, lambda batch: Y, (X,), {}),
    ],
)  # fmt: skip
def test_parts(model: nn.Module, raw: Any, labels: Any, args: Any, kwargs: Any) -> None:
    batch = reading(model, labels, None).batch(raw)
    assert torch.equal(batch.labels, Y)
    assert len(batch.args) == len(args) and all(map(torch.equal, batch.args, args))
    assert batch.kwargs.keys() == kwargs.keys()
    assert all(torch.equal(batch.kwargs[name], value) for name, value in kwargs.items())


# An object with fields goes into the model whole, and its labels are one of them.
def test_object() -> None:
    graph = SimpleNamespace(x=X, y=Y)
    batch = reading(Image(), None, None).batch(graph)
    assert batch.args == (graph,) and batch.labels is Y


# A decoder beside an encoder makes its inputs from the labels: it gets them; no other model does.
def test_encoder_decoder() -> None:
    class Translation(nn.Module):
        config = SimpleNamespace(is_encoder_decoder=True)

        def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> None: ...

    raw = {"input_ids": X, "labels": Y}
    assert reading(Translation(), None, None).batch(raw).kwargs.keys() == {"input_ids", "labels"}


# With a function that runs the model, it gets the batch as it is.
def test_call() -> None:
    raw = {"a": X, "b": X, "y": Y}
    batch = reading(Image(), None, lambda model, batch: None).batch(raw)
    assert batch.args == (raw,) and batch.labels is Y
    model = Called(nn.Linear(2, 2), lambda inner, batch: inner(batch["a"]))
    assert model(raw).shape == (3, 2)


# Where no labels can be told, or not where they are said to be, what there is is named.
@pytest.mark.parametrize(
    ("raw", "labels", "words"),
    [
        ({"image": X, "topic": Y}, None, "it holds image, topic"),
        ((X,), None, "it is a tuple of 1"),
        (X, None, "it is Tensor"),
        ({"image": X}, "topic", "no 'topic'"),
        ((X, Y), 2, "no 2"),
        ((X, Y), "topic", "no 'topic'"),
    ],
)
def test_no_labels(raw: Any, labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        reading(Image(), labels, None).batch(raw)
    assert caught.value.slug == "batch-labels" and "labels=" in caught.value.hint


# Labels are numbers in whatever holds them; a column is a vector.
@pytest.mark.parametrize("given", [Y, Y[:, None], Y.numpy(), Y.tolist(), tuple(np.asarray(Y))])
def test_as_labels(given: Any) -> None:
    assert torch.equal(as_labels(given), Y)


# Words are no numbers, and a single label is that of a data set that nobody made batches of.
@pytest.mark.parametrize(("given", "words"), [(["cat", "dog", "cat"], "str"), (3, "a data set")])
def test_labels_unlike(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        as_labels(given)
    assert caught.value.slug == "batch-labels-unlike"


# Whatever holds tensors is moved with them, and nothing else of it changes.
def test_moved() -> None:
    raw = {"a": [X, (X, "text")], "pair": Pair(X, 3)}
    out = moved(raw, torch.device("meta"))
    assert out["a"][0].is_meta and out["a"][1][0].is_meta and out["a"][1][1] == "text"
    assert isinstance(out["pair"], Pair) and out["pair"].image.is_meta and out["pair"].label == 3
    assert moved(SimpleNamespace(to=lambda device: device.type), torch.device("cpu")) == "cpu"
    assert device_of(nn.Linear(1, 1, device="meta")).type == "meta"
    assert device_of(nn.Identity()).type == "cpu"


# What is fetched is a copy that no later batch writes over.
def test_fetched() -> None:
    values = torch.arange(3)
    (out,) = fetched([values])
    values.zero_()
    assert out.tolist() == [0, 1, 2]
