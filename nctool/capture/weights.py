"""Copies of a head's weight, made at the instant of its use and no oftener than needed."""

from __future__ import annotations

import torch
from torch import Tensor

from nctool.capture.products import detached

LARGE = 1 << 22
"""Elements from which on a copy in main memory takes milliseconds: a vocabulary's head."""

SAMPLED = 4096
"""Of these, elements that are compared to see whether a step of training lies between."""


class Weights:
    """Remembers its last copy of a large weight, for as long as the weight stays the same."""

    def __init__(self) -> None:
        self._sample: Tensor | None = None
        self._copy: Tensor | None = None

    def copy(self, weight: Tensor) -> Tensor:
        weight = detached(weight)
        flat = weight if weight.is_contiguous() else weight.T
        # On a device a copy costs next to nothing, and a comparison would wait for it.
        cheap = weight.device.type != "cpu" or weight.numel() <= LARGE
        if cheap or not flat.is_contiguous() or torch.compiler.is_compiling():
            return weight.clone()
        # Values, not versions: fused optimizers and swapped averages leave no trace in versions.
        sample = flat.reshape(-1)[:: weight.numel() // SAMPLED].clone()
        known = self._copy is not None and self._copy.shape == weight.shape
        if not known or self._sample is None or not torch.equal(sample, self._sample):
            self._sample, self._copy = sample, weight.clone()
        assert self._copy is not None
        return self._copy
