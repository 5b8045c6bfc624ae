"""Whether a second pass over a loader gives what the first one gave, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from nctool.capture.rows import Collected

CLOSE = 1e-4
"""Of the length of all features together. On a CPU the same batch gives the same bits; kernels
whose order of summation varies differ by far less than this, augmentation by far more."""


class Differs(Exception):
    """The second pass is not the first; the text says where."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Projections of labels and features, left on their device until they are compared.

    Weights differ from row to row and from column to column, so that rows which changed places, or
    that another augmentation came to, change them.
    """

    form: tuple[object, ...]
    """Shape and type of the features."""
    labels: Tensor  # () float64
    features: Tensor  # (2,) float64: the projection, and the sum of squares
    tolerance: float

    def compare(self, other: Digest, batch: int) -> None:
        """Raise ``Differs`` unless both are of the same batch."""
        if self.form == other.form:
            (first, square), (second, later) = torch.stack([self.features, other.features]).tolist()
            if self.labels.tolist() != other.labels.tolist():
                raise Differs(f"batch {batch:,} holds other labels than in the first pass")
            same = abs(first - second) <= self.tolerance * square**0.5
            if not (same and abs(square - later) <= self.tolerance * square):
                raise Differs(
                    f"batch {batch:,} gives other features than in the first pass: "
                    "what augments it draws from a generator of its own"
                )
        else:
            raise Differs(f"batch {batch:,} has features of another shape or type than before")


def digest_of(collected: Collected) -> Digest:
    """Of one batch, without waiting for the device."""
    features, labels = collected.features, collected.labels.reshape(-1)
    rows, dim = features.shape
    wide = features if features.dtype == torch.float64 else features.float()
    # No products of matrices: autocast, which is off in a second look, would make them of halves.
    across = (wide * _weights(dim, wide.device).to(wide.dtype)).sum(1)  # (B,)
    projection = (across.double() * _weights(rows, wide.device)).sum()
    values = torch.stack([projection, wide.double().square().sum()])
    said = (labels.double() * _weights(len(labels), labels.device)).sum()
    # Single roundings that differ add up like a random walk: to less than one of them all.
    tolerance = max(CLOSE, torch.finfo(features.dtype).eps)
    form = (*features.shape, features.dtype)
    return Digest(form, said, values, tolerance)


def _weights(size: int, device: torch.device) -> Tensor:
    """(size,) Numbers from -1 to 1, no two alike: the multiples of the golden ratio, modulo one.

    On a device made where they are used: what is kept would belong to the stream that made it.
    """
    return _kept_weights(size) if device.type == "cpu" else _new_weights(size, device)


@lru_cache(maxsize=8)
def _kept_weights(size: int) -> Tensor:
    return _new_weights(size, torch.device("cpu"))


def _new_weights(size: int, device: torch.device) -> Tensor:
    steps = torch.arange(1, size + 1, dtype=torch.float64, device=device)
    return torch.frac(steps * ((5**0.5 - 1) / 2)) * 2 - 1
