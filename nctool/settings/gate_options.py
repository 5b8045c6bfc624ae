"""Gates and tolerances that a result is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nctool.settings.option import GATES, option

Missing = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Rules of the command line; those of the settings files are added to them."""

    gate: tuple[str, ...] = option(
        (),
        "A rule such as 'nc1.pinv <= 0.05' or 'ratio(nc1.pinv) < 1.1' (repeatable).",
        GATES,
        metavar="RULE",
        key="rules",
    )
    tolerance: tuple[str, ...] = option(
        (),
        "How far a number may move from the baseline's: ID=rel:5%,abs:0.002 (repeatable).",
        GATES,
        metavar="RULE",
    )
    baseline: str | None = option(None, "The report to look back to.", GATES, metavar="FILE")
    missing: Missing | None = option(
        None, "What a gated number that is missing means.  [default: fail]", GATES
    )
    warn_only: bool = option(False, "Gates warn and never fail.", GATES)
