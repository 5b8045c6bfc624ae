"""Sums over samples: by class, and of all rows."""

from __future__ import annotations

import torch
from torch import Tensor

from nctool.engine.block import Block, Part, Product


def by_class(y: Tensor, values: Tensor, classes: int) -> Tensor:  # (K,) float64
    """Sums of one number per sample by class."""
    if y.device.type != "cpu":
        # Counting there waits to know the largest, and with weights has no deterministic kernel;
        # adding by index has one, and no size to wait for.
        total = torch.zeros(classes, dtype=torch.float64, device=y.device)
        return total.index_add_(0, y, values.double())
    return torch.bincount(y, weights=values.double(), minlength=classes)


def counted(numbers: Tensor, size: int) -> Tensor:  # (size,) int64
    """How often each of 0 … size - 1 comes."""
    if numbers.device.type != "cpu":
        total = torch.zeros(size, dtype=torch.int64, device=numbers.device)
        return total.index_add_(0, numbers, torch.ones_like(numbers))
    return torch.bincount(numbers, minlength=size)


class ClassSums:
    """The sum over each class of one number per sample."""

    def __init__(
        self,
        values: Part[Tensor],
        counts: Tensor,
        *,
        reads: tuple[Product, ...] = (),
        width: int = 0,
    ) -> None:
        """``counts`` (K,) float64: for their shape and place only."""
        self.values = values
        self.reads, self.width = reads, width
        self.total = torch.zeros_like(counts)  # (K,)

    def add(self, block: Block) -> None:
        self.total += by_class(block.y, block.get(self.values), len(self.total))

    def sums(self) -> Tensor:
        return self.total

    def merge(self, other: Tensor) -> None:
        self.total += other

    def finish(self) -> Tensor:
        return self.total


class Tally:
    """How often each whole number comes: one number per sample."""

    def __init__(
        self, values: Part[Tensor], size: int, *, reads: tuple[Product, ...] = (), width: int = 0
    ) -> None:
        self.values, self.size = values, size
        self.reads, self.width = reads, width
        self.total: Tensor | None = None  # (size,)

    def add(self, block: Block) -> None:
        counts = counted(block.get(self.values), self.size).double()
        self.total = counts if self.total is None else self.total + counts

    def sums(self) -> Tensor:
        return self.finish()

    def merge(self, other: Tensor) -> None:
        self.total = other if self.total is None else self.total + other

    def finish(self) -> Tensor:
        return torch.zeros(self.size, dtype=torch.float64) if self.total is None else self.total


class RowSum:
    """The sum of all rows, and how many there were."""

    def __init__(self, dim: int, device: torch.device) -> None:
        self.total = torch.zeros(dim, dtype=torch.float64, device=device)  # (D,)
        self.rows = 0

    def add(self, rows: Tensor) -> None:  # (B, D) float64
        self.total += rows.sum(0)
        self.rows += len(rows)

    def sums(self) -> tuple[Tensor, int]:
        return self.total, self.rows

    def merge(self, other: tuple[Tensor, int]) -> None:
        self.total += other[0]
        self.rows += other[1]

    def finish(self) -> Tensor:  # (D,) the mean row
        # Of no rows zero, which has no direction; 0/0 would pass for a NaN of the file's.
        return self.total / max(self.rows, 1)
