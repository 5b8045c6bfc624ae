"""A result for a pull request: the verdict first, words beside symbols, never over 60 KB."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from nctool.core.text import count, number
from nctool.render import Arrays, Renderer
from nctool.render.ci import warnings_of
from nctool.render.curves import sparkline
from nctool.render.markdown_answer import answer
from nctool.render.markdown_text import code, escaped, table
from nctool.render.values.changes import others
from nctool.render.values.sentences import ends_of, of_trajectory
from nctool.render.values.words import ARROWS, heading_of, past
from nctool.report import Report, Result
from nctool.report.comparison import Comparison
from nctool.report.documents import Document, report_of
from nctool.report.trajectory import Trajectory

MOST_BYTES = 60_000
SYMBOLS = {
    "pass": "✅ pass", "fail": "❌ fail", "inconclusive": "❔ inconclusive",
    "missing": "➖ no value",
}  # fmt: skip
MOST_LINES = 15
"""Before the rest is folded away."""
OPEN, CLOSE = "<details>", "</details>"
CUT = "\n\n*The rest was cut off: the JSON report has all of it.*\n"


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    text = "\n".join(_lines(document)) + "\n"
    whole = text.encode()
    # GitHub refuses a comment of more than 65,536 characters, and a summary of more than 1 MiB.
    if len(whole) <= MOST_BYTES:
        return text
    room = MOST_BYTES - len(f"\n\n{CLOSE}{CUT}".encode())
    # Cut at the end of a line, so that no table and no letter is left half.
    kept = whole[: whole.rindex(b"\n", 0, room)].decode()
    return kept + (f"\n\n{CLOSE}" if OPEN in kept else "") + CUT


def _lines(document: Document) -> Iterator[str]:
    """The answer, then everything else: folded away unless all of it is short."""
    top = "\n".join(["### Neural collapse", *answer(document)])
    rest = "\n".join(_rest(document))
    if f"{top}\n{rest}".count("\n") < MOST_LINES:
        yield from (top, rest)
        return
    known = sum(result.status == "ok" for result in report_of(document) or ())
    what = count(known, "number") if known else "the numbers"
    yield from (top, "", f"{OPEN}<summary>All {what}</summary>", rest, "", CLOSE)


def _rest(document: Document) -> Iterator[str]:
    yield ""
    yield _about(document)
    if document.gates:
        yield from _gates(document)
    if isinstance(document, Comparison):
        yield from _comparison(document)
    elif isinstance(document, Trajectory):
        yield from _trajectory(document)
    else:
        yield from _numbers(document)
    notices = warnings_of(document)
    if notices:
        yield "\n**Worth knowing**\n"
        yield from (f"- {code(notice.slug)}: {escaped(notice.message)}" for notice in notices)


def _about(document: Document) -> str:
    if isinstance(document, Comparison):
        names = ", ".join(escaped(run.name) for run in document.runs)
        return f"{count(len(document.runs), 'run')}: {names}."
    if isinstance(document, Trajectory):
        span = " to ".join(map(escaped, ends_of(document)))
        text = f"{count(len(document.points), 'point')}, {span}"
        text += "".join(f"; {escaped(sentence)}" for sentence in of_trajectory(document))
        return f"{text}. {_data(document.last)}"
    return _data(document)


def _data(report: Report) -> str:
    data = report.data
    samples = f"{count(data['n'], 'sample')}, " if data.get("n") else ""
    known = [key for key in ("epoch", "step") if report.run.get(key) is not None]
    where = " · ".join(f"{key} {escaped(report.run[key])}" for key in known)
    text = f"{samples}{count(data['k'], 'class', 'classes')}"
    if data.get("d"):
        text += f", d = {data['d']:,}"
    return f"{where}: {text}" if where else text


def _gates(document: Document) -> Iterator[str]:
    rows = []
    for gate in document.gates:
        word = SYMBOLS.get(str(gate["result"])) or escaped(gate["result"])
        if gate["result"] == "fail" and gate["severity"] == "warning":
            word = "⚠️ warning"
        rule = escaped(gate["expr"]) + (f" ({escaped(gate['run'])})" if gate.get("run") else "")
        seen = number(gate["observed"])
        if gate["observed"] is None:
            seen = escaped(gate.get("reason") or "no value")
        rows.append([word, rule, seen, number(gate["baseline"])])
    back = past(document.gates[0]) if document.gates else ""
    yield from table(["gate", "asked", "observed", back], rows)


def _numbers(report: Report) -> Iterator[str]:
    computed = [result for result in report if result.status == "ok"]
    for heading, group in groupby(computed, key=lambda result: heading_of(result.id)):
        yield f"\n**{escaped(heading)}**"
        yield from table(["metric", "value", "perfect", "random"], [*map(_cells, group)])
    absent = len(report.metrics) - len(computed)
    if absent:
        yield f"\n{count(absent, 'metric')} without a value: the JSON report says why."


def _cells(result: Result) -> list[str]:
    return [code(result.id), number(result.value), _perfect(result), number(result.null_value)]


def _perfect(result: Result) -> str:
    best = result.floor if result.floor is not None else result.ideal
    if best is None and result.best_known is not None:
        best = result.best_known.value
    word = "lower" if result.toward_collapse == "down" else "higher"
    text = f"{ARROWS[result.toward_collapse]} {word}"
    return text if best is None else f"{text}, {number(best)}"


def _trajectory(trajectory: Trajectory) -> Iterator[str]:
    rows = []
    for result in trajectory.last:
        if result.status == "ok":
            curve = trajectory.curve(result.id)
            first, last = number(curve[0]), number(result.value)
            rows.append([code(result.id), first, last, sparkline(curve), _perfect(result)])
    yield from table(["metric", "first", "last", "course", "perfect"], rows)


def _comparison(comparison: Comparison) -> Iterator[str]:
    baseline = comparison.baseline
    base = escaped(comparison.runs[baseline].name)
    for index, run in others(comparison):
        yield f"\n**{escaped(run.name)}** against {base}"
        rows = []
        for row in comparison.rows:
            before, change = row.changes[baseline], row.changes[index]
            numbers = (before.value, change.value, change.delta, change.ratio)
            rows.append([code(row.metric.id), *map(number, numbers), change.word])
        yield from table(["metric", "baseline", "run", "delta", "ratio", ""], rows)


RENDERER = Renderer("Markdown", (".md",), render)
