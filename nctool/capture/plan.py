"""What a user asks of a look at a model."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from nctool.capture.batches import Call, Labels


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a model is looked at, and how its loader is read."""

    head: str | nn.Module | None = None
    layers: str | None = None
    labels: Labels = None
    call: Call | None = None
    tokens: float | None = None
    """Of a language model, the share of tokens up to 1, or their number."""
    fp32: bool = False
    ignored: tuple[int, ...] = (-100,)
