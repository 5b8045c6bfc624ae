"""Where in a model its features are: the input of the head, said in words a user can check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Via: TypeAlias = Literal["hook", "mode", "impulse"]
Rows: TypeAlias = Literal["samples", "positions", "one position per sample"]


@dataclass(frozen=True, slots=True)
class Site:
    """One operation of a model's forward, which is its head."""

    name: str
    """The path of the module that is the head or computes it, "" for the model itself."""

    kind: str
    """What it is: the type of the module, or the operation as torch calls it."""

    how: str
    """How the logits follow from what comes out: "same tensor", "log_softmax", ..."""

    via: Via
    """By a hook on the module, by watching operations while it runs, or by a hook and the module's
    answer to impulses, where it is a linear map made of several operations."""

    call: int
    """Which one it is of those in a forward, counted from 0."""

    calls: int
    """How many such there are in one forward."""

    classes: int
    dim: int
    rows: Rows
    columns: int
    """Rows of the weight as the operation has it; those after the first ``classes`` are padding."""

    operation: str
    """The product inside, as torch calls it."""

    pooled: bool = False
    """The logits are the mean over the positions of a sample, and so are its features."""

    transposed: bool = False
    """The module holds its weight as (dim, classes)."""

    adds: bool = False
    """Its bias is added by an operation of its own."""

    within: str = ""
    """The path of the module that computes all of it, where operations are watched."""

    output: str = ""
    """Where the logits are in what the model returns."""

    def __str__(self) -> str:
        place = f"{self.name or 'the model itself'} ({self.kind}, {self.classes} x {self.dim})"
        which = f", call {self.call + 1} of {self.calls}" if self.calls > 1 else ""
        if self.adds and self.within != self.name:
            which += ", with the bias added after it"
        if self.how == NAMED:
            return f"head: {place}{which}, as named; how the logits follow from it was not seen"
        tail = TAILS.get(self.how, f" by {self.how}")
        return f"head: {place}{which}, which gives the logits{tail}"


NAMED = "as named"
"""The user's word alone: the logits are not explained by it in any way that is known."""

TAILS = {
    "same tensor": "",
    "equal": "",
    "bias added": " after a bias is added",
    "scaled": " after scaling",
    "per-class affine": " after scale and shift of each class",
}
"""Where the sentence does not end in "by" and the name of what follows."""
