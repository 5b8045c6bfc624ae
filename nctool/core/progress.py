"""How long work reports its progress, and the progress that shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """Report that ``amount`` more is done, with a note of a few words beside it."""

    def __call__(self, amount: float, note: str = "") -> None: ...


class Progress(Protocol):
    """Something that shows how far a named task has come."""

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]: ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        yield ignore


def ignore(amount: float, note: str = "") -> None:
    """An ``Advance`` that shows nothing."""
