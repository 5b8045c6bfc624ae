"""A reader for the guard's tests: it does to its process whatever the test asks for."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import numpy

from nctool.core.errors import InputError


class Session:
    def __init__(self, path: str, marks: str) -> None:
        self.path, self.marks = path, marks
        self.calls = 0

    def describe(self) -> dict[str, object]:
        self.calls += 1
        size = Path(self.path).stat().st_size
        return {"size": size, "marks": self.marks, "calls": self.calls, "pid": os.getpid()}

    def rows(self, start: int, stop: int) -> numpy.ndarray:
        return numpy.arange(start, stop, dtype="<i4")

    def die(self, name: str) -> None:
        os.kill(os.getpid(), signal.Signals[name])

    def leave(self, code: int) -> None:
        os._exit(code)

    def allocate(self, size: int) -> int:
        return len(bytearray(size))

    def compute(self) -> None:
        while True:
            pass

    def sleep(self) -> None:
        time.sleep(600)

    def refuse(self, text: str) -> None:
        raise ValueError(text)

    def stop(self, slug: str, message: str, hint: str) -> None:
        raise InputError(slug, message, hint)

    def garbage(self, content: str) -> None:
        """Bytes where the answer should be, on every pipe the child has."""
        for number in range(3, 20):
            try:
                os.write(number, content.encode("latin1"))
            except OSError:
                continue
        os._exit(0)

    def prints(self) -> str:
        os.write(1, b"noise " * 1000)
        os.write(2, b"noise " * 1000)
        return "quiet"

    def modules(self) -> list[str]:
        return sorted(sys.modules)

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def connect(self, port: int) -> None:
        socket.create_connection(("127.0.0.1", port), timeout=5)

    def interfaces(self) -> list[str]:
        lines = Path("/proc/net/dev").read_text().splitlines()
        return [line.split(":")[0].strip() for line in lines if ":" in line]

    def write(self) -> None:
        with Path(self.path).open("ab") as file:
            file.write(b"changed")


def session(path: str, marks: str) -> Session:
    return Session(path, marks)
