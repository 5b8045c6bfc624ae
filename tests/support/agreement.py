"""Where a report and the oracle disagree by more than rounding may.

Limits are relative: 1e-9 where products are float64, 1e-6 where they are float32, which loses
about 1e-7 in each. What is allowed beyond that, and why, stands with each kind of number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from nctool.report import Report, Result
from tests.support.oracle import FORMULAS, Outcome
from tests.support.oracle.formula import Rounding
from tests.support.populations import Array
from tests.support.stored_populations import StoredPopulation

LIMITS = {"float64": 1e-9, "float32": 1e-6}
PERCENTS = (("min", 0), ("p01", 1), ("p05", 5), ("p50", 50), ("p95", 95), ("max", 100))

COSINE_ROUNDING = 1e-14
"""Cosines, and lengths over lengths, are sums of float64 terms of order one."""

BEST_ENERGY = 1e-5
"""hug.uniformity: the best energy is a bound from a linear programme, solved in two ways."""

SEVERAL = 8
"""A noise floor is a mean square; the value of one class may be several times that."""


@dataclass(frozen=True, slots=True)
class Ruler:
    """How far off a number may be."""

    limit: float
    cosines: float
    logits: float
    """Rounding of a float64 logit."""
    sphere: float
    """gnc1.pinv of identical features: what scaling them to length one leaves."""
    exact_sphere: float
    """The same in float64, where the oracle scales too."""
    all_spherical: bool

    @classmethod
    def of(cls, report: Report, stored: StoredPopulation, cosines: float) -> Ruler:
        products = report.settings["products"]
        floors = [
            result.noise_floor
            for result in report
            if result.id == "gnc1.pinv" and result.noise_floor
        ]
        stored_eps = torch.finfo(stored.given["features"].dtype).eps
        work, double = torch.finfo(getattr(torch, products)).eps, torch.finfo(torch.float64).eps
        floor = (floors or [0.0])[0] / max(stored_eps, work) ** 2
        return cls(
            LIMITS[products],
            cosines,
            COSINE_ROUNDING * stored.logit_scale,
            SEVERAL * floor * work**2,
            SEVERAL * floor * double**2,
            report.settings["profile"] == "jiang",
        )

    def allowed(self, name: str, exact: float) -> float:
        relative = self.limit * abs(exact)
        rounding = FORMULAS[name].rounding
        if self.all_spherical and name == "nc1.pinv":
            rounding = "unit_variance"
        return relative + self._beyond(rounding, exact)

    def _beyond(self, rounding: Rounding, exact: float) -> float:
        """What is allowed beside a share of the number itself."""
        match rounding:
            case "relative":
                return 0.0  # NC1 too, down to 1e-17; shares of samples, in effect exactly
            case "length":
                return self.cosines  # cosines, lengths over lengths: can be 0 but for rounding
            case "logarithm":
                return self.limit  # sums of both signs: 0 where they cancel, but for the last bit
            case "complement":
                return self.limit  # one less a share, which is off by a share of itself
            case "logit":
                return self.logits
            case "cosine_gap":
                return self.cosines**2  # 1 - cos, taken as half a squared difference
            case "square_distance":
                # A mean square of distances, each off by the rounding of a length.
                return self.cosines**2 + 2 * self.cosines * math.sqrt(abs(exact))
            case "energy_bound":
                return BEST_ENERGY
            case "unit_variance":
                # Rounding r in a residual z adds r^2 where z = 0, and 2rz where it is not.
                return 2 * math.sqrt(self.exact_sphere * exact) if exact else self.sphere


def agree(
    report: Report,
    truth: Mapping[str, Outcome],
    stored: StoredPopulation,
    *,
    cosines: float = COSINE_ROUNDING,
) -> None:
    """Every number that the oracle has is the report's, but for rounding."""
    ruler = Ruler.of(report, stored, cosines)
    common = [result for result in report if result.id in truth]
    assert common
    wrong = [
        f"{result.id}{line}"
        for result in common
        for line in _unlike(result, truth[result.id], ruler)
    ]
    assert not wrong, "\n".join(wrong)


