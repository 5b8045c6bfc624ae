"""Processes that measure one thing together, each with a share of the samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from nctool.engine.fact import Accumulator


class Group(Protocol):
    """All processes call the same methods in the same order."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def merge(self, running: Mapping[str, Accumulator[Any]], /) -> None:
        """Afterwards every accumulator holds, in every process, the sums of all of them."""

    def gather(self, values: Tensor, /) -> list[Tensor]:
        """Those of every process, by rank; their first dimensions may differ."""
        ...


class Alone:
    """One process."""

    rank, size = 0, 1

    def merge(self, running: Mapping[str, Accumulator[Any]], /) -> None:
        """There is nothing to add."""

    def gather(self, values: Tensor, /) -> list[Tensor]:
        return [values]


ALONE = Alone()


def share_of(total: int, group: Group) -> tuple[int, int]:
    """Which of so many rows a process reads: neighbours, so that files are read in one go."""
    edge = [total * rank // group.size for rank in (group.rank, group.rank + 1)]
    return edge[0], edge[1]
