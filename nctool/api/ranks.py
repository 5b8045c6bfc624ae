"""The processes of torch.distributed that a function of Python is called in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nctool.core.errors import ResourceError, UsageError
from nctool.engine.group import ALONE, Group

PATIENCE = 120
"""Seconds; NCTOOL_RANK_TIMEOUT says otherwise."""
met = 0
"""How often this process has met the others: each time under names of its own in the store."""


def several() -> bool:
    """Has torch.distributed a group of more than one process?"""
    import torch.distributed as dist

    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def meet(store: Any, rank: int, size: int) -> None:
    """Raise unless every rank comes: who calls alone would wait in an exchange of nobody's.

    Before all have come nothing is exchanged, so that others may exchange what is theirs.
    """
    global met
    from nctool.ranks.arrival import absent, named
    from nctool.ranks.meeting import distributed

    here = distributed().PrefixStore(f"nctool/{met}", store)
    seconds = int(os.environ.get("NCTOOL_RANK_TIMEOUT") or PATIENCE)
    missing = absent(here, rank, size, seconds)
    if missing:
        here.delete_key(str(rank))
        raise ResourceError(
            "ranks-missing",
            f"{named(missing)} of {size} did not come within {seconds} seconds",
            "call it in every process, or with ranks=False in one: that measures its samples alone",
        )
    met += 1


@contextmanager
def every_rank(wanted: bool | None) -> Iterator[Group]:
    """All ranks of the default group, if they are wanted; what one of them raises all raise.

    None wants them where there are several.
    """
    if wanted is None:
        wanted = several()
    if not wanted:
        yield ALONE
        return
    import torch.distributed as dist
    from torch.distributed.distributed_c10d import _get_default_store

    from nctool.ranks.group import Ranks

    if not (dist.is_available() and dist.is_initialized()):
        message = "ranks=True, but torch.distributed has no group of processes here"
        hint = "call torch.distributed.init_process_group() in each of them first"
        raise UsageError("no-ranks", message, hint)
    meet(_get_default_store(), dist.get_rank(), dist.get_world_size())
    group = Ranks()
    with group.phase():
        yield group
