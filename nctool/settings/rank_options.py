"""How many processes measure one thing, and how long they wait for each other."""

from __future__ import annotations

from dataclasses import dataclass

from nctool.core.errors import UsageError
from nctool.settings.option import COST, check_values

MOST_PROCESSES = 1024
USUAL_TIMEOUT, LONGEST_TIMEOUT = 600, 7 * 86_400


def check_processes(count: int) -> None:
    if not 1 <= count <= MOST_PROCESSES:
        raise UsageError(
            "bad-processes", f"{count} processes are not possible", f"use 1 to {MOST_PROCESSES}"
        )


def check_timeout(seconds: int) -> None:
    if not 1 <= seconds <= LONGEST_TIMEOUT:
        raise UsageError(
            "bad-rank-timeout",
            f"{seconds} seconds are no time to wait",
            f"use 1 to {LONGEST_TIMEOUT:,}",
        )


@dataclass(frozen=True, slots=True)
class RankOptions:
    """Processes that share the samples: of our own, or those that torchrun has started."""

    processes: int | None = COST.option(
        None,
        "Local processes that share the samples; 1 alone, also under torchrun.",
        metavar="N",
        check=check_processes,
        per_run=True,
    )
    rank_timeout: int = COST.option(
        USUAL_TIMEOUT,
        "How long processes wait for each other before all of them end.",
        metavar="SECONDS",
        check=check_timeout,
    )

    def __post_init__(self) -> None:
        check_values(self)
