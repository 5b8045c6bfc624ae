"""What a fact is: a function whose parameters name the facts it needs.

A plain fact is computed from other facts. A sweep returns an accumulator, which is fed every block
of what it goes ``over``; the fact is what the accumulator finishes to. The decorators only leave a
mark: a function stays callable as it is, and there is no registry to keep in step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from nctool.engine.cost import CostOf

MARK = "__nctool_facts__"

F = TypeVar("F", bound=Callable[..., Any])
T_co = TypeVar("T_co", covariant=True)


class Accumulator(Protocol[T_co]):
    """Raw sums over blocks. ``merge`` takes what ``sums`` of another accumulator gave.

    It may say which products it wants of every block (``reads``), and how many numbers per sample
    it holds beside the features (``width``).
    """

    def add(self, block: Any, /) -> None: ...
    def sums(self) -> Any: ...
    def merge(self, other: Any, /) -> None: ...
    def finish(self) -> T_co: ...


class Blocks(Protocol):
    """What a sweep goes over."""

    def blocks(self, accumulators: Sequence[Accumulator[Any]], /) -> Iterator[Any]: ...


class Undefined(Exception):
    """The quantity does not exist for these inputs; the message says why."""


class Unseen(Exception):
    """It takes a look at the samples that nobody can have any more; the message says why."""


class Changed(Exception):
    """It cannot be computed from these inputs, but from others: start again with them."""

    def __init__(self, inputs: Mapping[str, object], why: str) -> None:
        super().__init__(why)
        self.inputs = inputs


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands for a fact that takes inputs which are not there."""

    inputs: tuple[str, ...]
    why: str = ""
    """What was there is gone: the reason, and what brings it back."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a decorator notes on a function."""

    name: str
    keys: tuple[str | None, ...]
    """Variants, such as that of ``means`` and that of ``weights``; None for a single one."""
    of: str | None = None
    """The variant that a fact without variants takes of those it needs."""
    over: str | None = None
    """The fact that a sweep goes over; None for a plain fact."""
    timed: bool = False
    """Report its seconds."""
    cost: CostOf | None = None
    during: str | None = None
    """The pass in which that cost arises, of a plain fact that is a part of its blocks."""


def fact(
    *,
    name: str | None = None,
    each: Sequence[str] = (),
    of: str | None = None,
    timed: bool = False,
    cost: CostOf | None = None,
    during: str | None = None,
) -> Callable[[F], F]:
    """A function of other facts; one for each key where there are several.

    A parameter is filled by the variant of the same key (or of the key ``of``), where there is one.
    ``cost`` says what it costs to compute, or, of a part of the blocks of a pass (``during``), what
    that costs over all of them.
    """
    return _marking(name, Mark("", tuple(each) or (None,), of, None, timed, cost, during))


def sweep(
    *,
    over: str,
    name: str | None = None,
    each: Sequence[str] = (),
    of: str | None = None,
    cost: CostOf | None = None,
) -> Callable[[F], F]:
    """A function of other facts that returns an accumulator over the blocks of ``over``."""
    return _marking(name, Mark("", tuple(each) or (None,), of, over, False, cost, over))


def _marking(name: str | None, note: Mark) -> Callable[[F], F]:
    def mark(function: F) -> F:
        setattr(function, MARK, replace(note, name=name or function.__name__))
        return function

    return mark


def keyed(name: str, key: str | None) -> str:
    """``points[means]``: the variant of a fact, or the fact."""
    return name if key is None else f"{name}[{key}]"
