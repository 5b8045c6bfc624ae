"""Where a report and the oracle disagree by more than rounding may.

Limits are relative: 1e-9 where products are float64, 1e-6 where they are float32, which loses
about 1e-7 in each. What may be added to that, and why, stands beside each kind of number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from oracle import Outcome
from oracle_runs import Run
from populations import Array

from nctool.report import Report, Result

LIMITS = {"float64": 1e-9, "float32": 1e-6}
PERCENTS = (("min", 0), ("p01", 1), ("p05", 5), ("p50", 50), ("p95", 95), ("max", 100))

COSINE_ROUNDING = 1e-14
"""Cosines, and lengths over lengths, are sums of float64 terms of order one."""

MEAN_OF_ROUNDING = 8
"""A noise floor is the mean of a square; the value of one class may be several times that."""


def disagreements(
    report: Report, truth: Mapping[str, Outcome], run: Run, *, skip: frozenset[str] = frozenset()
) -> list[str]:
    """One line for each number that is not what the oracle says."""
    found = []
    products = report.settings["products"]
    for result in report:
        if result.id not in truth or result.id in skip:
            continue
        lines = _result(result, truth[result.id], LIMITS[products], products, run)
        found += [f"{result.id}{line}" for line in lines]
    return found


def _result(
    result: Result, expected: Outcome, limit: float, products: str, run: Run
) -> Iterator[str]:
    if expected.value is None or result.value is None:
        if (expected.value is None) != (result.value is None):
            yield f": {result.value} ({result.reason}), not {expected.value} ({expected.reason})"
        elif not result.reason or result.status == "ok":
            yield f": no value and no reason ({result.status})"
        return
    margins = expected.samples
    scale = None if margins is None else float(np.abs(margins).max())
    allowed = _allowed(result, expected.value, limit, products, run)
    yield from _compare("", result.value, expected.value, allowed)
    if expected.per_class is not None:
        yield from _classes(result, expected.per_class, scale, limit, products, run)
    if margins is not None:
        assert scale is not None
        spread = result.distribution
        if spread is None or spread.over != "samples":
            yield ": no distribution over samples"
            return
        # A margin is a difference of scores, so its rounding is that of the largest.
        for name, percent in PERCENTS:
            wanted = float(np.percentile(margins, percent))
            yield from _compare(f" {name}", getattr(spread, name), wanted, limit * scale)
        yield from _compare(" mean", spread.mean, expected.value, limit * scale)


def _classes(
    result: Result, expected: Array, scale: float | None, limit: float, products: str, run: Run
) -> Iterator[str]:
    if result.per_class is None:
        yield ": no values by class"
        return
    values = np.array([one for one in result.per_class if one is not None])  # (K,)
    if values.shape != expected.shape:
        yield f": {len(values)} classes, not {len(expected)}"
        return
    largest = float(np.abs(expected).max()) if scale is None else scale
    for index, (value, wanted) in enumerate(zip(values.tolist(), expected.tolist(), strict=True)):
        allowed = _allowed(result, wanted, limit, products, run)
        if not _is_ratio_of_variances(result.id):
            # The rounding of a class mean is not smaller where a class's own number is.
            allowed = max(allowed, limit * largest)
        yield from _compare(f" class {index}", value, wanted, allowed)


def _allowed(result: Result, wanted: float, limit: float, products: str, run: Run) -> float:
    """How far off one number may be."""
    relative = limit * abs(wanted)
    if result.id == "gnc1.pinv" or result.id.endswith("nc1.pinv") and result.noise_floor is not None:
        rounding = _unit_rounding(result, products) if _is_spherical(result, run) else 0.0
        # Where features of length one coincide, scaling leaves its own rounding and no more.
        if wanted == 0.0:
            return MEAN_OF_ROUNDING * rounding
        # The oracle, too, scales in float64: its residuals carry that rounding.
        return relative + abs(wanted) * math.sqrt(_oracle_rounding(result, products) / abs(wanted))
    if _is_ratio_of_variances(result.id):
        return relative
    if result.id == "nc3.bias_collapse":
        return relative + COSINE_ROUNDING * run.logit_scale
    if result.id == "gnc3.duality":
        return relative + COSINE_ROUNDING**2  # 1 - cos, taken as half a squared difference
    if result.id.startswith(("nc2.", "nc3.", "nc5.")):
        return relative + COSINE_ROUNDING
    return relative
