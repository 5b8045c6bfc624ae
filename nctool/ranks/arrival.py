"""Whether every rank has come, by a store that all can reach: nothing is exchanged before."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any


def absent(store: Any, rank: int, size: int, seconds: int) -> list[str]:
    """This rank has come: the ranks that have not within so many seconds."""
    store.set(str(rank), "1")
    every = [str(each) for each in range(size)]
    try:
        store.wait(every, timedelta(seconds=seconds))
    except RuntimeError:
        missing = every
        with suppress(RuntimeError):
            missing = [each for each in every if not store.check([each])]
        return missing
    return []


def named(ranks: list[Any]) -> str:
    return f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))}"
