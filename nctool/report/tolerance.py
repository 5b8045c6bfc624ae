"""How far a number may move before it counts as a change: a relative and an absolute limit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from nctool.core.errors import UsageError
from nctool.core.metric_names import names

PARTS = re.compile(r"(rel|abs)\s*:\s*([-+0-9.eE]+)\s*(%?)")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A change counts only if it exceeds both: one of them alone is zero and decides nothing."""

    rel: float = 0.0
    abs: float = 0.0

    def exceeded(self, before: float, now: float) -> bool:
        away = math.fabs(now - before)
        return away > self.abs and away > self.rel * math.fabs(before)

    def __str__(self) -> str:
        return f"rel:{_digits(self.rel)},abs:{_digits(self.abs)}"


def _digits(limit: float) -> str:
    """As many digits as read back as the same number."""
    return repr(limit).removesuffix(".0")


DEFAULT_TOLERANCE = Tolerance(rel=0.01)
"""One in a hundred: of a smaller change nothing is said unless somebody asks for it."""


def tolerance_of(text: str) -> tuple[str, Tolerance]:
    """``ID=rel:5%,abs:0.002``: an id, a family or a glob, and how far it may move."""
    name, separator, rest = text.partition("=")
    sizes: dict[str, float] = {}
    for part in rest.split(","):
        match = PARTS.fullmatch(part.strip())
        try:
            size = float(match[2]) / (100 if match[3] else 1) if match else math.nan
        except ValueError:
            size = math.nan
        if match is None or not 0 <= size < math.inf or match[1] in sizes:
            sizes.clear()
            break
        sizes[match[1]] = size
    if not separator or not name.strip() or not sizes:
        hint = "write it like nc1.pinv=rel:5%,abs:0.002; a change counts if it exceeds both"
        raise UsageError("bad-tolerance", f"tolerance {text!r} cannot be read", hint)
    return name.strip(), Tolerance(**sizes)


def tolerance_for(metric_id: str, tolerances: Mapping[str, Tolerance]) -> Tolerance | None:
    """The first whose pattern names this metric."""
    matching = (limit for pattern, limit in tolerances.items() if names(pattern, metric_id))
    return next(matching, None)
