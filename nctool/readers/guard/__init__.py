"""Reading a file from a stranger with a library written in C, in a process that may die.

A format keeps what it asks of its library in one small module, for example ``h5py_child``::

    def session(path: str, *options: object) -> Session # called in the child, once
    class Session:                                       # any object; its methods are asked for
        def describe(self) -> dict[str, object]          # what json can carry
        def rows(self, key: str, start: int, stop: int) -> bytes | memoryview | ndarray

and its reader, in the parent, calls these by name::

    guarded = Guarded(path, "hdf5", "nctool.readers.shared.h5py_child")
    described = guarded.ask("describe")                  # as json makes it: list, dict, str, …
    content = guarded.read(nbytes, "rows", "x", 0, 10)   # a bytearray of exactly that size

The child starts with the first question, is kept for the next ones, and ends with ``close()``,
with the ``Guarded`` or with this process, however that ends. Arrays come back through a pipe, so
whoever asks for many rows asks in slices. What the child says is as untrusted as the file: it is
never unpickled, its size is bounded, and the reader checks it as it would check a header. An
``InputError`` raised in the child is raised here with its own slug, message and hint.

On Linux the child has a bound on private memory, on the CPU time of each question and on the
files it may write (no byte), and an empty network where the kernel grants one; Python's own
sockets are refused everywhere. macOS knows all of this except the bound on memory and the empty
network. Where there are no such limits at all, as on Windows, the library runs in this process,
and ``notices`` says so. All of this keeps damage away from the analysis; it is no sandbox against
somebody who takes the child over, and has the rights of its user there.
"""

from __future__ import annotations

import json
import re
import sys
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers.guard.process import Process, Refused, Retired, Stopped
from nctool.readers.shared.edge import corrupt, shown


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of private memory, and seconds that one question may compute or take in all."""

    memory: int = 2**32
    cpu: int = 20
    wall: int = 300


USUAL = Limits()
MOST_ANSWER = 2**26
SLUG = re.compile("[a-z0-9-]{1,40}")
# More children than this are not kept: a trajectory may have hundreds of files open.
MOST_PROCESSES = 8
_kept: list[Process] = []


def isolated() -> bool:
    """Can this platform start a child with limits?"""
    return bool(sys.executable) and find_spec("resource") is not None


class Guarded:
    """The object that ``module.session(path, *options)`` returns, in a child process."""

    def __init__(
        self, path: Path, format: str, module: str, *options: object, limits: Limits = USUAL
    ) -> None:
        self.path, self.format, self.limits = path, format, limits
        home = Path(__file__).parents[3]  # where nctool is imported from
        self._start: Mapping[str, object] = {
            "path": [str(home), *(str(Path(place).absolute()) for place in sys.path)],
            "module": module,
            "args": [str(path.absolute()), *options],
            **asdict(limits),
        }
        self._process: Process | None = None
        self._session: object = None

    @property
    def notices(self) -> tuple[Notice, ...]:
        if isolated():
            return ()
        message = f"'{shown(self.path)}' was read without a process of its own to guard against it"
        return (Notice("reader-unguarded", message, "open only files from people you trust here"),)

    def ask(self, name: str, *args: object) -> object:
        """The answer of this method, as plain data."""
        body = self._exchange(name, args, None)
        try:
            answer: object = json.loads(body)
        except (ValueError, RecursionError):
            self.close()
            raise self._stopped("it gave an answer that is none") from None
        return answer

    def read(self, size: int, name: str, *args: object) -> bytearray:
        """The bytes that this method returns, which have to be this many."""
        return self._exchange(name, args, size)

    def close(self) -> None:
        """End the child; another starts when something is asked again."""
        if self._process is not None:
            self._process.close()
        self._process = self._session = None

    def _exchange(self, name: str, args: tuple[object, ...], size: int | None) -> bytearray:
        most = MOST_ANSWER if size is None else size
        try:
            if not isolated():
                return self._in_process(name, args)
            while True:
                with suppress(Retired):
                    return self._running().exchange([name, *args], most, exact=size is not None)
        except Refused as reason:
            raise self._refused(str(reason)) from None
        except Stopped as reason:
            self.close()
            raise self._stopped(str(reason)) from None

    def _running(self) -> Process:
        """The child, started again if it was ended or belongs to the process that forked us."""
        if self._process is None or not self._process.usable:
            self._process = Process(self._start, self.limits.wall)
            weakref.finalize(self, self._process.close)
            _kept[:] = [process for process in _kept if process.usable]
            for process in _kept[: -MOST_PROCESSES + 1]:
                process.close_if_idle()
            _kept.append(self._process)
        return self._process

    def _in_process(self, name: str, args: tuple[object, ...]) -> bytearray:
        from nctool.readers.guard.child import answered, opened, reasons

        try:
            self._session = self._session or opened(self._start)
            return bytearray(answered(self._session, name, args)[1])
        except MemoryError:
            raise
        except Exception as error:
            raise Refused(json.dumps(reasons(error))) from error

    def _refused(self, content: str) -> InputError:
        """The error that the child says it is, or the file's damage in a library's words."""
        try:
            reasons = json.loads(content)
        except (ValueError, RecursionError):
            reasons = None
        match reasons:
            case [str(reason)]:
                return corrupt(self.path, self.format, shown(reason, 400))
            case [str(slug), str(message), str(hint)] if SLUG.fullmatch(slug):
                return InputError(slug, shown(message, 2000), shown(hint, 2000))
        return corrupt(self.path, self.format, "its reader gave a reason that is none")

    def _stopped(self, reason: str) -> InputError:
        name = shown(self.path)
        message = f"the process that read '{name}' was lost: {reason}"
        again = "download or save it again and compare its size with the original"
        hint = f"'{name}' is damaged or made to do harm: {again}"
        return InputError("reader-stopped", message, hint)
