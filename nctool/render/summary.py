"""A report as lines to read: where the data came from, then the numbers, then the warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from nctool.core.text import count, number
from nctool.render import margins
from nctool.render.lines import BLANK, Line, columns, line, wrapped
from nctool.report import Distribution, Report, Result

FAMILIES = {
    "nc1": "NC1  do the features of a class contract onto their mean?",
    "nc2": "NC2  do class means and classifier rows become a simplex?",
    "nc3": "NC3  do classifier and class means become the same thing?",
    "nc4": "NC4  does the head decide as the nearest class mean does?",
    "nc5": "NC5  do unknown features stay away from every class?",
    "gnc": "GNC  the same on the unit sphere, for any number of classes",
    "gnc1": "GNC  the same on the unit sphere, for any number of classes",
    "gnc2": "GNC  the same on the unit sphere, for any number of classes",
    "gnc3": "GNC  the same on the unit sphere, for any number of classes",
    "imbalance": "Imbalance  do small classes get the room that large ones get?",
    "hug": "HUG  how uniform between classes, how tight within?",
}
ARROWS = {"down": "↓", "up": "↑"}
MARKS = {"below-noise-floor": "~", "sample-limited": "°"}
CENTRES = {"balanced": "centred by class means", "samples": "centred by all samples"}
LEGEND = {
    "~": "~ below what storage rounding alone would give: read it as zero",
    "°": "° few samples per class: more of them would give another number",
}


def lines(
    report: Report,
    width: int,
    per_class: bool = False,
    between: Sequence[Line] = (),
    courses: Mapping[str, tuple[str, str]] | None = None,
) -> list[Line]:
    """The whole report; ``between`` comes after where it is from and before its numbers.

    ``courses`` has the first value of a metric and how it went from there to this one.
    """
    out = [line((f"nctool {report.tool['version']}", "title"), (f"  {_when(report)}", "faint"))]
    out += [BLANK, *_provenance(report, width), BLANK, *between]
    computed = [one for one in report.metrics if one.status == "ok"]
    if computed:
        out += _numbers(computed, courses)
        out += _legend(report, computed, width)
        behind = [*margins.lines(report, width)]
        out += [BLANK, *behind] if behind else []
    else:
        out += [line("  nothing could be computed from these inputs")]
    if per_class:
        out += _classes(report)
    out += _absent(report, width)
    out += _warnings(report, width)
    return out


def _when(report: Report) -> str:
    run = report.run
    words = [f"{key} {run[key]}" for key in ("epoch", "step") if run.get(key) is not None]
    if run.get("split"):
        words.append(f"{run['split']} split")
    if report.settings.get("profile"):
        words.append(f"profile {report.settings['profile']}")
    return " · ".join(words)


def _provenance(report: Report, width: int) -> Iterator[Line]:
    """Which arrays, how many, how computed."""
    path = None
    for one in report.inputs:
        shape = " × ".join(f"{size:,}" for size in one.shape)
        here = "" if one.path == path or not one.path else one.path
        if here:
            yield line("  ", (here, "title"), (f"  ({one.format})", "faint"))
        path = one.path
        turned = ", transposed" if one.transposed else ""
        yield line(f"    {one.role:<9} {one.key}  ", (f"{shape} {one.dtype}{turned}", "faint"))
    yield from _labelled("data", _data(report), width)
    settings = report.settings
    how = (
        f"{CENTRES[settings['center']]} · {settings.get('products', 'float64')} products · "
        f"{settings['device']}"
    )
    if str(settings["device"]) == "cpu":
        how += f", {count(int(settings['threads']), 'thread')}"
    yield from _labelled("computed", how, width)
    if settings.get("logit_scale"):
        text = f"cosine: logits are {number(settings['logit_scale'])} cos(h, w), no bias"
        yield from _labelled("head", text, width)
    if settings.get("profile"):
        yield from _labelled("profile", str(settings.get("convention")), width)
    if origin := settings.get("from"):
        told = ", ".join(f"{name} from {where}" for name, where in origin.items())
        yield from _labelled("settings", told, width)


def _labelled(label: str, text: str, width: int) -> Iterator[Line]:
    first, *rest = wrapped(text, width, " " * 14)
    yield line(f"  {label:<10}  {first[0][0].strip()}")
    yield from rest


def _data(report: Report) -> str:
    data = report.data
    if data["n"] is None:
        width = f", d = {data['d']:,}" if data["d"] else ""
        return f"{count(data['k'], 'classifier row')}{width}; no features"
    counts = data["class_counts"]
    each = (
        f"{counts['min']:,} each"
        if counts["min"] == counts["max"]
        else f"{counts['min']:,}–{counts['max']:,} each"
    )
    text = f"{count(data['n'], 'sample')}, {count(data['k'], 'class', 'classes')} ({each})"
    text += f", d = {data['d']:,}"
    if data.get("rank_possible"):
        text += f", rank {data['rank_of_means']} of {data['rank_possible']}"
    return text


def _numbers(
    results: list[Result], courses: Mapping[str, tuple[str, str]] | None
) -> Iterator[Line]:
    """The table; families under a heading, columns aligned over all of them."""
    if courses is None:
        rows = [["", "value", "perfect", "random", "least collapsed"]]
        rows += [[*_cells(one), _furthest(one)] for one in results]
        texts = columns(rows, "<>>><")
    else:
        rows = [["", "first", "last", "perfect", "random", "course"]]
        for one in results:
            name, *cells = _cells(one)
            first, course = courses.get(one.id, ("", ""))
            rows.append([name, first, *cells, course])
        texts = columns(rows, "<>>>><")
    yield line("  ", (texts[0], "faint"))
    for heading, group in under_headings(results, texts[1:]):
        yield line((heading, "title"))
        for text in group:
            yield line("  " + text)


class Identified(Protocol):
    @property
    def id(self) -> str: ...


def under_headings(
    known: Sequence[Identified], texts: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """Texts by the heading of their metric; every heading once, where it is first needed."""
    groups: dict[str, list[str]] = {}
    for one, text in zip(known, texts, strict=True):
        groups.setdefault(heading_of(one.id), []).append(text)
    yield from groups.items()


def heading_of(metric_id: str) -> str:
    family = metric_id.split(".")[0]
    return FAMILIES.get(family, family)


def _cells(one: Result) -> Iterator[str]:
    yield one.id
    marks = "".join(MARKS[flag] for flag in one.flags if flag in MARKS)
    yield f"{number(one.value)}{marks or ' '}"
    yield f"{ARROWS[one.toward_collapse]} {_perfect(one)}"
    yield number(one.null_value, 3)


def _perfect(one: Result) -> str:
    if one.floor:
        return f"≥{number(one.floor)}"
    if one.best_known is not None:
        return number(one.best_known.value)
    return "" if one.ideal is None else number(one.ideal)


def _furthest(one: Result) -> str:
    """The worst class, if it says something; a spread over samples otherwise."""
    if one.distribution is not None and one.distribution.over == "samples":
        return f"min {number(one.distribution.min, 3)}"
    if not one.worst:
        return ""
    worst = one.worst[0]
    spread = one.distribution
    if spread is not None and spread.max == spread.min:
        return ""
    name = f"class {worst.name}" if worst.name.isdigit() else worst.name
    return f"{name}: {number(worst.value, 3)}"


def _legend(report: Report, results: list[Result], width: int) -> Iterator[Line]:
    yield BLANK
    text = "↓ lower is more collapsed, ↑ higher is. random: what structureless features of this "
    text += "size give."
    if any(one.floor for one in results):
        text += " ≥: no network reaches less, for K > d + 1."
    yield from wrapped(text, width - 2, "  ", "faint")
    used = {MARKS[flag] for one in results for flag in one.flags if flag in MARKS}
    for mark in sorted(used):
        yield from wrapped(LEGEND[mark], width - 2, "  ", "faint")


def _classes(report: Report) -> Iterator[Line]:
    """One row per class, one column per metric that has values by class, six at a time."""
    known = [one for one in report.metrics if one.per_class is not None]
    if not known:
        return
    total = max(len(one.per_class or ()) for one in known)
    names = {worst.index: worst.name for one in known for worst in one.worst or ()}
    yield BLANK
    yield line(("Per class", "title"))
    for start in range(0, len(known), 3):
        part = known[start : start + 3]
        rows = [["class", *(one.id for one in part)]]
        for index in range(total):
            values = [
                number(one.per_class[index])
                if one.per_class is not None and index < len(one.per_class)
                else "–"
                for one in part
            ]
            rows.append([names.get(index, str(index)), *values])
        for place, text in enumerate(columns(rows, "<" + ">" * len(part))):
            yield line("  ", (text, "faint" if place == 0 else ""))
        yield BLANK


def _absent(report: Report, width: int) -> Iterator[Line]:
    """What was not computed, grouped by the reason."""
    absent = [one for one in report.metrics if one.status != "ok"]
    if not absent:
        return
    yield BLANK
    yield line(("Not computed", "title"))
    ordered = sorted(absent, key=lambda one: (one.status, one.reason or ""))
    for (status, reason), group in groupby(ordered, key=lambda one: (one.status, one.reason)):
        yield from wrapped(f"{status}: {reason}", width - 2, "  ")
        yield from wrapped(", ".join(one.id for one in group), width - 4, "    ", "faint")


def _warnings(report: Report, width: int) -> Iterator[Line]:
    if not report.warnings:
        return
    yield BLANK
    yield line(("Worth knowing", "title"))
    for notice in report.warnings:
        first, *rest = wrapped(f"{notice.slug}: {notice.message}", width - 4, "    ")
        yield line("  ", ("!", "warning"), " " + first[0][0].strip())
        yield from rest
        if notice.hint:
            yield from wrapped(notice.hint, width - 4, "    ", "faint")


def distribution(spread: Distribution) -> str:
    return " ".join(
        f"{name} {number(getattr(spread, name), 3)}" for name in ("min", "p05", "p50", "p95", "max")
    )
