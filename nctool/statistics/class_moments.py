"""The first sweep over some of the classes, and how those of all processes are put together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nctool.engine.block import Block
from nctool.engine.group import Group, share_of
from nctool.statistics.moment_sweep import MomentSweep
from nctool.statistics.moments import Moments


class ClassMoments:
    """State of this process's classes alone, until all have read; then the moments of all.

    Nothing is added up between processes, so that none ever holds two tables of all classes.
    """

    def __init__(self, classes: int, own: MomentSweep) -> None:
        self.classes = classes
        self.own: MomentSweep | None = own
        self.whole: Moments | None = None

    def add(self, block: Block) -> None:
        assert self.own is not None
        self.own.add(block)

    def sums(self) -> Any:
        raise AssertionError("shared out by class: put together, not added up")

    def merge(self, other: Any) -> None:
        raise AssertionError("shared out by class: put together, not added up")

    def assemble(self, group: Group) -> None:
        """Every process sends its rows of each table to all, into the table itself."""
        assert self.own is not None
        own, self.own = self.own.finish(), None
        zero_rows = torch.cat(group.gather(torch.tensor([own.zero_rows])))

        def whole(rows: Tensor) -> Tensor:
            table = rows.new_empty(self.classes, *rows.shape[1:])
            start, stop = share_of(self.classes, group)
            table[start:stop] = rows
            for rank in range(group.size):
                start, stop = share_of(self.classes, group, rank)
                group.fill(rank, table[start:stop])
            return table

        self.whole = Moments(
            whole(own.count),
            whole(own.mean),
            whole(own.scatter),
            None if own.unit_mean is None else whole(own.unit_mean),
            None if own.inverse_norm is None else whole(own.inverse_norm),
            int(zero_rows.sum()),
        )

    def finish(self) -> Moments:
        assert self.whole is not None
        return self.whole
