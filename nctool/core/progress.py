"""How long work reports its progress, and the progress that shows nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
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


@dataclass(slots=True)
class Stages:
    """One task whose stages take shares of it that are known: so the time left is, from the start.

    Tasks within a stage move it by their part of its share, and are told as notes.
    """

    advance: Advance
    shares: Mapping[str, float]
    left: float = 0.0
    """Of the stage at hand, what is not told yet."""
    whole: float = 1.0
    """The same of all."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.left = self.shares.get(name, 0.0)
        yield
        self._move(self.left)

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        share = self.left

        def inner(amount: float, note: str = "") -> None:
            self._move(share * amount / max(total, 1), f"{title}: {note}" if note else title)

        yield inner

    def _move(self, step: float, note: str = "") -> None:
        # What has to be read again is more work than anybody knew of: the end stays the end.
        step = max(min(step, self.left, self.whole), 0.0)
        self.left -= step
        self.whole -= step
        if step or note:
            self.advance(step, note)


def stage(progress: object, name: str) -> AbstractContextManager[None]:
    """The stage of this name, where progress is told by stages."""
    return progress.stage(name) if isinstance(progress, Stages) else nullcontext()
