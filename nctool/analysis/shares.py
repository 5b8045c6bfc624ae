"""What of a source each process reads, and of which classes it holds the state."""

from __future__ import annotations

from nctool.arrays import Source
from nctool.engine.device import Engine
from nctool.engine.group import Group, share_of
from nctool.facts.costs import state_bytes
from nctool.settings.budget import Budget


def share(source: Source, group: Group) -> tuple[int, int]:
    """Which rows this process reads: those that it has, or an equal part of a file's."""
    total = 0 if source.features is None else source.features.shape[0]
    return source.share or share_of(total, group)


def class_share(
    source: Source, budget: Budget, engine: Engine, group: Group
) -> tuple[int, int] | None:
    """The classes whose state this process holds, where that of all is too much for each.

    It reads the rows of these wherever they lie, which rows that only one process has do not allow.
    """
    if group.size == 1 or source.features is None or source.share is not None:
        return None
    classes, dim = len(source.names), source.features.shape[1]
    if state_bytes(classes, dim, engine.work.itemsize) <= budget.memory:
        return None
    return share_of(classes, group)
