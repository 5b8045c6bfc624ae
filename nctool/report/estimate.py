"""What an analysis is going to cost, as a value: made before anything is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from nctool.core.text import amount, duration

ESTIMATE_VERSION = "1.0"
WITHIN = 2.0
"""Actual seconds and bytes are within this factor, on either side, once Python and torch run."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A pass over something, or a fact that takes time between passes."""

    name: str
    seconds: float | None
    flops: float
    bytes: float
    """Most that is held while it runs."""
    rough: bool
    """Whether the data decide a good part of it."""


@dataclass(frozen=True, slots=True)
class Saving:
    """What leaving out all metrics that need a fact would save."""

    fact: str
    seconds: float | None
    flops: float
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Metrics that have no value because ``--memory`` does not allow what they take."""

    fact: str
    bytes: int
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Estimate:
    """Reads, holds and costs of an analysis. ``seconds`` is None where nothing could be timed."""

    kind: str = "estimate"
    schema_version: str = ESTIMATE_VERSION
    tool: Mapping[str, str]
    sources: tuple[str, ...]
    points: int
    """Checkpoints or layers that are measured one after another."""
    processes: int
    device: str
    data: Mapping[str, Any]
    """Samples ``n``, dimensions ``d``, classes ``k``, rows of the head and the stored dtype; of
    several points those of the last."""
    passes: tuple[str, ...]
    """Over one point, in order."""
    bytes_per_pass: int
    bytes_read: int
    flops: Mapping[str, float]
    """By precision."""
    seconds: float | None
    within: float = WITHIN
    bytes_held: int
    """By each process, at most."""
    bytes_allowed: int
    largest: str | None
    """The stage in which that is."""
    stages: tuple[Stage, ...]
    savings: tuple[Saving, ...]
    leave_out: str | None
    """For ``--metrics``: all but those of the first saving."""
    refused: tuple[Refusal, ...]
    skipped: Mapping[str, tuple[str, ...]]
    """By what they need and is not there, the metrics."""
    metrics: Mapping[str, float | None]
    """Seconds that each would take alone."""
    rates: Mapping[str, Any] = field(default_factory=dict)
    """What this machine does in a second, and where that is from."""

    @property
    def needed(self) -> int:
        """Bytes that ``--memory`` has to allow, so that nothing is refused; 0 if nothing is."""
        return max((refusal.bytes for refusal in self.refused), default=0)

    @property
    def share(self) -> float | None:
        """Of the seconds, what the first saving would save."""
        if not self.savings or not self.seconds or self.savings[0].seconds is None:
            return None
        return self.savings[0].seconds / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """What ``nctool analyze --dry-run --json`` writes."""
        plain = asdict(self)
        plain["needed"] = self.needed
        return plain

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        held = f"{amount(self.bytes_held)}"
        if self.seconds is None:
            return f"{held} held, {sum(self.flops.values()):.2g} operations; seconds not known"
        return f"about {duration(self.seconds)} and {held}"

    def __str__(self) -> str:
        """The screen that ``nctool analyze --dry-run`` shows."""
        # Looked up by name: how values are drawn stands in a room above this one.
        console = import_module("nctool.render.console")
        lines = import_module("nctool.render.estimate").lines(self, console.PLAIN_WIDTH)
        return str(console.paint(lines, width=console.PLAIN_WIDTH, color=False)).rstrip("\n")
