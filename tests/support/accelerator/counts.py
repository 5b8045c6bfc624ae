"""What a device was asked for, by the line of nctool that asked."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import nctool

HOME = str(Path(nctool.__file__).parent) + "/"


@dataclass(slots=True)
class Counts:
    """By line: ``room/file.py:12 function``."""

    launches: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    """Of the host, for what was asked of the device before."""
    blocking: Counter[str] = field(default_factory=Counter)
    """Copies that the host waits for, also those hidden in an operation."""
    flying: Counter[str] = field(default_factory=Counter)
    """Copies that it does not wait for."""
    sent: Counter[str] = field(default_factory=Counter)
    """Bytes from the host to the device, of both kinds."""
    held: int = 0
    most_held: int = 0
    """Bytes of the device's memory, now and at most."""

    def totals(self) -> dict[str, int]:
        names = ("launches", "waits", "blocking", "flying", "sent")
        return {name: getattr(self, name).total() for name in names}


def line() -> str:
    """The innermost line of nctool that is being run."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(HOME):
            return f"{file.removeprefix(HOME)}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"
