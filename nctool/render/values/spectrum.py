"""The singular values of class means and classifier rows, relative to a flat spectrum."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nctool.render import Arrays
from nctool.render.values.words import of_points
from nctool.report import Report


@dataclass(frozen=True, slots=True)
class Spectrum:
    """At collapse the first ``rank`` values are one, and all others zero."""

    relative: Mapping[str, tuple[float, ...]]
    rank: int
    longest: int
    simplex: bool
    """There is room for a simplex, whose spectrum is flat."""


def spectrum(report: Report, arrays: Arrays | None) -> Spectrum | None:
    """None where no spectrum is at hand, or each is zero throughout."""
    at_hand = of_points(arrays, "spectrum").items()
    spectra = {kind: [*map(float, values)] for kind, values in at_hand if any(values)}
    if not spectra:
        return None
    longest = max(map(len, spectra.values()))
    classes, width = report.data.get("k") or longest, report.data.get("d") or longest
    # K centred points span at most K - 1 dimensions.
    rank = max(1, min(classes - 1, width, longest))
    relative = {}
    for kind, values in spectra.items():
        # In units of the flat spectrum that has the same total energy.
        flat = math.sqrt(sum(value * value for value in values) / rank)
        relative[kind] = tuple(value / flat for value in values)
    return Spectrum(relative, rank, longest, width >= classes - 1)
