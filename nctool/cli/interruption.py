"""Ctrl-C stops long work even where the exception is swallowed on its way up.

Python raises ``KeyboardInterrupt`` wherever the main thread happens to be. In a finalizer or a
callback it is printed and forgotten. So it is remembered too, and raised again with the next step.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from nctool.core.progress import Advance, Progress


@dataclass(slots=True)
class Interruptible:
    """Progress whose every step raises again a Ctrl-C that came before."""

    shown: Progress
    interrupted: bool = False

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        raise KeyboardInterrupt

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        with self.shown.task(title, total) as shown:

            def advance(amount: float, note: str = "") -> None:
                if self.interrupted:
                    raise KeyboardInterrupt
                shown(amount, note)

            yield advance
            # After its last step, too: with it the reading may be over.
            if self.interrupted:
                raise KeyboardInterrupt


def interruptible(shown: Progress) -> Progress:
    """This progress, and from now on Ctrl-C is heard at each of its steps."""
    progress = Interruptible(shown)
    # Only where Ctrl-C is ours to hear: a job in the background ignores it already.
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, progress.interrupt)
    return progress
