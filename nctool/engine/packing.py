"""What accumulators give as their sums, as flat named tensors and back; no pickle on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from nctool.core.errors import InputError


def packed(sums: object, name: str = "") -> dict[str, Tensor]:
    """Tensors of dataclasses, tuples and numbers, on the CPU, by where they stand.

    None leaves nothing. Numbers become scalars: whole ones int64, others float64.
    """
    if sums is None:
        return {}
    if isinstance(sums, Tensor):
        return {name: sums.detach().cpu().contiguous()}
    if isinstance(sums, bool | int):
        return {name: torch.tensor(sums, dtype=torch.int64)}
    if isinstance(sums, float):
        return {name: torch.tensor(sums, dtype=torch.float64)}
    named: dict[str, Tensor] = {}
    for at, part in _parts(sums).items():
        named |= packed(part, _path(name, at))
    return named


def unpacked(tensors: Mapping[str, Tensor], like: Any, name: str = "") -> Any:
    """The same kind of sums as ``like``, which are those of an empty accumulator.

    KeyError where a part of them is not there.
    """
    if like is None:
        return None
    if isinstance(like, Tensor):
        return tensors[name].to(like.device, like.dtype)
    if isinstance(like, bool | int | float):
        return type(like)(tensors[name].item())
    parts = {at: unpacked(tensors, part, _path(name, at)) for at, part in _parts(like).items()}
    if is_dataclass(like) and not isinstance(like, type):
        return replace(like, **parts)
    return tuple(parts.values())


@dataclass(frozen=True, slots=True)
class Packed:
    """Sums of a fact as they come from a file: to be unpacked once it is known what they are."""

    fact: str
    tensors: Mapping[str, Tensor]
    where: str
    """The file, for messages."""

    def like(self, empty: Any) -> Any:
        """The sums, if they have the shapes of those of an empty accumulator.

        What is without length there may have any here.
        """
        for name, tensor in packed(empty, self.fact).items():
            found = self.tensors.get(name)
            shape = None if found is None else tuple(found.shape)
            if shape != tuple(tensor.shape) and (tensor.numel() or shape is None or len(shape) > 1):
                raise InputError(
                    "sums-do-not-fit",
                    f"the sums {name!r} of '{self.where}' have shape {shape}, expected "
                    f"{tuple(tensor.shape)}",
                    "the file is damaged, or of another version of nctool: make it again from the "
                    "samples with nctool stats",
                )
        return unpacked(self.tensors, empty, self.fact)


def _parts(sums: Any) -> dict[str, Any]:
    if is_dataclass(sums):
        return {field.name: getattr(sums, field.name) for field in fields(sums)}
    assert isinstance(sums, tuple), f"sums of the kind {type(sums).__name__} cannot be packed"
    return {str(place): part for place, part in enumerate(sums)}


def _path(name: str, part: str) -> str:
    return f"{name}/{part}" if name else part
