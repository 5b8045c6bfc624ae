"""Gates and tolerances that a result is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nctool.settings.option import GATES

Missing = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Rules of the command line; those of the settings files are added to them."""

    gate: tuple[str, ...] = GATES.option(
        (),
        "A rule such as 'collapse.weakest >= 0.9' or 'ratio(nc1.pinv) < 1.1' (repeatable).",
        metavar="RULE",
        key="rules",
        usual=True,
    )
    tolerance: tuple[str, ...] = GATES.option(
        (),
        "How far a number may move from the baseline's: ID=rel:5%,abs:0.002 (repeatable).",
        metavar="RULE",
    )
    baseline: str | None = GATES.option(None, "The report to look back to.", metavar="FILE")
    missing: Missing | None = GATES.option(
        None, "What a gated number that is missing means.  [default: fail]"
    )
    warn_only: bool = GATES.option(False, "Gates warn and never fail.")
