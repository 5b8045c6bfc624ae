"""A result for a pull request: the verdict first, words beside symbols, never over 60 KB."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from nctool.core.text import count, number, one_line
from nctool.render import Arrays, Renderer, curves
from nctool.render.ci import warnings_of
from nctool.render.summary import ARROWS, heading_of
from nctool.report import Report, Result
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

MOST_BYTES = 60_000
SYMBOLS = {
    "pass": "✅ pass",
    "fail": "❌ fail",
    "inconclusive": "❔ inconclusive",
    "missing": "➖ no value",
}
OUTCOMES = {
    "pass": "✅ every gate passed", "fail": "❌ a gate failed",
    "inconclusive": "❔ inconclusive: a gated number is missing",
}  # fmt: skip
CUT = "\n\n*The rest was cut off: the JSON report has all of it.*\n"
SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@$])")
LINKED = re.compile(r"[@#]|:(?=//)|\b(?:www|GH)(?=[.-])", re.IGNORECASE)
"""Where sites look for mentions, issues and addresses even in escaped text: a space of no width
after it keeps them from finding any."""
IDENTIFIER = re.compile(r"[a-z0-9_.-]{1,80}")
LONGEST = 300
WORDS = ("gate", "asked", "metric", "course", "perfect", "")
"""Columns of words, set to the left; numbers stand at the right."""


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    text = "\n".join(_lines(document)) + "\n"
    whole = text.encode()
    if len(whole) <= MOST_BYTES:
        return text
    room = MOST_BYTES - len(CUT.encode())
    return whole[: whole.rindex(b"\n", 0, room)].decode() + CUT


def escaped(text: object) -> str:
    """Text that stays text: no markup, no links, no mentions, no cells of its own."""
    text = one_line(str(text))
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    return LINKED.sub(lambda found: found[0] + "\u200b", SPECIAL.sub(r"\\\1", text))


def code(name: str) -> str:
    """A metric's name as code; what is no such name stays text."""
    return f"`{name}`" if IDENTIFIER.fullmatch(name) else escaped(name)


def _lines(document: Document) -> Iterator[str]:
    yield "### Neural collapse"
    if document.outcome in OUTCOMES:
        yield f"\n**{OUTCOMES[document.outcome]}**"
    yield ""
    yield _about(document)
    if document.gates:
        yield from _gates(document)
    if isinstance(document, Comparison):
        yield from _comparison(document)
    elif isinstance(document, Trajectory):
        yield from _course(document)
    else:
        yield from _numbers(document)
    notices = warnings_of(document)
    if notices:
        yield "\n**Worth knowing**\n"
        yield from (f"- {code(one.slug)}: {escaped(one.message)}" for one in notices)


def _about(document: Document) -> str:
    if isinstance(document, Comparison):
        names = ", ".join(escaped(run.name) for run in document.runs)
        text = f"{count(len(document.runs), 'run')}: {names}."
        if document.differences:
            told = "; ".join(
                f"{escaped(one.what)} ({', '.join(map(escaped, one.values))})"
                for one in document.differences
            )
            text += f" **Not the same in all runs:** {told}."
        return text
    if isinstance(document, Trajectory):
        first, last = document.positions[0], document.positions[-1]
        text = f"{count(len(document.points), 'point')}, "
        text += (
            f"{escaped(curves.place(document, first))} to {escaped(curves.place(document, last))}"
        )
        told = "".join(f"; {escaped(one)}" for one in curves.told(document))
        return f"{text}{told}. {_data(document.last)}"
    return _data(document)


def _data(report: Report) -> str:
    data = report.data
    samples = f"{count(data['n'], 'sample')}, " if data.get("n") else ""
    where = " · ".join(
        f"{key} {escaped(report.run[key])}"
        for key in ("epoch", "step")
        if report.run.get(key) is not None
    )
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
        asked = escaped(gate["expr"]) + (f" ({escaped(gate['run'])})" if gate.get("run") else "")
        seen = (
            number(gate["observed"])
            if gate["observed"] is not None
            else escaped(str(gate.get("reason") or "no value"))
        )
        rows.append([word, asked, seen, number(gate["baseline"])])
    yield from _table(["gate", "asked", "observed", "baseline"], rows)


def _numbers(report: Report) -> Iterator[str]:
    done = [one for one in report if one.status == "ok"]
    for heading, group in groupby(done, key=lambda one: heading_of(one.id)):
        yield f"\n**{escaped(heading)}**"
        yield from _table(["metric", "value", "perfect", "random"], [_cells(one) for one in group])
    absent = len(report.metrics) - len(done)
    if absent:
        yield f"\n{count(absent, 'metric')} without a value: the JSON report says why."


def _cells(one: Result) -> list[str]:
    return [code(one.id), number(one.value), _perfect(one), number(one.null_value)]


def _perfect(one: Result) -> str:
    best = one.floor if one.floor is not None else one.ideal
    if best is None and one.best_known is not None:
        best = one.best_known.value
    word = "lower" if one.toward_collapse == "down" else "higher"
    return f"{ARROWS[one.toward_collapse]} {word}" + ("" if best is None else f", {number(best)}")


def _course(found: Trajectory) -> Iterator[str]:
    rows = [
        [code(one.id), number(found.curve(one.id)[0]), number(one.value),
         curves.sparkline(found.curve(one.id)), _perfect(one)]
        for one in found.last if one.status == "ok"
    ]  # fmt: skip
    yield from _table(["metric", "first", "last", "course", "perfect"], rows)


def _comparison(found: Comparison) -> Iterator[str]:
    for place, run in enumerate(found.runs):
        if place == found.baseline:
            continue
        base = escaped(found.runs[found.baseline].name)
        yield f"\n**{escaped(run.name)}** against {base}"
        rows = []
        for row in found.rows:
            change = row.changes[place]
            rows.append([
                code(row.metric.id), number(row.changes[found.baseline].value),
                number(change.value), number(change.delta), number(change.ratio), change.word,
            ])  # fmt: skip
        yield from _table(["metric", "baseline", "run", "delta", "ratio", ""], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "|".join(" --- " if head in WORDS else " ---: " for head in heads) + "|"
    yield from ("| " + " | ".join(row) + " |" for row in rows)


RENDERER = Renderer("Markdown", (".md",), render)
