"""What stands out in a report, in a sentence each: for screen, page and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nctool.core.text import number, one_line, shortened
from nctool.render.values.dials import Bar, bars
from nctool.report import Report, Result
from nctool.report.sentence import SIDES, SMALLEST_SHOWN
from nctool.report.verdict import Verdict

MATERIAL = 2.0
"""From this ratio of what is left, means and rows are said to differ."""
SHOWN = 3
"""Classes that are named beside the tightest."""
LONGEST = 24
"""Characters of a class's name."""
SHORT_OF = {
    "nc2": "further from a simplex",
    "gnc": "shorter of room",
    "hug": "less evenly spread",
}


def highlights(report: Report, verdict: Verdict) -> list[str]:
    """Where means and rows differ most; the tightest class; the closest pair."""
    ratio = _uneven(verdict)
    side = _weaker(verdict)
    classes = [*_tightest(report, side), *_closest(report, side)]
    return [text for text in (ratio, "; ".join(classes)) if text]


def _uneven(verdict: Verdict) -> str:
    """The pair of dials whose shares left differ by the largest factor; first those that count."""
    shown = [bar for bar in bars(verdict) if len(bar.marks) > 1 and bar.family in SHORT_OF]
    differing = [bar for bar in shown if _factor(bar) >= MATERIAL]
    if not differing:
        return ""
    bar = max(differing, key=lambda each: (each.weakest.counted, _factor(each)))
    factor, family = _factor(bar), bar.family
    far = bar.weakest
    near = next(mark.dial for mark in bar.marks if mark.dial is not far)
    what = SHORT_OF[family]
    if family == "nc2" and verdict.geometry == "seli":
        what = "further from SELI"
    near_left = max(near.left, SMALLEST_SHOWN)
    left = f"{number(100 * far.left, 2)} %, {number(100 * near_left, 2)} % left"
    names = SIDES[far.side or ""], SIDES[near.side or ""]
    return f"{names[0]} {number(factor, 2)} × {what} than {names[1]} ({left})"


def _factor(bar: Bar) -> float:
    """The larger share left over the smaller; under its noise no share says anything."""
    left = sorted(mark.dial.left for mark in bar.marks)
    noise = max(SMALLEST_SHOWN, *(mark.dial.noise or 0.0 for mark in bar.marks))
    smaller, larger = max(left[0], noise), left[-1]
    return larger / smaller if smaller > 0 else 0.0


def _weaker(verdict: Verdict) -> str:
    """``means`` or ``weights``: whose tightest class is the tighter."""
    room = [mark.dial for bar in bars(verdict) if bar.family == "gnc" for mark in bar.marks]
    return min(room, key=lambda dial: dial.way).side or "means" if room else "means"


def _details(report: Report, name: str, side: str) -> Mapping[str, Any]:
    """The details of a metric of these points, or of the others where these have none."""
    other = "weights" if side == "means" else "means"
    results: list[Result | None] = [report.get(f"{name}.{each}") for each in (side, other)]
    return next((result.details for result in results if result and result.details), {})


def _tightest(report: Report, side: str) -> Iterator[str]:
    details = _details(report, "gnc2.margin", side)
    groups = details.get("twins") or ()
    if groups:
        yield f"identical classes: {' = '.join(_name(each['name']) for each in groups[0][:SHOWN])}"
    for place in (details.get("support") or ())[:1]:
        between = [_name(other["name"]) for other in place["between"][:SHOWN]]
        squeezed = f", squeezed by {', '.join(between)}" if between else ""
        yield f"tightest class: {_name(place['name'])}{squeezed}"


def _closest(report: Report, side: str) -> Iterator[str]:
    pair = _details(report, "hug.separation", side).get("closest")
    if pair and len(pair) == 2:
        yield f"closest pair: {_name(pair[0])} and {_name(pair[1])}"


def _name(name: object) -> str:
    return shortened(one_line(str(name)), LONGEST)
