"""Which metrics are computed, on which device and how."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nctool.core.errors import UsageError
from nctool.settings.option import COMPUTE, COST, check_values

Dtype = Literal["float64", "float32"]

MOST_THREADS = 1024
FEWEST_REPLICATES, USUAL_REPLICATES, MOST_REPLICATES = 40, 500, 100_000
# The usual 500 place an end of an interval within a sixteenth of its half width, and take 3 % of
# the time of fixtures/digits, 0.3 % at (50,000, 512, 100) and 0.1 % at (200,000, 512, 1000).


def check_threads(threads: int) -> None:
    if not 1 <= threads <= MOST_THREADS:
        raise UsageError(
            "bad-threads", f"{threads} threads are not possible", f"use 1 to {MOST_THREADS}"
        )


def check_device(name: str) -> None:
    """Of what kind; whether it is here, only torch can tell."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", name):
        raise UsageError(
            "bad-device", f"{name!r} is no device", "use auto, cpu, cuda, cuda:0 or mps"
        )


def check_replicates(replicates: int) -> None:
    if replicates and not FEWEST_REPLICATES <= replicates <= MOST_REPLICATES:
        hint = f"use {FEWEST_REPLICATES} to {MOST_REPLICATES:,}; 1000 is usual"
        raise UsageError("bad-bootstrap", f"{replicates} replicates make no interval", hint)


@dataclass(frozen=True, slots=True)
class ComputeOptions:
    """Metrics by their ids, and how they are computed."""

    metrics: str | None = COMPUTE.option(
        None,
        "Comma-separated ids, families (nc1) or globs.  [default: all that the inputs allow]",
        metavar="ID,...",
        listed=True,
        usual=True,
    )
    per_class: bool = COMPUTE.option(False, "Every class's own value.")
    device: str = COST.option(
        "auto", "auto, cpu, cuda[:i] or mps.", metavar="NAME", check=check_device
    )
    dtype: Dtype | None = COST.option(
        None, "Precision of the large products.  [default: float32; float64 for float64 features]"
    )
    threads: int | None = COST.option(
        None, "CPU threads.", metavar="N", between=(1, MOST_THREADS), check=check_threads
    )
    bootstrap: int = COMPUTE.option(
        USUAL_REPLICATES,
        "Intervals of means over classes, from so many draws; 0 for none.",
        metavar="N",
        check=check_replicates,
    )
    deterministic: bool = COST.option(False, "Same input, same digest.")

    def __post_init__(self) -> None:
        check_values(self)
