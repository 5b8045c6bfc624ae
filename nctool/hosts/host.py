"""What all adapters share: how their host is found, and what they measure and keep."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from nctool.core.errors import UsageError
from nctool.core.extras import Extra
from nctool.report import Report
from nctool.report.trajectory import Trajectory, joined

USUAL = "collapse,nc1.pinv"
"""What is measured, and so logged, where ``metrics`` says nothing: a tracker with a curve for each
of eighty numbers shows none, and these are the dials and the number that papers plot."""

OWN = ("model", "loader", "checkpoints", "out", "layers", "epoch", "step", "progress", "ranks")
"""Parameters of a measurement that its callback decides, or that are for one measurement alone."""


def host(extra: str, *modules: str) -> Any:
    """The library that an adapter is for, of several spellings the one that is in use.

    Otherwise the first that is installed; an ``InputError`` where none is.
    """
    found = [name for name in modules if name in sys.modules] or [
        name for name in modules if not Extra(extra, (name.split(".")[0],)).missing
    ]
    if not found:
        Extra(extra, (modules[0].split(".")[0],)).demand(f"nctool.{extra}")
    return import_module(found[0])


class Measurements:
    """The reports of a training in their order, and what decides when and what is measured."""

    def __init__(
        self, measure: Callable[..., Any], every: int, prefix: str, options: Mapping[str, Any]
    ) -> None:
        if every < 1:
            raise UsageError(
                "bad-every",
                f"every is {every}, expected 1 or more",
                "use 1 for all, 2 for every other",
            )
        # A word that is no option stops the program here, and not after an epoch of training.
        known = inspect.signature(measure).parameters.keys() - OWN
        for name in options.keys() - known:
            raise TypeError(f"Collapse() got an unexpected keyword argument {name!r}")
        self.every = every
        self.prefix = prefix
        self.options = {"metrics": USUAL} | dict(options)
        self.reports: list[Report] = []

    def due(self, turn: int) -> bool:
        """Of turns counted from 0: is this the last of ``every``?"""
        return (turn + 1) % self.every == 0

    def add(
        self, report: Report | Trajectory, prefix: str | None = None, ranks: int = 1
    ) -> dict[str, float]:
        """Keep a report, of so many ranks together; its numbers, as the host is given them."""
        assert isinstance(report, Report)  # of one layer
        # A rank's own share alone would be logged as if it were the whole.
        assert report.settings["world_size"] == ranks, report.settings["world_size"]
        self.reports.append(report)
        return numbers(report, self.prefix if prefix is None else prefix)


class Kept:
    """What every callback shows of its measurements."""

    measured: Measurements

    @property
    def reports(self) -> list[Report]:
        """All reports, in the order they were made."""
        return self.measured.reports

    @property
    def trajectory(self) -> Trajectory | None:
        """All reports over epochs or steps; None before the first."""
        labels = [f"measurement {place}" for place in range(1, len(self.reports) + 1)]
        return joined(self.reports, labels) if self.reports else None


def nothing_to_measure(extra: str, hint: str) -> UsageError:
    """For a callback that was given no samples, in a training that has none of its own for it."""
    message = f"nctool.{extra}.Collapse() measures what is validated, and here nothing is"
    return UsageError("nothing-to-measure", message, hint)


def numbers(report: Report, prefix: str) -> dict[str, float]:
    """What a host is given: numbers that exist, which are finite, with the slashes of trackers."""
    return report.flat(prefix, separator="/")
