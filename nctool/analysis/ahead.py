"""The next of several sources is opened while one is measured: one ahead, in a thread.

It holds what opening holds, no more: headers, head and labels. Of the features the system is asked
for pages, which it keeps or drops.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from nctool.arrays import Source
from nctool.core.progress import Advance, Progress

Load = Callable[[Progress], Source]
Say = Callable[[str], None]

PATIENCE = 2.0
"""Seconds in which a load that nobody waits for is to end: downloads do at their next MiB."""
GLANCE = 0.1
STEP = 1 << 20
MOSTLY = 2
"""Pages are asked for of files that are at most so many times as large as the features in them."""


class Abandoned(Exception):
    """Nobody waits for it any more."""


class Pending:
    """One load in a thread of its own; its progress is kept as a note."""

    def __init__(self, load: Load, memory: int) -> None:
        self.load, self.memory = load, memory
        self.note, self.abandoned, self.done = "", False, Event()
        self.source: Source | None = None
        self.problem: BaseException | None = None
        # A daemon: a server that never answers does not keep the process from ending.
        self.thread = Thread(target=self._run, name="nctool-next", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.source = source = self.load(self)
        except BaseException as problem:  # raised again by whoever waits, in the main thread
            self.problem = problem
        self.done.set()
        if self.problem is None:
            self._ask_for_pages(source)

    def taken(self, say: Say) -> Source:
        """The source, once it is there; a problem is raised as if it came now."""
        # In steps, so that Ctrl-C is heard and the note is shown.
        while not self.done.wait(GLANCE):
            say(self.note)
        if self.problem is not None:
            raise self.problem
        source, self.source = self.source, None
        assert source is not None
        return source

    def abandon(self) -> None:
        """End it, or leave it to end with the process."""
        self.abandoned = True
        self.thread.join(PATIENCE)
        self.source = None

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        """The progress of this load; a bar of its own would be drawn into that of the analysis."""
        moved = 0.0

        def advance(amount: float, note: str = "") -> None:
            nonlocal moved
            if self.abandoned:
                raise Abandoned
            moved += amount
            self.note = f"{title} {moved / max(total, 1):.0%}"

        yield advance

    def _ask_for_pages(self, source: Source) -> None:
        """A hint: a file that is mostly features will be read from its beginning to its end."""
        features = source.features
        if features is None or not features.path or not hasattr(os, "posix_fadvise"):
            return
        with suppress(OSError, ValueError), Path(features.path).open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= min(self.memory, MOSTLY * features.nbytes):
                for start in range(0, size, STEP):
                    if self.abandoned:
                        return
                    os.posix_fadvise(file.fileno(), start, STEP, os.POSIX_FADV_WILLNEED)


class InTurn:
    """Sources one after another; the first is loaded where it is asked for, as a single one is."""

    def __init__(self, loads: Sequence[Load], memory: int) -> None:
        self.loads, self.memory = list(loads), memory
        self.upcoming: Pending | None = None

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, *_: object) -> None:
        if self.upcoming is not None:
            self.upcoming.abandon()

    def next(self, progress: Progress, say: Say) -> Source:
        """The next source; from now on the one after it is loaded."""
        load = self.loads.pop(0)
        source = load(progress) if self.upcoming is None else self.upcoming.taken(say)
        self.upcoming = Pending(self.loads[0], self.memory) if self.loads else None
        return source
