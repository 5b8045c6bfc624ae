"""Where and how finely to compute, and how much at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch

FEWEST_ROWS = 256

LARGE_BLOCKS = {"block_bytes": 64 << 20, "score_bytes": 256 << 20}
"""For devices with memory of their own: launching and waiting cost more there than cache misses."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A device, a working precision, and block sizes that stay in cache."""

    device: torch.device
    work: torch.dtype
    block_bytes: int = 8 << 20
    """Bytes of features in one block."""
    score_bytes: int = 8 << 20
    """Bytes of scores held at a time."""

    def feature_rows(self, dim: int) -> int:
        return max(self.block_bytes // (self.work.itemsize * dim), FEWEST_ROWS)

    def score_rows(self, width: int) -> int:
        """Rows of a block when ``width`` numbers of each sample are held beside its features."""
        return max(self.score_bytes // (self.work.itemsize * max(width, 1)), FEWEST_ROWS)
