"""The processes of torch.distributed that a function of Python is called in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nctool.core.errors import UsageError
from nctool.engine.group import ALONE, Group


@contextmanager
def every_rank(wanted: bool) -> Iterator[Group]:
    """All ranks of the default group, if they are wanted; what one of them raises all raise."""
    if not wanted:
        yield ALONE
        return
    import torch.distributed as dist

    from nctool.ranks.group import Ranks

    if not (dist.is_available() and dist.is_initialized()):
        message = "ranks=True, but torch.distributed has no group of processes here"
        hint = "call torch.distributed.init_process_group() in each of them first"
        raise UsageError("no-ranks", message, hint)
    group = Ranks()
    with group.phase():
        yield group