def _unlike(result: Result, expected: Outcome, ruler: Ruler) -> Iterator[str]:
    if expected.value is None or result.value is None:
        if (expected.value is None) != (result.value is None):
            yield f": {result.value} ({result.reason}), not {expected.value} ({expected.reason})"
        return
    if expected.sampled:
        yield from _unlike_sampled(result, expected, ruler)
        return
    allowed = ruler.allowed(result.id, expected.value)
    yield from _apart("", result.value, expected.value, allowed)
    if expected.per_class is not None:
        yield from _unlike_classes(result, expected, ruler)
    if expected.samples is not None:
        yield from _unlike_samples(result, expected.samples, ruler)


def _unlike_sampled(result: Result, expected: Outcome, ruler: Ruler) -> Iterator[str]:
    """Of some samples of the larger classes: a mean within its interval, a determinant finite.

    The log determinant of a few samples does not estimate that of all; its own tests do it whole.
    """
    assert expected.value is not None and result.value is not None
    if not math.isfinite(result.value):
        yield f": {result.value}"
    if result.id != "hug.pair_distance":
        return
    if result.ci is None:
        yield ": sampled, but no interval"
        return
    beyond = ruler.allowed(result.id, expected.value)
    if not result.ci[0] - beyond <= expected.value <= result.ci[1] + beyond:
        yield f": {expected.value!r} is not within {result.ci}"
    if expected.per_class is None or result.per_class is None:
        yield ": no values by class"
        return
    exact = [value for value in result.per_class if value is not None]
    if len(exact) != len(expected.per_class):
        yield f": {len(exact)} classes, not {len(expected.per_class)}"
        return
    # Half widths add up as squares, divided by the number of classes: no class's is wider.
    widest = len(exact) * (result.ci[1] - result.ci[0]) / 2
    for index, (value, mean) in enumerate(zip(exact, expected.per_class.tolist(), strict=True)):
        yield from _apart(f" class {index}", value, mean, widest + beyond)


def _unlike_classes(result: Result, expected: Outcome, ruler: Ruler) -> Iterator[str]:
    """NC1 of a class as strictly as NC1; other numbers relative to the largest class or margin."""
    assert expected.per_class is not None
    if result.per_class is None:
        yield ": no values by class"
        return
    values = [value for value in result.per_class if value is not None]
    if len(values) != len(expected.per_class):
        yield f": {len(values)} classes, not {len(expected.per_class)}"
        return
    strict = result.id.startswith(("nc1.", "gnc1."))
    others = expected.per_class if expected.samples is None else expected.samples
    shared = 0.0 if strict else ruler.limit * float(np.abs(others).max())
    for index, (value, mean) in enumerate(zip(values, expected.per_class.tolist(), strict=True)):
        allowed = max(ruler.allowed(result.id, mean), shared)
        yield from _apart(f" class {index}", value, mean, allowed)
    if expected.samples is None:
        yield from _unlike_spread(result, np.array(values), "classes", shared)


def _unlike_samples(result: Result, margins: Array, ruler: Ruler) -> Iterator[str]:
    """A margin is a difference of scores and rounds as they do, however small it is itself."""
    scale = ruler.limit * float(np.abs(margins).max())
    yield from _unlike_spread(result, margins, "samples", scale)


def _unlike_spread(result: Result, values: Array, over: str, allowed: float) -> Iterator[str]:
    spread = result.distribution
    if spread is None or spread.over != over:
        yield f": no distribution over {over}"
        return
    for name, percent in PERCENTS:
        exact = float(np.percentile(values, percent))
        # Interpolating between two values rounds once more.
        yield from _apart(f" {name}", getattr(spread, name), exact, allowed + 1e-15 * abs(exact))
    mean = float(values.mean())
    yield from _apart(" mean", spread.mean, mean, allowed + 1e-14 * float(np.abs(values).max()))


def _apart(what: str, value: float, exact: float, allowed: float) -> Iterator[str]:
    if not abs(value - exact) <= allowed:  # also where either is NaN
        yield f"{what}: {value!r}, not {exact!r} (off {value - exact:.2g}, may {allowed:.2g})"
