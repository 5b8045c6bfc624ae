"""How hard to try and how much to spend: what changes the cost of a number, not its meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nctool.core.errors import UsageError

Reach = Literal["all", "min"]

POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
SMALLEST_MEMORY = 64 << 20
SMALLEST_GAP, LARGEST_GAP = 1e-12, 0.5


@dataclass(frozen=True, slots=True)
class Budget:
    """The defaults suit a laptop."""

    gap: float = 1e-6
    """Relative distance between the certified bounds at which a margin is done."""
    margin: Reach = "all"
    """Certify the margin of every class, or only the least one."""
    memory: int = 4 << 30
    """Bytes that one computation may hold beside its input."""
    seed: int = 0


DEFAULT_BUDGET = Budget()


def in_bytes(text: str) -> int:
    """``4GiB``, ``500MB``, ``2G`` or a plain number of bytes."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text, re.IGNORECASE)
    if not found:
        raise UsageError("bad-memory", f"{text!r} is no amount of memory", "write it like 4GiB")
    number, unit, binary = found.groups()
    step = (1024 if binary else 1000) ** POWERS[unit.lower()]
    amount = int(float(number) * step)
    if amount < SMALLEST_MEMORY:
        raise UsageError(
            "bad-memory", f"{text} of memory is too little", "give at least --memory 64MiB"
        )
    return amount


def check_budget(budget: Budget) -> None:
    """Raise where a value makes no sense."""
    if not SMALLEST_GAP <= budget.gap <= LARGEST_GAP:
        raise UsageError(
            "bad-gap",
            f"a gap of {budget.gap:g} cannot be certified",
            f"use a number from {SMALLEST_GAP:g} to {LARGEST_GAP:g}",
        )
    if budget.margin not in ("all", "min"):
        raise UsageError(
            "unknown-margin", f"margin {budget.margin!r} is not known", "use all or min"
        )
