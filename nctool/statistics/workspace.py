"""Scratch memory that is used again for every block: fresh pages cost more than the arithmetic."""

from __future__ import annotations

import torch
from torch import Tensor


class Workspace:
    """Named matrices that grow to the largest block and are handed out by their first rows."""

    def __init__(self, work: torch.dtype, device: torch.device) -> None:
        self.work = work
        self.device = device
        self.held: dict[str, Tensor] = {}

    def matrix(
        self, name: str, rows: int, columns: int, dtype: torch.dtype | None = None
    ) -> Tensor:
        """A (rows, columns) matrix with arbitrary content; the last one of that name is lost."""
        size = rows * columns
        if name not in self.held or self.held[name].numel() < size:
            self.held[name] = torch.empty(size, dtype=dtype or self.work, device=self.device)
        return self.held[name][:size].view(rows, columns)

    def rows_of(self, name: str, table: Tensor, index: Tensor) -> Tensor:
        """``table[index]`` without a fresh matrix."""
        out = self.matrix(name, len(index), table.shape[1])
        return torch.index_select(table, 0, index, out=out)

    def difference(self, name: str, left: Tensor, right: Tensor) -> Tensor:
        return torch.sub(left, right, out=self.matrix(name, *left.shape))

    def product(self, name: str, left: Tensor, right: Tensor) -> Tensor:
        return torch.mm(left, right, out=self.matrix(name, len(left), right.shape[1]))
