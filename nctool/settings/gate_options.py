"""Gates and tolerances that a result is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from nctool.settings.option import GATES, Option

Missing = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Rules of the command line; those of the settings files are added to them."""

    gate: Annotated[
        tuple[str, ...],
        Option(
            "A rule such as 'nc1.pinv <= 0.05' or 'ratio(nc1.pinv) < 1.1' (repeatable).",
            GATES,
            metavar="RULE",
            key="rules",
        ),
    ] = ()
    tolerance: Annotated[
        tuple[str, ...],
        Option(
            "How far a number may move from the baseline's: ID=rel:5%,abs:0.002 (repeatable).",
            GATES,
            metavar="RULE",
        ),
    ] = ()
    baseline: Annotated[
        str | None, Option("The report to look back to.", GATES, metavar="FILE")
    ] = None
    missing: Annotated[
        Missing | None, Option("What a gated number that is missing means.  [default: fail]", GATES)
    ] = None
    warn_only: Annotated[bool, Option("Gates warn and never fail.", GATES)] = False
