"""Processes that measure one thing together, each with a share of the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from nctool.engine.fact import Accumulator

if TYPE_CHECKING:
    from torch import Tensor

Fed = dict[str, Accumulator[Any]]
"""Accumulators by the names of their facts, to be replaced."""
Empty = Callable[[str], Accumulator[Any]]
"""Makes the accumulator of a fact anew."""


class Group(Protocol):
    """All processes call the same methods in the same order."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def merge(self, fed: Fed, empty: Empty, /) -> None:
        """Afterwards the accumulators of every process, made anew, hold the sums of all."""

    def gather(self, values: Tensor, /) -> list[Tensor]:
        """Those of every process, by rank; their first dimensions may differ."""
        ...

    def fill(self, rank: int, values: Tensor, /) -> None:
        """Write what one process has into the values of all others, which have its size."""


class Alone:
    """One process."""

    rank, size = 0, 1

    def merge(self, fed: Fed, empty: Empty, /) -> None:
        """There is nothing to add."""

    def gather(self, values: Tensor, /) -> list[Tensor]:
        return [values]

    def fill(self, rank: int, values: Tensor, /) -> None:
        """There is nobody else."""


ALONE = Alone()


def share_of(total: int, group: Group, rank: int | None = None) -> tuple[int, int]:
    """Which of so many rows a process reads: neighbours, so that files are read in one go."""
    rank = group.rank if rank is None else rank
    return total * rank // group.size, total * (rank + 1) // group.size
