"""Lines that a CI log turns into annotations; no name can smuggle a command into them."""

from __future__ import annotations

from collections.abc import Iterator

from nctool.core.notice import Notice
from nctool.core.text import number, one_line
from nctool.render.gates import missing
from nctool.report.documents import Document, report_of

LEVELS = {"fail": "error", "inconclusive": "error", "missing": "warning"}


def log_lines(document: Document, kind: str) -> Iterator[str]:
    """One line for every gate that did not pass, and for every warning."""
    for gate in document.gates:
        if gate["result"] == "pass":
            continue
        soft = gate["severity"] == "warning"
        level = "warning" if soft else LEVELS.get(str(gate["result"]), "warning")
        seen = "no value" if gate["observed"] is None else f"is {number(gate['observed'])}"
        reason = missing(gate)
        run = f" of {gate['run']}" if gate.get("run") else ""
        text = f"{gate['expr']}{run}: {seen}{': ' if reason else ''}{reason}"
        yield _line(kind, level, f"nctool gate {gate['result']}", text)
    for notice in warnings_of(document):
        yield _line(kind, "warning", f"nctool {notice.slug}", notice.message)


def warnings_of(document: Document) -> tuple[Notice, ...]:
    """The warnings of the report, or of a trajectory's last; a comparison has none of its own."""
    report = report_of(document)
    return () if report is None else report.warnings


def _line(kind: str, level: str, title: str, text: str) -> str:
    if kind == "github":
        # The list of annotations on a commit shows titles, but not their kinds.
        return f"::{level} title={_property(f'{title} ({level})')}::{_data(text)}"
    return f"{level.upper()}: {one_line(title)}: {one_line(text)}"


# GitHub's workflow commands decode %XX everywhere, and split properties at colons and commas.
def _data(text: str) -> str:
    return one_line(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
