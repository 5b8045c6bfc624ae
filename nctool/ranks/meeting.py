"""Processes find each other, measure together, and end together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nctool.core.errors import NctoolError, ResourceError
from nctool.engine.group import ALONE, Group
from nctool.ranks.arrival import absent, named
from nctool.ranks.place import Place
from nctool.ranks.watch import Watch, leave_cause

if TYPE_CHECKING:
    from nctool.ranks.group import Ranks
    from nctool.ranks.wire import RankLost

BY_PARENT = 10.0
"""Seconds in which the process that started all ranks ends them once one is lost."""


@dataclass(slots=True)
class Meeting:
    """A process among others that were started to measure one thing."""

    place: Place
    timeout: int
    watch: Watch | None = None
    group: Ranks | None = None

    @property
    def heard(self) -> bool:
        """Whether what is raised here was said by another rank, and is the same on all."""
        return self.group is not None and self.group.heard

    @contextmanager
    def joined(self) -> Iterator[Group]:
        """All of them, once all are there."""
        from nctool.ranks.group import Ranks

        dist = distributed()
        if self.place.size == 1:
            yield ALONE
            return
        store = self._store()
        # A connection of its own: calls on one wait for each other.
        own = store.clone() if hasattr(store, "clone") else store
        self.watch = watch = Watch(self.place, dist.PrefixStore("nctool", own))
        watch.start()
        self._all_here(dist.PrefixStore("came", store))
        dist.init_process_group(
            _backend(self.place),
            store=dist.PrefixStore("group", store),
            rank=self.place.rank,
            world_size=self.place.size,
            timeout=timedelta(seconds=self.timeout),
        )

        def counted(turn: int) -> None:
            watch.turn = turn

        self.group = group = Ranks(counted, tells=False)
        with group.phase():  # Nobody leaves before all are done.
            yield group
        watch.stop()
        dist.destroy_process_group()

    def _store(self) -> Any:
        dist = distributed()
        wait = timedelta(seconds=self.timeout)
        if self.place.meeting.startswith("file://"):
            return dist.FileStore(self.place.meeting.removeprefix("file://"), self.place.size)
        try:
            found = dist.rendezvous(
                self.place.meeting, self.place.rank, self.place.size, timeout=wait
            )
            store, _, _ = next(iter(found))
        except (RuntimeError, ValueError) as problem:
            raise self._missing("") from problem
        return store

    def _all_here(self, store: Any) -> None:
        """Raise unless every rank has come in time."""
        missing = absent(store, self.place.rank, self.place.size, self.timeout)
        if missing:
            raise self._missing(named(missing))

    def _missing(self, who: str) -> ResourceError:
        return ResourceError(
            "ranks-missing",
            f"{who or 'the first rank'} of {self.place.size} did not come within "
            f"{self.timeout} seconds (--rank-timeout)",
            "--processes 1 measures alone, whatever RANK and WORLD_SIZE say",
        )

    def end(self, problem: NctoolError) -> NctoolError | None:
        """All others end too; the error that this process is to print, if it is the one."""
        from nctool.ranks.wire import RankLost

        if self.watch is not None:
            if isinstance(problem, RankLost):
                problem, said = self._lost(self.watch, problem), True
            else:
                said = self.heard
            if not self.watch.fault(problem.exit_code, f"{problem.slug}: {problem.message}"):
                return None
            if not (said or self.watch.common):
                message = f"rank {self.place.rank}: {problem.message}"
                problem = type(problem)(problem.slug, message, problem.hint)
        leave_cause(self.place, f"{problem.slug}: {problem.message}")
        return problem

    def _lost(self, watch: Watch, problem: RankLost) -> NctoolError:
        """The same with the ranks that are gone, or that have kept the others waiting."""
        if problem.late and (behind := watch.behind()):
            return ResourceError(
                "rank-lost",
                f"{named(behind)} kept the others waiting for more than {self.timeout} seconds",
                "a larger --rank-timeout waits longer",
            )
        if self.place.parent is not None and not problem.late:
            # It sees who was lost, and how, and ends this process, too.
            time.sleep(min(BY_PARENT, self.timeout))
        if gone := watch.gone():
            return ResourceError(
                "rank-lost",
                f"{named(gone)} ended without a word",
                "it may have run out of memory: use fewer processes, or less --memory",
            )
        return problem


def distributed() -> Any:
    """torch.distributed, which does not declare the stores that it shows."""
    import torch.distributed

    if not torch.distributed.is_available():
        raise ResourceError(
            "no-distributed", "this torch was built without torch.distributed", "install another"
        )
    return torch.distributed


def _backend(place: Place) -> str:
    """NCCL too where each rank of this machine has a GPU of its own."""
    import torch
    import torch.distributed as dist

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus < place.neighbours or not dist.is_nccl_available():
        return "gloo"
    torch.cuda.set_device(place.local)
    return "cpu:gloo,cuda:nccl"
