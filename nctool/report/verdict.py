"""Has this network collapsed? The word, and the dials that it comes from.

Worked out anew from the numbers of a report whenever somebody asks: nothing that is written in a
file can contradict them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Literal

from nctool.report.plain import is_of

if TYPE_CHECKING:
    from nctool.report.report import Report
    from nctool.report.result import Result

Word = Literal["collapsed", "partly collapsed", "not collapsed"]
Geometry = Literal["simplex", "seli", "gnc"]
SoFar = Literal["no-head", "no-features", "one-look"]

COLLAPSED_FROM = 0.9
"""One nine: two nines are 99 percent, and so on."""
NOT_BELOW = 0.5
PREFIX = "collapse."
WEAKEST = "collapse.weakest"
WITHHOLDING = ("rows-misaligned", "labels-shifted", "head-rows-permuted", "report-edited")
"""Notices under which no verdict is given: the numbers are not of this network."""
SAMPLE_LIMITED = "sample-limited"
SECOND_LOOK = "needs a second look at the samples: "
"""How the reason begins where samples passed by once and cannot be seen again."""


@dataclass(frozen=True, slots=True)
class Dial:
    """How far one part has come from structureless (0) to perfect (1)."""

    id: str
    way: float
    left: float
    """One less the way, without cancellation."""
    chance: float | None
    """The way of structureless features of this N, K and d."""
    side: str | None
    """``means`` or ``weights``, where a geometry is seen on either."""
    counted: bool = True
    """Part of the minimum."""
    noise: float | None = None
    """What of ``left`` is rounding: a bar ends there."""
    bound: bool = False
    """Few samples a class: it may well be further."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, what it hangs on, and every dial."""

    word: Word | None
    way: float | None
    """Of the weakest dial."""
    weakest: str | None
    since: float | None
    """Of a trajectory: from which position on the word holds."""
    so_far: SoFar | None
    withheld: str | None
    """The slug of the notice for which no verdict is given."""
    chance: float | None
    """The least that structureless features have on a dial that counts."""
    geometry: Geometry
    dials: tuple[Dial, ...]

    def dial(self, metric_id: str | None) -> Dial | None:
        return next((dial for dial in self.dials if dial.id == metric_id), None)


def verdict_of(report: Report) -> Verdict | None:
    """Of one report; None where it holds none of the dials, because nobody asked for them."""
    asked = [result for result in report.metrics if result.id.startswith(PREFIX)]
    if not asked:
        return None
    whole = report.get(WEAKEST)
    counted = _counted(report, whole)
    dials = tuple(
        _dial(result, result.id in counted)
        for result in asked
        if result.value is not None and result.id != WEAKEST
    )
    seen = [dial for dial in dials if dial.counted]
    # A part that nobody asked for may be the weakest: without it nothing is.
    all_seen = {dial.id for dial in seen} == set(counted)
    furthest = max(seen, key=lambda dial: dial.left, default=None) if all_seen else None
    withheld = next((each.slug for each in report.warnings if each.slug in WITHHOLDING), None)
    complete = whole is not None and whole.value is not None
    chances = [dial.chance for dial in seen if dial.chance is not None]
    return Verdict(
        word=_word(furthest, dials) if complete and not withheld else None,
        way=None if furthest is None or withheld else furthest.way,
        weakest=None if furthest is None or withheld else furthest.id,
        since=None,
        so_far=_so_far(report, counted),
        withheld=withheld,
        chance=min(chances, default=None),
        geometry=_geometry(report, counted),
        dials=dials,
    )


def _counted(report: Report, whole: Result | None) -> tuple[str, ...]:
    """The dials whose minimum is the verdict's."""
    named = None if whole is None or whole.details is None else whole.details.get("counted")
    if isinstance(named, list | tuple):
        return tuple(map(str, named))
    # Without features there is the geometry of the rows, which says nothing of two.
    if report.data.get("n") or report.data.get("k") == 2:
        return ()
    names = ("collapse.nc2.weights", "collapse.gnc.weights")
    return next(((name,) for name in names if report.value(name) is not None), ())


def _dial(result: Result, counted: bool) -> Dial:
    details = result.details or {}
    assert result.value is not None
    left, noise = (
        float(number) if is_of(number, float) and number is not None else None
        for number in map(details.get, ("left", "left_noise"))
    )
    rest, side = 1 - result.value, result.id.rpartition(".")[2]
    return Dial(
        id=result.id,
        way=result.value,
        # Without cancellation where it is what the way leaves; of no use where it is not.
        left=left if left is not None and isclose(left, rest, abs_tol=1e-9) else rest,
        chance=result.null_value,
        side=side if side in ("means", "weights") else None,
        counted=counted,
        noise=noise,
        bound=SAMPLE_LIMITED in result.flags,
    )


def _word(furthest: Dial | None, dials: tuple[Dial, ...]) -> Word | None:
    if furthest is None:
        return None
    if furthest.way >= COLLAPSED_FROM:
        return "collapsed"
    within = next((dial.way for dial in dials if dial.id == "collapse.nc1"), None)
    if furthest.way < NOT_BELOW and (within is None or within < COLLAPSED_FROM):
        return "not collapsed"
    return "partly collapsed"


def _so_far(report: Report, counted: tuple[str, ...]) -> SoFar | None:
    """What was not there to be looked at."""
    if not report.data.get("n"):
        return "no-features"
    if not counted or "collapse.nc4" in counted:
        return None
    decisions = report.get("collapse.nc4")
    passed_by = decisions is not None and (decisions.reason or "").startswith(SECOND_LOOK)
    return "one-look" if passed_by else "no-head"


def _geometry(report: Report, counted: tuple[str, ...]) -> Geometry:
    """Which geometry the minimum holds class means and rows against."""
    if any(name.startswith("collapse.gnc") for name in counted):
        return "gnc"
    targets = [
        (result.details or {}).get("goal")
        for result in report.metrics
        if result.id.startswith("collapse.nc2")
    ]
    return "seli" if "seli" in targets else "simplex"


def held_since(positions: Sequence[float], verdicts: Sequence[Verdict | None]) -> float | None:
    """The position from which on every word is the last one's; None without a word."""
    words = [None if verdict is None else verdict.word for verdict in verdicts]
    if words[-1] is None:
        return None
    first = len(words) - 1
    while first and words[first - 1] == words[-1]:
        first -= 1
    return positions[first]
