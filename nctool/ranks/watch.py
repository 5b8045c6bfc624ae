"""One thread beside the measurement that notices when another process has failed.

Whoever fails says so under one key of the store that all of them share, and prints why. The others
look there a few times a second and end at once, with the same exit code and without a word, however
deep in a computation or in a call of torch.distributed their main thread is.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from nctool.ranks.place import Place

PATIENCE = 0.3
"""Seconds between two looks."""
LOOKS = 4
"""At whether all others have failed alike."""
GRACE = 3.0
"""Seconds that the main thread has to end by itself, once a signal has come."""
FAULT, FIRST, CALLED = "fault", "first", "called"
ENDED: dict[int, int] = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Watch:
    """Looks after one process; ``store`` is shared by all and used by no other thread."""

    def __init__(self, place: Place, store: Any) -> None:
        self.place, self.store = place, store
        self.turn = self.told = 0
        self.common = False
        """Whether all ranks have failed alike."""
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look, name="nctool-ranks", daemon=True)
        self.lock = threading.Lock()

    def start(self) -> None:
        # A signal reaches Python's handlers only when the main thread comes back to Python, which
        # a call of torch.distributed may keep it from: this socket hears of it at once.
        self.signals, heard = socket.socketpair()
        self.signals.settimeout(PATIENCE)
        heard.setblocking(False)
        self.heard = heard
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(heard.fileno(), warn_on_full_buffer=False)
            signal.signal(signal.SIGTERM, _stop)
        self.thread.start()

    def stop(self) -> None:
        self.over.set()
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)
        self.thread.join()
        self.signals.close()
        self.heard.close()

    def fault(self, code: int, text: str = "") -> bool:
        """All are to end with this exit code; whether this process is the first to say so."""
        self.over.set()
        # A store that is gone took everybody else along: nobody but this one is left to speak.
        with self.lock, suppress(RuntimeError):
            self.store.set(f"said/{self.place.rank}", text)
            if self.store.add(FIRST, 1) > 1:
                return False
            self.common = bool(text) and self._all_said(text)
            self.store.set(FAULT, json.dumps([code, text]))
        return True

    def _all_said(self, text: str) -> bool:
        """Whether every other rank comes to the same end, within a moment: then it is nobody's."""
        keys = [f"said/{rank}" for rank in self._others()]
        for _ in range(LOOKS):
            # Not by waiting for them: that writes to the terminal where they do not come.
            if self.store.check(keys):
                return all(self.store.get(key).decode() == text for key in keys)
            time.sleep(PATIENCE / 2)
        return False

    def behind(self) -> list[int]:
        """Ranks that have come less far than this one."""
        with self.lock, suppress(RuntimeError):
            return [rank for rank in self._others() if self._turn_of(rank) < self.turn]
        return []

    def gone(self) -> list[int]:
        """Ranks that do not answer when they are called."""
        with self.lock, suppress(RuntimeError):
            self.store.set(CALLED, "1")
        # Meanwhile this one's thread answers those who call, too.
        self.over.wait(4 * PATIENCE)
        with self.lock, suppress(RuntimeError):
            return [rank for rank in self._others() if not self.store.check([f"here/{rank}"])]
        return []

    def _others(self) -> list[int]:
        return [rank for rank in range(self.place.size) if rank != self.place.rank]

    def _turn_of(self, rank: int) -> int:
        key = f"turn/{rank}"
        return int(self.store.get(key)) if self.store.check([key]) else 0

    def _look(self) -> None:
        while not self.over.is_set():
            for number in self._signals():
                if number in ENDED and not self.over.wait(GRACE):
                    self.fault(ENDED[number])
                    leave(ENDED[number])
            if self.place.parent not in (None, os.getppid()):
                leave(143)
            with self.lock, suppress(RuntimeError):
                self._exchange()

    def _signals(self) -> bytes:
        try:
            return self.signals.recv(16)
        except TimeoutError:
            return b""
        except OSError:
            return b""

    def _exchange(self) -> None:
        if self.told < self.turn:
            self.told = self.turn
            self.store.set(f"turn/{self.place.rank}", str(self.told))
        if self.store.check([CALLED]):
            self.store.set(f"here/{self.place.rank}", "1")
        if not self.over.is_set() and self.store.check([FAULT]):
            code, text = json.loads(self.store.get(FAULT))
            leave_cause(self.place, text)
            leave(code)


def _stop(number: int, frame: object) -> None:
    deafen()
    raise SystemExit(ENDED[signal.SIGTERM])


def deafen() -> None:
    """A process that is ending anyway is not interrupted in that."""
    for number in ENDED:
        signal.signal(number, signal.SIG_IGN)


def leave_cause(place: Place, message: str) -> None:
    """Where torchrun looks for it; the first that it finds it shows as the root cause."""
    if place.error_file is None:
        return
    extra = {"timestamp": str(int(time.time())), "py_callstack": message}
    content = {"message": {"message": message, "extraInfo": extra}}
    with suppress(OSError):
        Path(place.error_file).write_text(json.dumps(content), "utf-8")


def leave(code: int) -> NoReturn:
    """At once, whatever the main thread is doing; temporary files are removed.

    Not as Python ends: threads of torch.distributed that wait for a process that is gone would
    then abort this one.
    """
    with suppress(Exception):
        atexit._run_exitfuncs()
    with suppress(Exception):
        sys.stdout.flush()
    os._exit(code)
