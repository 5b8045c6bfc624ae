"""What a computation may spend: these change the cost of a number, not its meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nctool.core.errors import UsageError
from nctool.settings.option import COST, check_values

Reach = Literal["all", "min"]

POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
SMALLEST_MEMORY = 64 << 20
# Below the first the rounding of the bounds decides; above the second nothing is certified.
SMALLEST_GAP, LARGEST_GAP = 1e-12, 0.5


def size_in_bytes(text: str) -> int:
    """``4GiB``, ``500MB``, ``2G`` or a plain number of bytes."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text, re.IGNORECASE)
    if not match:
        raise UsageError("bad-memory", f"{text!r} is no amount of memory", "write it like 4GiB")
    number, unit, binary = match.groups()
    step = (1024 if binary else 1000) ** POWERS[unit.lower()]
    return int(float(number) * step)


def in_bytes(text: str) -> int:
    """The same, if it is enough to compute with."""
    amount = size_in_bytes(text)
    if amount < SMALLEST_MEMORY:
        raise UsageError(
            "bad-memory", f"{text} of memory is too little", "give at least --memory 64MiB"
        )
    return amount


def check_gap(gap: float) -> None:
    if not SMALLEST_GAP <= gap <= LARGEST_GAP:
        hint = f"use a number from {SMALLEST_GAP:g} to {LARGEST_GAP:g}"
        raise UsageError("bad-gap", f"a gap of {gap:g} cannot be certified", hint)


@dataclass(frozen=True, slots=True)
class Budget:
    """Memory, precision of certified margins, and the seed; the defaults suit a laptop."""

    seed: int = COST.option(0, "For whatever is sampled.", metavar="N")
    gap: float = COST.option(
        1e-6,
        "Relative distance between the certified bounds of a margin.",
        metavar="X",
        check=check_gap,
    )
    margin: Reach = COST.option("all", "Certify the margin of every class, or only the least.")
    memory: int = COST.option(
        4 << 30,
        "What one computation may hold, like 4GiB.",
        metavar="SIZE",
        read=in_bytes,
        shown="4GiB",
    )

    def __post_init__(self) -> None:
        check_values(self)


DEFAULT_BUDGET = Budget()
