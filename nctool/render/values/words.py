"""Words and signs for metrics and classes that all outputs share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from nctool.render import Arrays
from nctool.report import Report, Result

T = TypeVar("T")

GNC = "GNC  the same on the unit sphere, for any number of classes"
FAMILIES = {
    "collapse": "Collapse  how far from structureless (0) to perfect (1)?",
    "nc1": "NC1  do the features of a class contract onto their mean?",
    "nc2": "NC2  do class means and classifier rows become a simplex?",
    "nc3": "NC3  do classifier and class means become the same thing?",
    "nc4": "NC4  does the head decide as the nearest class mean does?",
    "nc5": "NC5  do unknown features stay away from every class?",
    "gnc": GNC, "gnc1": GNC, "gnc2": GNC, "gnc3": GNC,
    "imbalance": "Imbalance  do small classes get the room that large ones get?",
    "hug": "HUG  how uniform between classes, how tight within?",
}  # fmt: skip
ARROWS = {"down": "↓", "up": "↑"}
MARKS = {
    "below-noise-floor": ("~", "below what storage rounding alone would give: read it as zero"),
    "sample-limited": ("°", "few samples per class: more of them would give another number"),
}
"""The sign beside a value that has this flag, and what it means."""
POINTS = {"means": "class means", "weights": "classifier rows"}
"""The two sets of points, by the last part of an id or of an array's name."""
PLAIN_WORD = re.compile(r"[a-z]+(?:[ ,:;]|$)")
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(power: int) -> str:
    """``10⁻⁴``."""
    return f"10{str(power).translate(RAISED)}"


def heading_of(metric_id: str) -> str:
    """The heading of a metric's family; a family without one is its own."""
    family = metric_id.split(".")[0]
    return FAMILIES.get(family, family)


def by_heading(items: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    """Things by the heading of their metric's id; each heading where it is first needed."""
    groups: dict[str, list[T]] = {}
    for metric_id, item in items:
        groups.setdefault(heading_of(metric_id), []).append(item)
    return groups


def by_reason(results: Iterable[Result]) -> list[tuple[str, str | None, list[Result]]]:
    """Results without a value, by status and the reason they share."""
    groups: dict[tuple[str, str | None], list[Result]] = {}
    absent = [result for result in results if result.status != "ok"]
    for result in sorted(absent, key=lambda result: (result.status, result.reason or "")):
        groups.setdefault((result.status, result.reason), []).append(result)
    return [(status, reason, group) for (status, reason), group in groups.items()]


def marks_of(result: Result) -> str:
    return "".join(MARKS[flag][0] for flag in result.flags if flag in MARKS)


def moment(report: Report) -> list[str]:
    """``epoch 3``, ``step 7``, ``test split``: what is known of these."""
    run = report.run
    words = [f"{key} {run[key]}" for key in ("epoch", "step") if run.get(key) is not None]
    return [*words, f"{run['split']} split"] if run.get("split") else words


def no_samples(report: Report) -> str:
    """Why a report is about a classifier alone."""
    unused = any(source.role == "features" for source in report.inputs)
    return "features without labels, not used" if unused else "no features"


def past(gate: Mapping[str, Any]) -> str:
    """What a gate looks back to."""
    return "first" if gate.get("against") == "first" else "baseline"


def capital(text: str) -> str:
    """A sentence with a capital; ids, paths and numbers in front of one stay as they are."""
    return text[:1].upper() + text[1:] if PLAIN_WORD.match(text) else text


def of_points(arrays: Arrays | None, what: str) -> dict[str, Any]:
    """``gram/means`` and ``gram/weights`` by the set of points, as far as they are at hand."""
    kinds = [kind for kind in POINTS if arrays and f"{what}/{kind}" in arrays]
    return {kind: (arrays or {})[f"{what}/{kind}"] for kind in kinds}


def points_of(metric_id: str) -> str:
    """``means`` or ``weights``; ``one`` where a metric is of neither alone."""
    return next((kind for kind in POINTS if metric_id.endswith("." + kind)), "one")


def class_label(name: str) -> str:
    """``class 7`` where the name is a number, else the name."""
    return f"class {name}" if name.isdigit() else name


def at_collapse(result: Result) -> float | None:
    """The value at collapse: a floor for these K and d, else the best known, else the ideal."""
    if result.floor:
        return result.floor
    return result.ideal if result.best_known is None else result.best_known.value


def furthest(result: Result) -> tuple[str | None, float] | None:
    """The least collapsed class and its value, where classes differ; over samples the smallest."""
    spread = result.distribution
    if spread is not None and spread.over == "samples":
        return None, spread.min
    if not result.worst or (spread is not None and spread.max == spread.min):
        return None
    return class_label(result.worst[0].name), result.worst[0].value
