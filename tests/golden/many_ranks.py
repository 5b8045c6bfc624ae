"""Messages of processes that measure one thing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nctool import analyze
from nctool.analysis import together
from nctool.api import ranks as api_ranks
from nctool.cli import ranks
from nctool.core.errors import NctoolError
from nctool.ranks import local, meeting
from nctool.ranks.place import MEETING, Place
from nctool.ranks.wire import RankLost
from nctool.settings.rank_options import RankOptions

MODULES = {
    "rank_options": "settings/rank_options.py",
    "cli_ranks": "cli/ranks.py",
    "local": "ranks/local.py",
    "meeting": "ranks/meeting.py",
    "together": "analysis/together.py",
    "api_ranks": "api/ranks.py",
}

OTHERS = meeting.Meeting(Place(0, 4), 600)


def under_torchrun() -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in MEETING:
            patch.setenv(name, "4")
        ranks.place_of(RankOptions(processes=2))


def without_fork() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(os, "fork", raising=False)
        local.split(2, print)


def without_distributed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "is_available", lambda: False)
        meeting.distributed()


def killed() -> None:
    def raised(error: NctoolError) -> None:
        raise error

    local.Family({}, raised)._ended(1, -signal.SIGKILL)


def lost(reason: str, **seen: list[int]) -> None:
    """One act of torch.distributed has failed, and others have been seen so."""
    watch: Any = SimpleNamespace(**{name: lambda who=who: who for name, who in seen.items()})
    raise OTHERS._lost(watch, RankLost("rank-lost", reason))


def differing() -> None:
    texts = [json.dumps({"labels": name}).encode() for name in ("a", "a", "b")]
    parts = [torch.frombuffer(bytearray(text), dtype=torch.uint8) for text in texts]
    group: Any = SimpleNamespace(gather=lambda values: parts)
    together.check_same({}, group)


def missing() -> None:
    raise OTHERS._missing("rank 1")


def alone_of_two() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NCTOOL_RANK_TIMEOUT", "1")
        api_ranks.meet(meeting.distributed().HashStore(), 0, 2)


CASES: dict[str, Callable[[], object]] = {
    "rank_options.bad-processes": lambda: RankOptions(processes=0),
    "rank_options.bad-rank-timeout": lambda: RankOptions(rank_timeout=0),
    "cli_ranks.processes-under-torchrun": under_torchrun,
    "local.no-processes": without_fork,
    "local.rank-lost": killed,
    "meeting.no-distributed": without_distributed,
    "meeting.ranks-missing": missing,
    "meeting.rank-lost.late": lambda: lost("Timed out", behind=[2]),
    "meeting.rank-lost.gone": lambda: lost("closed", gone=[1, 3]),
    "together.ranks-differ": differing,
    "api_ranks.ranks-missing": alone_of_two,
    "api_ranks.no-ranks": lambda: analyze(weight=torch.eye(3), ranks=True),
}
