"""Local processes of our own: split off before anything heavy is imported, and seen to their end.

Unlike torchrun, the process that starts them passes their exit code on as it is.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from nctool.core.errors import ResourceError, UsageError
from nctool.ranks.place import Place

LOOK = 0.05
"""Seconds between two looks at who has ended."""
TOLD, LEAVE, KILL = 0.5, 5.0, 10.0
"""Seconds after an interruption and after a failure in which processes end by themselves, and after
which they are sent a signal that nobody can ignore."""
INTERRUPTED = 130


def split(count: int, say: Callable[[ResourceError], None]) -> Place | int:
    """In each of so many new processes its place; in this one, when all have ended, the exit code.

    ``say`` prints what none of them could.
    """
    if not hasattr(os, "fork"):
        raise UsageError(
            "no-processes",
            "this system cannot split a process",
            "torchrun --nproc-per-node N -m nctool ...",
        )
    folder = Path(tempfile.mkdtemp(prefix="nctool-ranks-"))
    parent = os.getpid()
    ranks: dict[int, int] = {}
    for rank in range(count):
        child = os.fork()
        if child == 0:
            if sys.platform == "linux":
                # Not over the network, whatever the name of this machine resolves to.
                os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
            return Place(rank, count, f"file://{folder / 'store'}", rank, count, parent)
        ranks[child] = rank
    try:
        return Family(ranks, say).seen_off()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class Family:
    """The processes that were started, by the number that the system knows them by."""

    ranks: dict[int, int]
    say: Callable[[ResourceError], None]
    code: int = 0
    since: float | None = None
    """When the first of them failed."""
    interrupted: int | None = None
    patience: float = LEAVE
    signals: list[int] = field(default_factory=lambda: [signal.SIGTERM, signal.SIGKILL])

    def seen_off(self) -> int:
        kinds = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(kind, self._interrupt) for kind in kinds]
        try:
            while self.ranks:
                child, status = os.waitpid(-1, os.WNOHANG)
                if child:
                    self._ended(self.ranks.pop(child), os.waitstatus_to_exitcode(status))
                else:
                    self._hurry()
                    time.sleep(LOOK)
        finally:
            for kind, handler in zip(kinds, before, strict=True):
                signal.signal(kind, handler)
        return self.code if self.interrupted is None else self.interrupted

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        # A terminal sends Ctrl-C to all of them; a moment later they are told in any case.
        self.interrupted, self.patience = 128 + number, TOLD
        self._fail(0)

    def _ended(self, rank: int, code: int) -> None:
        if code == 0:
            return
        if code < 0 and self.since is None:
            name = signal.Signals(-code).name
            self.say(
                ResourceError(
                    "rank-lost",
                    f"rank {rank} was ended by {name}",
                    "SIGKILL is what the system sends where memory runs out: use fewer processes"
                    if -code == signal.SIGKILL
                    else "the other ranks were ended",
                )
            )
            self._fail(ResourceError.exit_code)
            self._send(signal.SIGTERM)
        self._fail(code)

    def _fail(self, code: int) -> None:
        if self.since is None:
            self.since, self.code = time.monotonic(), code

    def _hurry(self) -> None:
        """The others have heard of a failure, and end; if not, they are made to."""
        if self.since is None or not self.signals:
            return
        if time.monotonic() - self.since > self.patience:
            self._send(self.signals.pop(0))
            self.patience = KILL

    def _send(self, number: int) -> None:
        for child in self.ranks:
            os.kill(child, number)
