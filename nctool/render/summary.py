"""A report as lines to read: where the data came from, then the numbers, then the warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nctool.core.text import count, number, one_line
from nctool.render.lines import BLANK, Line, columns, hanging, line, table, wrapped
from nctool.render.values import words
from nctool.render.values.classes import classes, value_of
from nctool.render.values.margins import PREFIX
from nctool.render.values.sentences import of_margins
from nctool.render.values.words import ARROWS, MARKS, no_samples
from nctool.report import Report, Result

CENTRES = {"balanced": "centred by class means", "samples": "centred by all samples"}
BESIDE = 3
"""Metrics that stand beside each other in the table of classes."""


def lines(
    report: Report,
    width: int,
    per_class: bool = False,
    between: Sequence[Line] = (),
    histories: Mapping[str, tuple[str, str]] | None = None,
) -> list[Line]:
    """The whole report; ``between`` comes after where it is from and before its numbers.

    ``histories`` has the first value of a metric and a sparkline from there to this one.
    """
    profile = report.settings.get("profile")
    when = " · ".join([*words.moment(report), *([f"profile {profile}"] if profile else [])])
    out = [line((f"nctool {report.tool['version']}", "title"), (f"  {when}", "faint"))]
    out += [BLANK, *provenance(report, width), BLANK, *between]
    computed = [result for result in report if result.status == "ok"]
    if computed:
        out += _numbers(computed, histories)
        out += _legend(computed, width)
        out += _margins(report, width)
    else:
        out += [line("  nothing could be computed from these inputs")]
    if per_class:
        out += of_classes(report)
    out += _absent(report, width)
    out += _warnings(report, width)
    return out


def provenance(report: Report, width: int) -> Iterator[Line]:
    """Which arrays, how many samples, computed how."""
    path = None
    for source in report.inputs:
        shape = " × ".join(f"{size:,}" for size in source.shape)
        if source.path and source.path != path:
            yield line("  ", (source.path, "title"), (f"  ({source.format})", "faint"))
        path = source.path
        transposed = ", transposed" if source.transposed else ""
        role = f"    {source.role:<9} {source.key}  "
        yield line(role, (f"{shape} {source.dtype}{transposed}", "faint"))
    yield from _labelled("data", _data(report), width)
    settings = report.settings
    # A report may have been edited by hand: what is not there, or not known, is said so.
    how = [_centred(str(settings.get("center"))), f"{settings.get('products', 'float64')} products"]
    device, threads = one_line(str(settings.get("device"))), settings.get("threads")
    if device == "cpu" and isinstance(threads, int):
        device += f", {count(threads, 'thread')}"
    how.append(device)
    yield from _labelled("computed", " · ".join(how), width)
    if settings.get("logit_scale"):
        text = f"cosine: logits are {number(settings['logit_scale'])} cos(h, w), no bias"
        yield from _labelled("head", text, width)
    if settings.get("profile"):
        yield from _labelled("profile", str(settings.get("convention")), width)
    if origins := settings.get("from"):
        text = ", ".join(f"{name} from {place}" for name, place in origins.items())
        yield from _labelled("settings", text, width)


def _centred(center: str) -> str:
    return CENTRES.get(center) or f"centred by {one_line(center)}, which this version does not know"


def _labelled(label: str, text: str, width: int) -> list[Line]:
    return hanging([f"  {label:<10}  "], text, width, " " * 14)


def _data(report: Report) -> str:
    data = report.data
    if data["n"] is None:
        width = f", d = {data['d']:,}" if data["d"] else ""
        return f"{count(data['k'], 'classifier row')}{width}; {no_samples(report)}"
    low, high = data["class_counts"]["min"], data["class_counts"]["max"]
    each = f"{low:,} each" if low == high else f"{low:,}–{high:,} each"
    text = f"{count(data['n'], 'sample')}, {count(data['k'], 'class', 'classes')} ({each})"
    text += f", d = {data['d']:,}"
    if data.get("rank_possible"):
        text += f", rank {data['rank_of_means']} of {data['rank_possible']}"
    return text


def _numbers(
    results: list[Result], histories: Mapping[str, tuple[str, str]] | None
) -> Iterator[Line]:
    """The table; families under a heading, columns aligned over all of them."""
    if histories is None:
        rows = [["", "value", "perfect", "random", "least collapsed"]]
        rows += [[*_cells(result), _furthest(result)] for result in results]
        texts = columns(rows, "<>>><")
    else:
        rows = [["", "first", "last", "perfect", "random", "course"]]
        for result in results:
            name, *cells = _cells(result)
            first, curve = histories.get(result.id, ("", ""))
            rows.append([name, first, *cells, curve])
        texts = columns(rows, "<>>>><")
    yield line("  ", (texts[0], "faint"))
    ids = [result.id for result in results]
    for heading, group in words.by_heading(zip(ids, texts[1:], strict=True)).items():
        yield line((heading, "title"))
        for text in group:
            yield line("  " + text)


def _cells(result: Result) -> Iterator[str]:
    yield result.id
    # A blank where others have a mark: numbers without one stay aligned.
    yield f"{number(result.value)}{words.marks_of(result) or ' '}"
    goal = words.at_collapse(result)
    text = "" if goal is None else f"{'≥' if result.floor else ''}{number(goal)}"
    yield f"{ARROWS[result.toward_collapse]} {text}"
    yield number(result.null_value, 3)


def _furthest(result: Result) -> str:
    """The least collapsed class, if classes differ; over samples the smallest value."""
    least = words.furthest(result)
    if least is None:
        return ""
    name, value = least
    return f"min {number(value, 3)}" if name is None else f"{name}: {number(value, 3)}"


def _legend(results: list[Result], width: int) -> Iterator[Line]:
    yield BLANK
    text = "↓ lower is more collapsed, ↑ higher is. random: what structureless features of this "
    text += "size give."
    if any(result.floor for result in results):
        text += " ≥: no network reaches less, for K > d + 1."
    yield from wrapped(text, width - 2, "  ", "faint")
    used = {MARKS[flag] for result in results for flag in result.flags if flag in MARKS}
    for mark, meaning in sorted(used):
        yield from wrapped(f"{mark} {meaning}", width - 2, "  ", "faint")


def _margins(report: Report, width: int) -> Iterator[Line]:
    """A paragraph for each set of points that has margins."""
    known = [result for result in report if result.id.startswith(PREFIX) and result.details]
    if known:
        yield BLANK
        yield line(("One class against the rest", "title"))
    for result in known:
        first, *rest = of_margins(result)
        yield from hanging([f"  {result.id.removeprefix(PREFIX):<9}"], first, width - 2, " " * 11)
        for text in rest:
            yield from wrapped(text, width - 2, " " * 11)


def of_classes(report: Report) -> Iterator[Line]:
    """One row per class, one column per metric that has values by class, three at a time."""
    known = classes(report)
    if known is None:
        return
    yield BLANK
    yield line(("Per class", "title"))
    for start in range(0, len(known.results), BESIDE):
        shown = known.results[start : start + BESIDE]
        rows = [["class", *(result.id for result in shown)]]
        for index in range(known.size):
            values = [number(value_of(result, index)) for result in shown]
            rows.append([known.names.get(index, str(index)), *values])
        yield from table(rows, "<" + ">" * len(shown), heads=True)
        yield BLANK


def _absent(report: Report, width: int) -> Iterator[Line]:
    """What was not computed, grouped by the reason."""
    absences = words.by_reason(report)
    if absences:
        yield BLANK
        yield line(("Not computed", "title"))
    for status, reason, group in absences:
        yield from wrapped(f"{status}: {reason}", width - 2, "  ")
        yield from wrapped(", ".join(result.id for result in group), width - 4, "    ", "faint")


def _warnings(report: Report, width: int) -> Iterator[Line]:
    if not report.warnings:
        return
    yield BLANK
    yield line(("Worth knowing", "title"))
    for notice in report.warnings:
        text = f"{notice.slug}: {notice.message}"
        yield from hanging(["  ", ("!", "warning"), " "], text, width - 4, "    ")
        if notice.hint:
            yield from wrapped(notice.hint, width - 4, "    ", "faint")
