"""A checkpoint's weights into a model: found by name, matched key by key, taken out again.

The arrays come from nctool's own readers, so that nothing in a file is executed. Which of them are
the model's follows from the names alone: whatever stands before them in the file (``state_dict``,
``model``, ``module``, a Lightning module's own name for its network) is the same for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nctool.arrays import LazyArray, Opened
from nctool.capture.state_fit import Fit, groups, mismatch, parts_of, plain_names, tied_names
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.core.text import one_line
from nctool.roles.array_names import AVERAGES, words

FINGERPRINT_ROWS = 16


@dataclass(frozen=True, slots=True)
class State:
    """The arrays of a checkpoint that are a model's, by their names in the model."""

    opened: Opened
    prefix: str
    arrays: Mapping[str, LazyArray]
    notices: tuple[Notice, ...] = ()

    @property
    def fingerprint(self) -> str:
        """A hash over sixteen rows of each array: two moments of a training differ in all."""
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            rows = array.shape[0] if array.shape else 1
            step = max(1, rows // FINGERPRINT_ROWS)
            for row in [*range(0, rows, step)][:FINGERPRINT_ROWS]:
                part = _tensor(array.rows(row, row + 1)).contiguous().reshape(-1)
                digest.update(part.view(torch.uint8).numpy().tobytes())
        return "rows16:" + digest.hexdigest()[:16]


def state_for(model: nn.Module, opened: Opened, prefix: str | None = None) -> State:
    """The state of this model in a file, by headers alone; all of it, or an error that says what.

    ``prefix`` names it where the file holds several.
    """
    tensors = {name: each for name, each in model.state_dict().items() if isinstance(each, Tensor)}
    asked = None if prefix is None else parts_of(prefix)
    tried: list[Fit] = []
    for plain in plain_names(tensors):
        wanted = {plain[name]: tensor for name, tensor in tensors.items()}
        tied = tied_names(wanted)
        fits = {
            parts: Fit(wanted, group, tied)
            for parts, group in groups(opened.arrays, wanted).items()
            if asked is None or parts[: len(asked)] == asked
        }
        whole = [parts for parts, fit in fits.items() if fit.exact]
        if whole:
            parts, notices = _chosen(opened, whole, asked)
            arrays = fits[parts].arrays
            named = {name: arrays[plain[name]] for name in tensors}
            return State(opened, ".".join(parts), named, notices)
        tried += fits.values()
    raise mismatch(opened, tried, tensors, prefix)


@contextmanager
def borrowed(model: nn.Module) -> Iterator[Callable[[State], None]]:
    """Calling what this yields loads a state; afterwards the model has its own again."""
    original = {
        name: each.detach().clone() if isinstance(each, Tensor) else each
        for name, each in model.state_dict().items()
    }

    def load(state: State) -> None:
        arrays = {
            name: _tensor(array.whole()).reshape(original[name].shape)
            for name, array in state.arrays.items()
        }
        # What is no tensor in a state is no weight: the model keeps its own.
        model.load_state_dict(original | arrays)

    try:
        yield load
    finally:
        # As it was put in, through the model's own hooks: what its state holds may be copies.
        model.load_state_dict(original)


def _chosen(
    opened: Opened, whole: Sequence[tuple[str, ...]], asked: tuple[str, ...] | None
) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """Of several states that fit, the only one that is no moving average."""
    exactly = [parts for parts in whole if parts == asked]
    raw = exactly or [parts for parts in whole if not _averaged(parts)] or [*whole]
    if len(raw) > 1:
        names = [one_line(".".join(parts)) for parts in raw]
        message = f"'{opened.where}' holds {len(raw)} states that fit the model: {', '.join(names)}"
        hint = f"name one: '{opened.where}::{names[-1]}'"
        raise InputError("state-ambiguous", message, hint)
    [parts] = raw
    others = [".".join(each) for each in whole if each != parts]
    if not others or asked is not None:
        return parts, ()
    twin = one_line(others[0])
    message = f"'{opened.where}' holds the weights as a moving average ({twin}) too; raw is used"
    hint = f"for the average: '{opened.where}::{twin}'"
    return parts, (Notice("state-twin", message, hint, {"others": others}),)


def _averaged(parts: Sequence[str]) -> bool:
    return any(AVERAGES & set(words(part)) for part in parts)


def _tensor(rows: object) -> Tensor:
    assert isinstance(rows, Tensor)  # arrays of text fit no model
    return rows
