"""Tensors in whatever a model returns: a tensor, a tuple, a dictionary, an object with fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from torch import Tensor

LOGITS = "logits"
"""The name that says which of several outputs is meant, or how it begins: logits_per_image."""


def tensors(output: object, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of numbers that has rows, and where it is."""
    if isinstance(output, Tensor):
        if output.is_floating_point() and output.ndim > 0 and output.numel() > 0:
            yield path, output
        return
    for name, value in _parts(output):
        yield from tensors(value, f"{path}.{name}" if path else name)


def _parts(output: object) -> Iterator[tuple[str, object]]:
    if isinstance(output, Mapping):
        yield from ((str(name), value) for name, value in output.items())
    elif hasattr(output, "_fields"):  # a named tuple
        yield from ((name, getattr(output, name)) for name in output._fields)
    elif isinstance(output, list | tuple):
        yield from ((str(place), value) for place, value in enumerate(output))
    elif is_dataclass(output):
        yield from ((each.name, getattr(output, each.name, None)) for each in fields(output))


def possible_logits(output: object, classes: int | None) -> dict[str, Tensor]:
    """Those that may be the logits: what is named so, or has the right number of classes."""
    known = dict(tensors(output))
    named = {
        path: each for path, each in known.items() if path.rpartition(".")[2].startswith(LOGITS)
    }
    if named:
        return named
    if classes is not None and len(known) > 1:
        fitting = {path: each for path, each in known.items() if classes in each.shape[1:]}
        return fitting or known
    return known


def at(output: object, path: str) -> Tensor:
    """The tensor there."""
    return dict(tensors(output))[path]
