"""How far a number may move before anybody speaks of a change: relative and absolute, both."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from nctool.core.errors import UsageError

PARTS = re.compile(r"(rel|abs)\s*:\s*([-+0-9.eE]+)\s*(%?)")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A change counts only if it is larger than both."""

    rel: float = 0.0
    abs: float = 0.0

    def exceeded(self, before: float, now: float) -> bool:
        away = math.fabs(now - before)
        return away > self.abs and away > self.rel * math.fabs(before)

    def __str__(self) -> str:
        return f"rel:{self.rel:g},abs:{self.abs:g}"


DEFAULT_TOLERANCE = Tolerance(rel=0.01)
"""Of one in a hundred nobody would say that it has changed anything."""


def tolerance_of(text: str) -> tuple[str, Tolerance]:
    """``ID=rel:5%,abs:0.002``: the id (globs allowed) and how far it may move."""
    name, separator, rest = text.partition("=")
    found: dict[str, float] = {}
    for part in rest.split(","):
        match = PARTS.fullmatch(part.strip())
        try:
            size = float(match[2]) / (100 if match[3] else 1) if match else math.nan
        except ValueError:
            size = math.nan
        if match is None or not 0 <= size < math.inf or match[1] in found:
            found.clear()
            break
        found[match[1]] = size
    if not separator or not name.strip() or not found:
        raise UsageError(
            "bad-tolerance",
            f"tolerance {text!r} cannot be read",
            "write it like nc1.pinv=rel:5%,abs:0.002; a change counts if it exceeds both",
        )
    return name.strip(), Tolerance(**found)
