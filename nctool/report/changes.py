"""One number against the baseline's: more collapsed, less, the same, or not to be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from nctool.report import Result
from nctool.report.sentence import MOVED, nines
from nctool.report.tolerance import DEFAULT_TOLERANCE, Tolerance
from nctool.report.verdict import PREFIX

Word = Literal["baseline", "more collapsed", "less collapsed", "within tolerance", "not comparable"]


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one run, against the baseline's."""

    value: float | None
    delta: float | None
    ratio: float | None
    word: Word
    ci: tuple[float, float] | None = None
    overlap: bool | None = None
    """Do the intervals of both overlap? None without intervals."""
    spread: float | None = None
    """Sample standard deviation over the members of a group."""
    nines: float | None = None
    """By how many nines a dial came nearer to perfect; None of other metrics, and where nothing is
    left in one of the two."""


def change(
    result: Result | None,
    base: Result | None,
    tolerance: Tolerance | None,
    spreads: tuple[float | None, float | None],
    is_baseline: bool,
) -> Change:
    """What became of a metric; ``spreads`` are those of the run's members and the baseline's."""
    value = None if result is None else result.value
    before = None if base is None else base.value
    ci = None if result is None else result.ci
    word: Word = "baseline" if is_baseline else "not comparable"
    alone = Change(value, None, None, word, ci, None, spreads[0])
    if is_baseline or result is None or base is None or value is None or before is None:
        return alone
    # Two definitions of one metric are two metrics: their difference says nothing of the runs.
    if result.definition_version != base.definition_version:
        return alone
    # Over a subnormal baseline the quotient overflows: there is no ratio then, as over zero.
    ratio = _finite(value / before) if before else None
    overlap = None
    if result.ci is not None and base.ci is not None:
        overlap = result.ci[0] <= base.ci[1] and base.ci[0] <= result.ci[1]
    gained = nines_gained(base, result)
    if _same(base, result, tolerance, gained) or _within(base, result, spreads):
        word = "within tolerance"
    else:
        word = "more collapsed" if result.gained(before, value) > 0 else "less collapsed"
    return replace(
        alone, delta=_finite(value - before), ratio=ratio, word=word, overlap=overlap,
        nines=None if gained is None else _finite(gained),
    )  # fmt: skip


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _same(base: Result, result: Result, tolerance: Tolerance | None, gained: float | None) -> bool:
    """No more apart than the tolerance that was asked for, or than is usual."""
    assert base.value is not None and result.value is not None
    if tolerance is None and gained is not None:
        # Of a dial what is left counts: 99.9 % and 99 % are a nine apart, not a hundredth.
        return abs(gained) <= MOVED
    return not (tolerance or DEFAULT_TOLERANCE).exceeded(base.value, result.value)


def _within(base: Result, result: Result, spreads: tuple[float | None, float | None]) -> bool:
    """The change is inside the interval of either, or inside the spread of either's members."""
    assert base.value is not None and result.value is not None
    pairs = ((base.ci, result.value), (result.ci, base.value))
    if any(ci is not None and ci[0] <= value <= ci[1] for ci, value in pairs):
        return True
    return abs(result.value - base.value) <= max((each or 0.0 for each in spreads), default=0.0)


def nines_gained(before: Result, now: Result) -> float | None:
    """By how many nines a dial came nearer to perfect; None of what is no dial.

    Under the noise of either, what is left is rounding: it counts as no less than that.
    """
    if not before.id.startswith(PREFIX) or before.value is None or now.value is None:
        return None
    noise = max(_detail(before, "left_noise", 0.0), _detail(now, "left_noise", 0.0))
    left = [max(_detail(each, "left", 1 - (each.value or 0.0)), noise) for each in (before, now)]
    if left[0] == left[1]:
        return 0.0
    return nines(left[1]) - nines(left[0])


def _detail(result: Result, key: str, otherwise: float) -> float:
    number = (result.details or {}).get(key)
    return float(number) if isinstance(number, int | float) else otherwise
