"""What is known of a model that was run: its head, and what its batches were."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nctool.capture.batches import INNER, Called
from nctool.capture.plan import Plan
from nctool.capture.rows import Collected, Rows
from nctool.capture.site import Site
from nctool.capture.watch import Taken
from nctool.core.errors import InputError


@dataclass(slots=True)
class Watched:
    """A model at its head, and the rows of one pass."""

    model: nn.Module
    plan: Plan
    site: Site
    loader: Any = None
    layers: tuple[str, ...] = ()
    head: tuple[Tensor, ...] = ()
    """Weight (C, d), and bias (C,) if there is one, as the first batch met them: on the CPU."""
    now: tuple[Tensor, ...] = ()
    """The same at the last batch, wherever the model is."""
    rows: Rows = field(init=False)
    dtype: str = ""
    """Of the features as the head saw them."""

    def __post_init__(self) -> None:
        tokens = self.plan.tokens
        share = 1.0 if tokens is None or tokens > 1 else tokens
        self.rows = Rows(self.site, self.plan.ignored, share)

    @property
    def own(self) -> nn.Module:
        """The user's model."""
        return self.model.model if isinstance(self.model, Called) else self.model

    @property
    def place(self) -> str:
        """The path of the head in the user's model."""
        name = self.site.name
        return name.removeprefix(f"{INNER}.") if isinstance(self.model, Called) else name

    def of(self, taken: Taken, labels: Any, inputs: tuple[Any, ...] = ()) -> Collected:
        """The rows of one batch."""
        self.now = tuple(each for each in (taken.weight, taken.bias) if each is not None)
        if not self.head:
            self.head = tuple(each.cpu() for each in self.now)
            self.dtype = str(taken.dtype).removeprefix("torch.")
            self._check_precision(taken.dtype)
        return self.rows.of(taken, labels, inputs)

    def anew(self) -> Watched:
        """The same model at the same place, before the first batch."""
        again = Watched(self.model, self.plan, self.site, self.loader, self.layers)
        again.rows = self.rows.anew()
        return again

    def follow_head(self) -> bool:
        """Take the head of the last batch; whether it is another than that of the first."""
        before, self.head = self.head, tuple(each.cpu() for each in self.now)
        return not all(map(torch.equal, self.head, before))

    def check_head(self) -> None:
        """Raise where the head is not the one that the first batch met."""
        if self.follow_head():
            raise changed("the head changed while the model was run: its weight at the last batch")

    def _check_precision(self, seen: torch.dtype) -> None:
        if self.plan.fp32 and seen.itemsize < 4:
            kind = str(seen).removeprefix("torch.")
            raise InputError(
                "not-fp32",
                f"the head saw {kind} though autocast was off: the model is of this type itself, "
                "or opens autocast in its own forward",
                "collect without fp32, or from model.float() with its own autocast switched off",
            )


def changed(what: str) -> InputError:
    """The error of a model that did not stay the same."""
    hint = (
        "stop whatever trains it meanwhile, or collect from a copy: copy.deepcopy(model);\n"
        "where its own forward writes into its parameters or buffers, let it not do so in eval mode"
    )
    return InputError("model-changed", f"{what} is not that at the first", hint)
