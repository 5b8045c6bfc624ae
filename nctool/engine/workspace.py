"""Scratch memory that is used again for every block: fresh pages cost more than the arithmetic."""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import Tensor

NARROW = 64
"""Products of fewer columns are laid out by column: on a CPU they take two thirds of the time."""


class Workspace:
    """Matrices that grow to the largest block and are handed out by their first rows.

    Each is known by a key: who wants one of its own takes itself for the key.
    """

    def __init__(self, work: torch.dtype, device: torch.device) -> None:
        self.work = work
        self.device = device
        self.held: dict[Hashable, Tensor] = {}

    def matrix(
        self, key: Hashable, rows: int, columns: int, dtype: torch.dtype | None = None
    ) -> Tensor:
        """A (rows, columns) matrix with arbitrary content; the last one of that key is lost."""
        size = rows * columns
        if key not in self.held or self.held[key].numel() < size:
            self.held[key] = torch.empty(size, dtype=dtype or self.work, device=self.device)
        return self.held[key][:size].view(rows, columns)

    def rows_of(self, key: Hashable, table: Tensor, index: Tensor) -> Tensor:
        """``table[index]`` without a fresh matrix."""
        out = self.matrix(key, len(index), table.shape[1])
        return torch.index_select(table, 0, index, out=out)

    def difference(self, key: Hashable, left: Tensor, right: Tensor) -> Tensor:
        return torch.sub(left, right, out=self.matrix(key, *left.shape))

    def product(self, key: Hashable, left: Tensor, right: Tensor) -> Tensor:
        rows, columns = len(left), right.shape[1]
        if columns < NARROW:
            return torch.mm(left, right, out=self.matrix(key, columns, rows).T)
        return torch.mm(left, right, out=self.matrix(key, rows, columns))
