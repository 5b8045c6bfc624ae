"""The sentence as lines: its word at the start, since when it holds below."""

from __future__ import annotations

from nctool.render.lines import Line
from nctool.render.parts import beside
from nctool.report import Report
from nctool.report.documents import report_of
from nctool.report.sentence import second_line, sentence
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import WEAKEST


def lines(document: Report | Trajectory, width: int) -> list[Line]:
    """Nothing where nobody asked whether the network has collapsed."""
    report = report_of(document)
    text, second = sentence(document), second_line(document)
    if text is None or report is None or report.get(WEAKEST) is None:
        return []
    word, _, rest = text.partition("  ")
    out = beside(word, "title", rest, width)
    # The second line begins where the first did.
    return out + beside(" " * len(word), "", second, width) if second else out
