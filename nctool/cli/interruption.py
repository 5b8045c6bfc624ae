"""Ctrl-C stops long work even where the exception is swallowed on its way up.

Python raises ``KeyboardInterrupt`` wherever the main thread happens to be. In a finalizer or a
callback it is printed and forgotten. So it is remembered too, and raised again with the next step.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import FrameType

from nctool.core.progress import Advance, Progress


@dataclass(slots=True)
class Asked:
    """Whether somebody asked to stop."""

    asked: bool = field(default=False)

    def listen(self) -> None:
        """Only where Ctrl-C is ours to hear: a job in the background ignores it already."""
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt

    def check(self) -> None:
        if self.asked:
            raise KeyboardInterrupt


@dataclass(frozen=True, slots=True)
class Stoppable:
    """Progress whose every step asks whether to go on."""

    shown: Progress
    asked: Asked

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]:
        return self._task(title, total)

    @contextmanager
    def _task(self, title: str, total: int) -> Iterator[Advance]:
        with self.shown.task(title, total) as shown:

            def advance(amount: int, note: str = "") -> None:
                self.asked.check()
                shown(amount, note)

            yield advance


def stoppable(shown: Progress) -> Progress:
    """This progress, and from now on Ctrl-C is heard at each of its steps."""
    asked = Asked()
    asked.listen()
    return Stoppable(shown, asked)
