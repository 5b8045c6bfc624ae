"""Whether a second pass over a loader gives what the first one gave, batch by batch."""

from __future__ import annotations

import hashlib
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
    """Of the labels every bit; of the features a projection, left on their device until compared.

    Its weights are random signs by row and by column, so that rows which changed places, or that
    another augmentation came to, change it.
    """

    labels: bytes
    shape: tuple[int, ...]
    features: Tensor  # (2,) float64: the projection, and the sum of squares
    tolerance: float

    def compare(self, other: Digest, batch: int) -> None:
        """Raise ``Differs`` unless both are of the same batch."""
        if self.labels != other.labels or self.shape != other.shape:
            raise Differs(f"batch {batch:,} holds other labels than in the first pass")
        (first, square), (second, _) = torch.stack([self.features, other.features]).tolist()
        if not abs(first - second) <= self.tolerance * square**0.5:
            raise Differs(
                f"batch {batch:,} gives other features than in the first pass: "
                "what augments it draws from a generator of its own"
            )


def digest_of(collected: Collected) -> Digest:
    """Of one batch, without waiting for the device."""
    features, labels = collected.features, collected.labels
    rows, dim = features.shape
    wide = features.double() if features.dtype == torch.float64 else features.float()
    # No products of matrices: autocast, which is off in a second look, would make them of halves.
    across = (wide * _signs(dim, 1, wide.dtype, wide.device)).sum(1)  # (B,)
    projection = (across.double() * _signs(rows, 2, torch.float64, wide.device)).sum()
    values = torch.stack([projection, wide.double().square().sum()])
    text = labels.cpu().contiguous().view(torch.uint8).numpy().tobytes()
    tolerance = max(CLOSE, 4 * torch.finfo(features.dtype).eps)
    return Digest(hashlib.sha256(text).digest(), tuple(features.shape), values, tolerance)


@lru_cache(maxsize=16)
def _signs(size: int, seed: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return (2.0 * torch.randint(2, (size,), generator=random) - 1).to(device=device, dtype=dtype)
