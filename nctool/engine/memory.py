"""What happens where the memory of a device runs out: what is kept goes, blocks shrink, and the
work goes on; where nothing can shrink any more, one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from nctool.core.errors import ResourceError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

RAN_OUT = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
"""Of torch's allocators, of CUDA and its libraries, and of the CPU's allocator."""


def ran_out(problem: BaseException) -> bool:
    """Is this exception for want of memory?"""
    return isinstance(problem, RuntimeError) and any(text in str(problem) for text in RAN_OUT)


def with_less(
    known: Mapping[str, Any],
    attempt: Callable[[Mapping[str, Any]], T],
    what: str,
    *,
    in_blocks: bool,
) -> tuple[Mapping[str, Any], T]:
    """What an attempt gives with these facts, and the facts with which it did.

    Where memory runs out it is made again from the beginning: with nothing kept on the device for
    later, then, if it goes ``in_blocks``, with smaller ones. No fact depends on their size.
    """
    while True:
        try:
            return known, attempt(known)
        except RuntimeError as problem:
            if not ran_out(problem):
                raise
            less = _less(known, in_blocks)
            if less is None:
                raise no_memory(known.get("engine"), what) from problem
        # Only here: until then the exception holds on to what the attempt had made.
        known = less


def _less(known: Mapping[str, Any], in_blocks: bool) -> Mapping[str, Any] | None:
    """The same facts with less held on the device; None where nothing more can go."""
    if any([value.forget() for value in known.values() if hasattr(value, "forget")]):
        return known
    engine: Any = known.get("engine")
    smaller = engine.smaller() if in_blocks and hasattr(engine, "smaller") else None
    if smaller is None:
        return None
    return {
        name: value.with_engine(smaller) if hasattr(value, "with_engine") else value
        for name, value in known.items()
    } | {"engine": smaller}


def no_memory(engine: object, what: str = "") -> ResourceError:
    device = getattr(engine, "device", engine)
    at = f" at {what}" if what else ""
    hint = "compute less at a time with --metrics"
    if str(device) != "cpu":
        hint = f"use --device cpu, or {hint}"
    return ResourceError("out-of-memory", f"{device} ran out of memory{at}", hint)


@contextmanager
def memory_errors(device: torch.device) -> Iterator[None]:
    """Memory that runs out within is one message, whoever notices it."""
    try:
        yield
    except RuntimeError as problem:
        if not ran_out(problem):
            raise
        raise no_memory(device) from problem
