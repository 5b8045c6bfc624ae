"""The gates as lines: each rule, the number it was held against, and the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nctool.core.text import count, number, one_line
from nctool.render.lines import Line, Style, hanging, line, table, wrapped
from nctool.render.values.words import past
from nctool.report.documents import Document

WORDS = {
    "pass": "pass", "fail": "FAIL", "inconclusive": "inconclusive", "missing": "no value",
}  # fmt: skip
OUTCOMES = {
    "pass": "every gate passed",
    "fail": "at least one gate failed",
    "inconclusive": "a gated number is missing: nothing is proved",
}
STYLES: dict[str, Style] = {"pass": "good", "fail": "warning", "inconclusive": "warning"}


def lines(document: Document, width: int) -> list[Line]:
    """A table of all gates; nothing where there are none."""
    if not document.gates and document.outcome == "none":
        return []
    rows = [_row(gate) for gate in document.gates]
    warned = sum(row[0] != WORDS["pass"] for row in rows)
    outcome = OUTCOMES.get(document.outcome, document.outcome)
    if document.outcome == "pass" and warned:
        outcome = f"none failed, {warned:,} only warned"
    total = f"{count(len(document.gates), 'gate')}: {outcome}"
    style = STYLES.get(document.outcome, "")
    out = [line(("Gates", "title"), (f"  {total}", style))]
    if len(total) + 7 > width:
        out = [line(("Gates", "title")), *wrapped(total, width, "  ", style)]
    out += _table(rows, width)
    for gate in document.gates:
        if reason := missing(gate):
            out += wrapped(f"{gate['id']}: {reason}", width - 2, "  ", "faint")
    return out


def summary(document: Document, *, reasons: bool = True) -> list[str]:
    """Every gate that did not pass, and how many did; nothing where there are none."""
    rows = [(*_row(gate), missing(gate) if reasons else "") for gate in document.gates]
    left = ["  ".join(part for part in row if part) for row in rows if row[0] != WORDS["pass"]]
    passed = len(rows) - len(left)
    if not rows:
        return []
    if not left:
        return [f"{count(passed, 'gate')}: every gate passed"]
    return [*left, *([f"{count(passed, 'other')} passed"] if passed else [])]


def missing(gate: Mapping[str, Any]) -> str:
    """Why a gate has no number to hold against its limit; empty where it has one."""
    without = gate["result"] in ("inconclusive", "missing")
    return one_line(str(gate["reason"])) if without and gate.get("reason") else ""


def _table(rows: list[list[str]], width: int) -> list[Line]:
    """One line for each gate; where the terminal is too narrow, its parts below each other."""
    out = table(rows, "<<<<")
    if all(len(text) <= width for [(text, _)] in out):
        return out
    aside = max(len(row[0]) for row in rows) + 4
    out = []
    for word, rule, *parts in rows:
        out += hanging([f"  {word:<{aside - 2}}"], rule, width, " " * aside)
        out += [text for part in parts if part for text in wrapped(part, width, " " * aside)]
    return out


def _row(gate: Mapping[str, Any]) -> list[str]:
    word = WORDS.get(gate["result"], str(gate["result"]))
    if gate["result"] == "fail" and gate["severity"] == "warning":
        word = "warning"
    seen = "" if gate["observed"] is None else f"is {number(gate['observed'])}"
    if gate["baseline"] is not None:
        seen += f", {past(gate)} {number(gate['baseline'])}"
    rule = one_line(str(gate["expr"]))
    run = one_line(str(gate["run"])) if gate.get("run") else ""
    name = "" if str(gate["id"]) in rule else f"({gate['id']})"
    return [word, " ".join(part for part in (rule, name) if part), seen, run]
