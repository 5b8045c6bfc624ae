"""Every way nctool can stop, and the exit code each one means.

    NctoolError
    ├── UsageError      2   the command or the configuration is wrong
    ├── InputError      3   the input cannot be used
    ├── ResourceError   5   memory, device or disk ran out
    └── InternalError  70   our mistake

Each carries a stable slug (for machines and golden tests), a message (what was found and
what was expected) and a hint (what to type next).
"""

from __future__ import annotations

from typing import ClassVar


class NctoolError(Exception):
    """A stop with a reason; never raised itself, only through its children."""

    exit_code: ClassVar[int] = 70

    def __init__(self, slug: str, message: str, hint: str = "") -> None:
        super().__init__(slug, message, hint)  # all of them, so that it can be pickled
        self.slug = slug
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Both, as a traceback in Python shows it; the command line prints them apart."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(NctoolError):
    """The command line or the configuration asks for something that does not exist."""

    exit_code: ClassVar[int] = 2


class InputError(NctoolError):
    """A file or an array is unreadable, unsafe, ambiguous or contradictory."""

    exit_code: ClassVar[int] = 3


class ResourceError(NctoolError):
    """The machine cannot do it as asked; the hint names the flag that would help."""

    exit_code: ClassVar[int] = 5


class InternalError(NctoolError):
    """A mistake of ours; the message names the saved traceback."""

    exit_code: ClassVar[int] = 70
