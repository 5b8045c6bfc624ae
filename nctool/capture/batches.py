"""What a loader gives: which part of a batch goes into the model, and which part is the labels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from nctool.capture.explain import FEWEST_ROWS
from nctool.core.errors import InputError
from nctool.core.text import one_line

Labels: TypeAlias = "str | int | Callable[[Any], Any] | None"
"""Where labels are: a key, a place in a tuple, what takes them from a batch, or None to look."""

Call: TypeAlias = Callable[[nn.Module, Any], Any]
"""Runs the model on a batch that is passed to it whole."""

KEYS = ("labels", "label", "targets", "target", "y", "label_ids", "class", "fine_label")
"""Where data sets keep labels, the most usual first."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The arguments of one forward, and the labels of its samples."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    labels: Any


INNER = "model"
"""The user's model within ``Called``."""


class Called(nn.Module):
    """A model and the function that runs it on a whole batch, as a model of one argument."""

    def __init__(self, model: nn.Module, call: Call) -> None:
        super().__init__()
        self.model = model
        self.call = call
        self.training = model.training

    def forward(self, batch: Any) -> Any:
        return self.call(self.model, batch)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the batches of a loader are read for a model."""

    labels: Labels = None
    whole: bool = False
    """The batch is passed whole, to ``Called``."""
    known: frozenset[str] = frozenset()
    """Parameters of the model's forward, where it names them."""
    keeps_labels: bool = False
    """The model makes its own inputs from the labels, as encoders with a decoder do."""

    def batch(self, raw: Any) -> Batch:
        """The parts of one batch."""
        key, labels = self._labels(raw)
        if self.whole:
            return Batch((raw,), {}, labels)
        if isinstance(raw, Mapping):
            rest = {name: raw[name] for name in raw if name != key or self.keeps_labels}
            return self._of_mapping(rest, labels)
        if isinstance(raw, tuple | list):
            place = key if isinstance(key, int) else len(raw) - 1
            # Before the labels are inputs; what follows them is about the samples.
            inputs = tuple(raw[:place]) or tuple(raw[place + 1 :])
            if len(inputs) == 1 and isinstance(inputs[0], Mapping):
                return self._of_mapping(inputs[0], labels)
            return Batch(inputs, {}, labels)
        return Batch((raw,), {}, labels)

    def beside_labels(self, raw: Any) -> tuple[Any, ...]:
        """Everything in a batch but its labels, known by their place.

        Labels that repeat an input may be the very same tensor.
        """
        key = _place_of_labels(raw) if callable(self.labels) else self._labels(raw)[0]
        if isinstance(raw, Mapping):
            return tuple(raw[name] for name in raw if name != key)
        if not isinstance(raw, tuple | list):
            return ()
        rest = [each for place, each in enumerate(raw) if place != key]
        return tuple(
            value
            for each in rest
            for value in (each.values() if isinstance(each, Mapping) else [each])
        )

    def _labels(self, raw: Any) -> tuple[str | int | None, Any]:
        """Under which key or at which place the labels are, and the labels."""
        if callable(self.labels):
            return _place_of_labels(raw), self.labels(raw)
        if self.labels is None:
            place = _place_of_labels(raw)
            if place is None:
                raise _without_labels(raw)
            return place, _at(raw, place)
        place = self.labels
        if isinstance(raw, tuple | list) and isinstance(place, str) and place.isdigit():
            place = int(place)
        try:
            return place, _at(raw, place)
        except (KeyError, IndexError, TypeError, AttributeError) as problem:
            message = f"a batch has no {place!r} that could be its labels: {described(raw)}"
            hint = "name its labels by a key or a place: --labels KEY, or labels= in Python"
            raise InputError("batch-labels", message, hint) from problem

    def _of_mapping(self, values: Mapping[str, Any], labels: Any) -> Batch:
        """By the names of the model's parameters; a single value that is none goes by position."""
        named = {name: value for name, value in values.items() if name in self.known}
        if named:
            return Batch((), named, labels)
        if len(values) == 1:
            return Batch(tuple(values.values()), {}, labels)
        return Batch((), dict(values), labels)


def reading(model: nn.Module, labels: Labels, call: Call | None) -> Reading:
    """How to read batches for this model."""
    config = getattr(model, "config", None)
    # A decoder beside an encoder is fed the labels of this very batch, shifted, unless given more.
    keeps = bool(getattr(config, "is_encoder_decoder", False))
    return Reading(labels, call is not None, _parameters(model), keeps)


def _parameters(model: Any) -> frozenset[str]:
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError, AttributeError):
        return frozenset()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(each.name for each in parameters if each.kind in named)


