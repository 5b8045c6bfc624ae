"""What is shown of every metric: its line in the list, and everything that is known behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from nctool.render.page.amounts import aligned, said
from nctool.render.page.scales import Scale
from nctool.render.summary import heading_of
from nctool.report import ClassValue, Distribution, Reference, Result

DIRECTIONS = {"down": "lower is more collapsed", "up": "higher is more collapsed"}
ARROWS = {"down": "↓", "up": "↑"}
FLAGS = {
    "below-noise-floor": ("~", "below what storage rounding alone would give: read it as zero"),
    "sample-limited": ("°", "few samples per class: more of them would give another number"),
}
PARTS = (("min", "min"), ("p05", "5 %"), ("p50", "median"), ("p95", "95 %"), ("max", "max"))
LEADS = (
    ("nc1.pinv",), ("nc2.etf_deviation.means", "nc2.etf_deviation.weights"), ("nc3.distance",),
    ("nc4.mismatch",), ("nc5.ood_orthogonality",), ("gnc2.margin.means", "gnc2.margin.weights"),
    ("hug.uniformity.means", "hug.uniformity.weights"),
)  # fmt: skip
"""What speaks for its family in the summary: the first of each that has a value."""
STRIP = 200
LONGEST = 600
"""Characters of a finding that are shown; the embedded data has all of it."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A distribution along a line: its ends, where nine in ten lie, and the median."""

    p05: float
    p50: float
    p95: float
    over: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric."""

    id: str
    title: str
    definition: str
    version: int
    value: Markup
    arrow: str
    perfect: Markup
    random: Markup
    furthest: tuple[str, str] | None
    facts: tuple[tuple[str, str], ...]
    strip: Strip | None
    worst: tuple[tuple[str, str], ...]
    found: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    question: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Absence:
    """Metrics without a value, and the reason they share."""

    status: str
    reason: str
    entries: tuple[Entry, ...]


def heading(text: str) -> tuple[str, str]:
    """A family's short name, and the question it answers."""
    name, _, question = text.partition("  ")
    return name, question[:1].upper() + question[1:]


def families(results: Sequence[Result]) -> tuple[Family, ...]:
    groups: dict[str, list[Entry]] = {}
    for one in results:
        if one.status == "ok":
            groups.setdefault(heading_of(one.id), []).append(entry(one))
    return tuple(Family(*heading(text), entries=tuple(entries)) for text, entries in groups.items())


def absences(results: Sequence[Result]) -> tuple[Absence, ...]:
    absent = [one for one in results if one.status != "ok"]
    absent.sort(key=lambda one: (one.status, one.reason or ""))
    return tuple(
        Absence(status, reason or "no reason given", tuple(entry(one) for one in group))
        for (status, reason), group in groupby(absent, lambda one: (one.status, one.reason))
    )


def leads(results: Sequence[Result]) -> tuple[Family, ...]:
    """One metric of each family that has any."""
    known = {one.id: one for one in results if one.status == "ok"}
    chosen = [next((known[name] for name in names if name in known), None) for names in LEADS]
    return families([one for one in chosen if one is not None])


def marks(results: Sequence[Result]) -> tuple[tuple[str, str], ...]:
    """The signs beside values, and what they mean."""
    return tuple({FLAGS[flag]: None for one in results for flag in one.flags if flag in FLAGS})


def entry(one: Result) -> Entry:
    return Entry(
        one.id, one.title, one.definition, one.definition_version,
        aligned(one.value, mark="".join(FLAGS[flag][0] for flag in one.flags if flag in FLAGS)),
        ARROWS.get(one.toward_collapse, ""), _perfect(one), aligned(one.null_value, 3),
        _furthest(one), tuple(_facts(one)), strip(one.distribution), _worst(one),
        tuple(_found(one.details or {})),
    )  # fmt: skip


def strip(spread: Distribution | None) -> Strip | None:
    if spread is None or spread.max <= spread.min:
        return None
    x = Scale(spread.min, spread.max, 3, STRIP - 3)
    return Strip(
        x(spread.p05), x(spread.p50), x(spread.p95), spread.over,
        tuple((word, said(getattr(spread, name), 3)) for name, word in PARTS),
    )  # fmt: skip


def _perfect(one: Result) -> Markup:
    if one.floor:
        return Markup("≥ ") + aligned(one.floor)
    if one.best_known is not None:
        return aligned(one.best_known.value)
    return aligned(one.ideal)


def _furthest(one: Result) -> tuple[str, str] | None:
    """The least collapsed class, if classes differ; over samples the smallest."""
    spread = one.distribution
    if spread is not None and spread.over == "samples":
        return "min", said(spread.min, 3)
    if not one.worst or (spread is not None and spread.max == spread.min):
        return None
    return _name(one.worst[0]), said(one.worst[0].value, 3)


def _worst(one: Result) -> tuple[tuple[str, str], ...]:
    return tuple((_name(worst), said(worst.value, 3)) for worst in one.worst or ())


def _name(one: ClassValue) -> str:
    return f"class {one.name}" if one.name.isdigit() else one.name


def _facts(one: Result) -> Iterator[tuple[str, str]]:
    """What a reader may ask of a number; what is not known is said too."""
    yield "direction", f"{ARROWS.get(one.toward_collapse, '')} {_direction(one)}"
    yield "ideal", "none" if one.ideal is None else said(one.ideal)
    yield "floor", "none" if one.floor is None else f"{said(one.floor)}, for this K and d"
    yield "best known", _reference(one.best_known)
    yield "random value", "unknown" if one.null_value is None else said(one.null_value)
    yield "noise floor", "unknown" if one.noise_floor is None else said(one.noise_floor, 3)
    if one.bounds is not None:
        yield "certified", f"{said(one.bounds[0], 7)} to {said(one.bounds[1], 7)}"
    if one.ci is not None:
        yield "interval", f"{said(one.ci[0])} to {said(one.ci[1])}"
    for flag in one.flags:
        yield "note", FLAGS[flag][1] if flag in FLAGS else flag
    yield "needs", ", ".join(one.needs) or "nothing"


def _direction(one: Result) -> str:
    return DIRECTIONS.get(one.toward_collapse, str(one.toward_collapse))


def _reference(best: Reference | None) -> str:
    return "unknown" if best is None else f"{said(best.value, 6)} ({best.source})"


def _found(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What else was found, as far as a line can tell it."""
    for key, value in details.items():
        text = _worded(value)
        if text:
            yield key.replace("_", " "), text


def _worded(value: Any) -> str:
    match value:
        case None | [] | () | {}:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return said(value)
        case int():
            return f"{value:,}"
        case str():
            return value
        case {"class": _, "name": str(name), "value": float(size)}:
            return f"{name} ({said(size, 3)})"
        case {"class": _, "name": str(name)}:
            return name
        case {"value": float(size), "source": str(source)}:
            return f"{said(size)} ({source})"
        case list() | tuple():
            parts = [_worded(one) for one in value]
            text = ", ".join(parts) if all(parts) else ""
            return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
        case _:
            return ""
