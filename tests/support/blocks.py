"""Blocks of samples without a reader."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from nctool.engine.block import Block
from nctool.engine.workspace import Workspace


def blocks_of(x: torch.Tensor, y: torch.Tensor, rows: int = 1000) -> Iterator[Block]:
    """Samples (N, D) and classes (N,), so many at a time."""
    space = Workspace(x.dtype, x.device)
    first = 0
    for part, classes in zip(torch.split(x, rows), torch.split(y, rows), strict=True):
        yield Block(part, classes, first, space)
        first += len(part)
