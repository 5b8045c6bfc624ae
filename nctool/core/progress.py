"""How a long sweep tells that it is alive; silent unless somebody listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """Tell that ``amount`` more is done, and in a word how it goes."""

    def __call__(self, amount: int, note: str = "") -> None: ...


class Progress(Protocol):
    """Something that shows how far a named task has come."""

    def task(self, title: str, total: int) -> AbstractContextManager[Advance]: ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        yield ignore


def ignore(amount: int, note: str = "") -> None:
    """Nobody listens."""
    return None
