"""Facts that take all samples at once, as tensors of a file and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from nctool.core.errors import InputError
from nctool.engine.fact import Undefined
from nctool.engine.packing import Packed, packed
from nctool.statistics.duplicates import Duplicates
from nctool.statistics.kept_samples import Choice
from nctool.statistics.within_class import PairDistances

LIMITS = (None, "memory", "time")
"""What may have kept the rows of a class few."""


def _pairs(rows: Mapping[str, Tensor]) -> PairDistances:
    return PairDistances(rows["mean"], rows["variance"])


def _choice(numbers: Mapping[str, Tensor]) -> Choice:
    nothing = torch.empty(0, dtype=torch.int64)
    return Choice(nothing, int(numbers["most"]), dict(enumerate(LIMITS))[int(numbers["limit"])])


def _duplicates(numbers: Mapping[str, Tensor]) -> Duplicates:
    pairs = tuple((int(first), int(second)) for first, second in numbers["pairs"].tolist())
    return Duplicates(int(numbers["count"]), int(numbers["compared"]), pairs)


def _of_choice(choice: Choice) -> dict[str, Any]:
    return {"most": choice.most, "limit": LIMITS.index(choice.limit)}


def _of_duplicates(found: Duplicates) -> dict[str, Any]:
    pairs = torch.tensor(found.pairs, dtype=torch.int64).reshape(-1, 2)
    return {"count": found.count, "compared": found.compared, "pairs": pairs}


def of_fact(fact: str, value: Any) -> dict[str, Tensor]:
    """The tensors that a file holds of a fact."""
    tensors: dict[str, Tensor] = {}
    for name, number in WHOLE[fact][0](value).items():
        tensors |= packed(number, f"{fact}/{name}")
    return tensors


def of_whole(fact: str, given: object, device: torch.device) -> object:
    """The fact from what a file holds of it: numbers, or the reason why there are none."""
    if isinstance(given, str) and fact in WHOLE:
        return Undefined(given)
    where = given.where if isinstance(given, Packed) else "the file of sums"
    try:
        assert isinstance(given, Packed)
        start = f"{fact}/"
        numbers = {
            name.removeprefix(start): tensor.to(device) for name, tensor in given.tensors.items()
        }
        return WHOLE[fact][1](numbers)
    except (AssertionError, LookupError, ValueError, TypeError, RuntimeError) as problem:
        raise InputError(
            "sums-do-not-fit",
            f"'{where}' holds something else than {fact!r}: {type(problem).__name__}",
            "the file is damaged; make it again from the samples with nctool stats",
        ) from problem


Numbers = Mapping[str, Tensor]
WHOLE: dict[str, tuple[Callable[[Any], Mapping[str, Any]], Callable[[Numbers], object]]] = {
    "duplicates": (_of_duplicates, _duplicates),
    "kept_choice": (_of_choice, _choice),
    "pair_distances": (lambda each: {"mean": each.mean, "variance": each.variance}, _pairs),
    "kernels[means]": (lambda logs: {"logs": logs}, lambda numbers: numbers["logs"]),
    "kernels[weights]": (lambda logs: {"logs": logs}, lambda numbers: numbers["logs"]),
}
"""By fact: to numbers by name, and back."""