def _place_of_labels(raw: Any) -> str | int | None:
    if isinstance(raw, Mapping):
        return next((key for key in KEYS if key in raw), None)
    if isinstance(raw, tuple | list):
        return len(raw) - 1 if len(raw) > 1 else None
    return next((key for key in KEYS if not torch.is_tensor(raw) and hasattr(raw, key)), None)


def _at(raw: Any, place: str | int) -> Any:
    if isinstance(raw, Mapping | tuple | list):
        return raw[place]  # type: ignore[index]
    return getattr(raw, str(place))


def _without_labels(raw: Any) -> InputError:
    message = f"a batch has no labels that are known as such: {described(raw)}"
    hint = "a loader gives (x, y); else name them: --labels KEY, or labels= in Python"
    return InputError("batch-labels", message, hint)


def described(raw: Any) -> str:
    """The shape of a batch in a few words."""
    if isinstance(raw, Mapping):
        return "it holds " + (", ".join(one_line(str(key)) for key in raw) or "nothing")
    if isinstance(raw, tuple | list):
        return f"it is a {type(raw).__name__} of {len(raw)}"
    return f"it is {type(raw).__name__}"


def as_labels(labels: Any) -> Tensor:
    """Labels as a tensor of whole numbers, where the loader put them: (B,) or (B, T)."""
    if isinstance(labels, np.ndarray | np.generic):
        tensor = torch.as_tensor(labels)
    elif isinstance(labels, Tensor):
        tensor = labels.detach()
    else:
        try:
            tensor = torch.as_tensor(np.asarray(labels))
        except (TypeError, ValueError) as problem:
            kind = type(labels[0] if isinstance(labels, Sequence) and len(labels) else labels)
            message = f"the labels of a batch are {kind.__name__}, expected whole numbers"
            hint = "give a function of the batch as labels= that returns row numbers of the head"
            raise InputError("batch-labels-unlike", message, hint) from problem
    if tensor.ndim == 0:
        message = "the labels of a batch are a single number: this is a data set, not a loader"
        hint = "give torch.utils.data.DataLoader(dataset, batch_size=64)"
        raise InputError("batch-labels-unlike", message, hint)
    return tensor[:, 0] if tensor.ndim == 2 and tensor.shape[1] == 1 else tensor


def moved(value: Any, device: torch.device) -> Any:
    """Tensors within tuples, lists and dictionaries there; other objects move themselves."""
    if isinstance(value, Tensor):
        if value.device.type != "cpu" or device.type != "cuda":
            return value.to(device)
        # From ordinary memory the copy would make the host wait for all that was launched before.
        return value.pin_memory().to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: moved(each, device) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(moved(each, device) for each in value))
    if isinstance(value, tuple | list):
        return type(value)(moved(each, device) for each in value)
    return value.to(device) if callable(getattr(value, "to", None)) else value


def with_more_rows(
    args: tuple[Any, ...], kwargs: dict[str, Any], size: int
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments, for a batch of less than three samples with variations of them.

    A head is found by what explains several rows at once; which rows these are does not matter.
    """
    if size >= FEWEST_ROWS:
        return args, kwargs
    return _varied(args, size), _varied(kwargs, size)


def _varied(value: Any, size: int) -> Any:
    if isinstance(value, Tensor) and value.ndim and len(value) == size:
        if value.is_floating_point():
            return torch.cat([value * scale for scale in (1.0, 0.75, 0.5)])
        whole = value.ndim == 1 or value.dtype == torch.bool
        return torch.cat([value if whole else value.roll(step, -1) for step in range(FEWEST_ROWS)])
    if isinstance(value, dict):
        return {key: _varied(each, size) for key, each in value.items()}
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return type(value)(_varied(each, size) for each in value)
    return value


def device_of(model: nn.Module) -> torch.device:
    """Where the model takes its inputs."""
    tensors = chain(model.parameters(), model.buffers())
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


def fetched(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Copies of these on the CPU; all that are on a device in one transfer, with one wait."""
    away = [place for place, tensor in enumerate(tensors) if tensor.device.type != "cpu"]
    out = [tensor.clone() if tensor.device.type == "cpu" else tensor for tensor in tensors]
    if not away:
        return out
    if len(away) == 1:
        out[away[0]] = tensors[away[0]].cpu()
        return out
    parts, ends = [], []
    for place in away:
        flat = tensors[place].contiguous().reshape(-1).view(torch.uint8)
        # Each begins where any type may begin.
        parts += [flat, flat.new_zeros(-len(flat) % 16)]
        ends.append(len(flat))
    whole, start = torch.cat(parts).cpu(), 0
    for place, size in zip(away, ends, strict=True):
        like = tensors[place]
        out[place] = whole[start : start + size].view(like.dtype).reshape(like.shape)
        start += size + -size % 16
    return out
