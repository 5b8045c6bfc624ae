"""Commands that several processes carry out together."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import typer

from nctool.cli.shell import INTERRUPTED, as_ours, complain, warn
from nctool.core.errors import UsageError
from nctool.core.notice import Notice
from nctool.engine.group import ALONE, Group
from nctool.ranks import local
from nctool.ranks.meeting import Meeting
from nctool.ranks.place import Place, place_in
from nctool.ranks.watch import deafen, leave
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.rank_options import RankOptions


def place_of(options: RankOptions) -> Place | None:
    """Where this process stands among those that torchrun has started; the first alone prints."""
    place = None if options.processes == 1 else place_in(os.environ)
    if place is not None and options.processes is not None:
        raise UsageError(
            "processes-under-torchrun",
            f"--processes {options.processes}, but RANK and WORLD_SIZE say that {place.size} "
            "processes run already",
            "give one of the two",
        )
    _hush(place)
    return place


def split(
    options: RankOptions, place: Place | None, compute: ComputeOptions
) -> tuple[Place | None, ComputeOptions]:
    """With ``--processes``, each of these; what has started them ends here, with their code."""
    count = options.processes or 1
    if count == 1:
        return place, compute
    cores = cores_here()
    if count > cores:
        warn(
            Notice(
                "more-processes-than-cores",
                f"{count} processes share {cores} cores: they wait for each other",
                f"--processes {cores} is as fast",
            )
        )
    result = local.split(count, complain)
    if isinstance(result, int):
        raise typer.Exit(result)
    _hush(result)
    return result, replace(compute, threads=threads_of(compute.threads, count))


def _hush(place: Place | None) -> None:
    """A message that another rank than the first has goes past this, to the terminal."""
    if place is not None and place.rank:
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115


def cores_here() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_of(asked: int | None, processes: int) -> int:
    """Of each process: all together as many as asked for, or as there are cores."""
    cores = cores_here()
    usual = os.environ.get("OMP_NUM_THREADS", "")
    most = int(usual) if usual.isdecimal() and asked is None else processes * cores
    return max(1, min(most, (asked or cores) // processes))


@contextmanager
def together(options: RankOptions, place: Place | None) -> Iterator[Group]:
    """All processes that carry out this command; what fails in one ends all, with one message."""
    if place is None:
        yield ALONE
        return
    meeting = Meeting(place, options.rank_timeout)
    try:
        with meeting.joined() as group:
            yield group
    except (KeyboardInterrupt, SystemExit):
        deafen()
        if meeting.watch is not None:
            meeting.watch.fault(INTERRUPTED)
        leave(INTERRUPTED)
    except Exception as problem:
        error = as_ours(problem)
        if (said := meeting.end(error)) is not None:
            sys.stderr = sys.__stderr__
            complain(said)
        leave(error.exit_code)
