"""``nctool.inspect``: what is inside, and which role each array would get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nctool.api import options
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.inputs.sources import Inspection
from nctool.inputs.sources import inspect as look
from nctool.render import console, inspection
from nctool.roles import Candidate, Pick
from nctool.settings.option import build
from nctool.settings.role_options import Pool, RoleOptions, Weights

WIDTH = 100


@dataclass(frozen=True, slots=True, repr=False)
class Inside:
    """What a source holds: printed, the same as ``nctool inspect`` shows."""

    found: Inspection

    @property
    def arrays(self) -> tuple[Candidate, ...]:
        """Every array: its path, key, shape and dtype."""
        return tuple(
            Candidate(array.key, array.shape, array.dtype, array.path)
            for file in self.found.opened
            for array in file.arrays
        )

    @property
    def roles(self) -> Mapping[str, Pick | None]:
        """The array of each role and the reason, None where there is none; empty with a problem."""
        return dict(inspection.picks(self.found)) if self.found.roles is not None else {}

    @property
    def problem(self) -> InputError | None:
        """Why the roles could not be given, if they could not: what ``analyze`` would raise."""
        return self.found.problem

    @property
    def warnings(self) -> tuple[Notice, ...]:
        return inspection.notices(self.found)

    def to_dict(self) -> dict[str, Any]:
        """What ``nctool inspect --json`` writes."""
        plain: dict[str, Any] = json.loads(inspection.to_json(self.found))
        return plain

    def __repr__(self) -> str:
        text = console.paint(inspection.lines(self.found, WIDTH), width=WIDTH, color=False)
        return text.rstrip("\n") + (f"\n{self.problem}" if self.problem else "")


def inspect(
    *sources: str | Path,
    features: str | None = None,
    labels: str | None = None,
    weight: str | None = None,
    bias: str | None = None,
    weights: Weights = "raw",
    split: str | None = None,
    classes: str | int | None = None,
    pool: Pool | None = None,
    transpose_head: bool = False,
) -> Inside:
    """Show what a source holds and which role each array would get; reads headers only."""
    roles = build(RoleOptions, options.by_option(locals(), RoleOptions))
    return Inside(look([str(path) for path in sources], roles))


options.document(inspect, RoleOptions)
