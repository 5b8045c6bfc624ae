"""One child process: how it is started, asked, watched and ended."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

HEADER = struct.Struct("<cQ")
DATA, TEXT, REFUSED, NO_MEMORY = b"D", b"T", b"R", b"M"
LONGEST_REASON = 2**16
CHILD = Path(__file__).with_name("child.py")
# Nothing of the environment can change what the library loads; one thread is enough for a file.
KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "TMPDIR")
ADDED = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class Refused(Exception):
    """The child raised this about the file, and can be asked again."""


class Retired(Exception):
    """The child was ended because others were needed more; another has to be started."""


class Stopped(Exception):
    """The child is lost, for this reason."""


class Process:
    """A running child and the pipes to it; it answers one question at a time."""

    def __init__(self, start: Mapping[str, object], wall: float) -> None:
        self.wall, self.owner, self.lock = wall, os.getpid(), threading.Lock()
        # Nothing is ever written to the lifeline. When this process ends, however it ends, the
        # kernel closes it, and the child is sent a signal.
        lifeline, self.life = os.pipe()
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                pass_fds=(lifeline,),
                env=environment | ADDED,
                cwd="/",
                start_new_session=True,  # an interrupted command ends it here, not by its terminal
            )
        except BaseException:
            os.close(self.life)
            raise
        finally:
            os.close(lifeline)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.requests, self.replies = self.process.stdin, self.process.stdout
        self.unsent = _framed({**start, "lifeline": lifeline})

    @property
    def usable(self) -> bool:
        return self.owner == os.getpid() and not self.requests.closed

    def close(self) -> None:
        """End it at once: it has nothing to lose."""
        if not self.requests.closed:
            if self.owner == os.getpid():
                self.process.kill()
                self.process.wait()
            self.requests.close()
            self.replies.close()
            os.close(self.life)

    def close_if_idle(self) -> None:
        if self.lock.acquire(blocking=False):
            try:
                self.close()
            finally:
                self.lock.release()

    def exchange(self, request: list[object], most: int, exact: bool) -> bytearray:
        """The answer to one question: at most so many bytes, or exactly as many."""
        with self.lock:
            if not self.usable:  # between its choice and the lock, another thread ended it
                raise Retired
            try:
                return self._exchange(_framed(request), most, exact)
            except Refused:
                raise
            except BaseException:  # an answer that nobody waits for would be taken for the next
                self.close()
                raise

    def _exchange(self, request: bytes, most: int, exact: bool) -> bytearray:
        deadline = time.monotonic() + self.wall
        try:
            self.requests.write(self.unsent + request)
        except BrokenPipeError:
            raise self._lost() from None
        self.unsent = b""
        kind, size = HEADER.unpack(self._read(HEADER.size, deadline))
        if kind == NO_MEMORY:
            raise Stopped("it took more memory than it may have")
        if kind == REFUSED and size <= LONGEST_REASON:
            raise Refused(self._read(size, deadline).decode("utf-8", "replace"))
        if kind != (DATA if exact else TEXT) or size > most or (exact and size != most):
            raise Stopped("it gave an answer that is none")
        return self._read(size, deadline)

    def _read(self, count: int, deadline: float) -> bytearray:
        """Exactly so many bytes of the answer, in time."""
        content = bytearray(count)
        left, poll = memoryview(content), select.poll()
        poll.register(self.replies, select.POLLIN)
        while left:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise Stopped(f"it took longer than {self.wall:g} seconds")
            count = os.readv(self.replies.fileno(), [left])
            if not count:
                raise self._lost()
            left = left[count:]
        return content

    def _lost(self) -> Stopped:
        """How it ended, which it did or is about to: its pipe is closed."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return Stopped("it no longer answered")
        if code == -signal.SIGXCPU:
            return Stopped("it computed longer than it may")
        return Stopped((signal.strsignal(-code) if code < 0 else None) or f"it ended with {code}")


def _framed(content: object) -> bytes:
    body = json.dumps(content).encode()
    return len(body).to_bytes(4, "little") + body
