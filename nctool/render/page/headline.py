"""What a page says first, and the list of what stands on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from nctool.render.page.dials import MOST_RUNS
from nctool.render.values.words import capital
from nctool.report import Report
from nctool.report.comparison import Comparison
from nctool.report.documents import Document, report_of
from nctool.report.moves import standing
from nctool.report.sentence import second_line, sentence
from nctool.report.trajectory import Trajectory

HEADING = re.compile(r'<section id="([\w-]+)"[^>]*>\s*<h2[^>]*>(.*?)</h2>', re.DOTALL)
MINUS = re.compile(r"(?<!\w)-(?=\d)")
SMALL = re.compile(r"<small>(.*?)</small>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence, its word in capitals apart, and what stands below it."""

    word: str
    said: str
    below: tuple[str, ...]


def of(document: Document) -> Headline | None:
    """None where no dial was measured: then the page has its file for a title."""
    if isinstance(document, Comparison):
        said = [text for text in document.sentences if text]
        whole = said.pop() if len(said) == 1 else standing(document)
        return Headline("", whole, tuple(said[:MOST_RUNS]))
    if (text := sentence(document)) is None:
        return None
    word, _, rest = text.partition("  ")
    second = second_line(document)
    below = [f"{capital(second)}."] if second else _mended(document)
    return Headline(word, MINUS.sub("−", rest), tuple(below))


def _mended(document: Report | Trajectory) -> list[str]:
    """What to do where inputs do not belong together."""
    verdict, report = document.verdict, report_of(document)
    notices = report.warnings if report is not None and verdict is not None else ()
    return [each.hint for each in notices if verdict and each.slug == verdict.withheld]


def contents(body: Markup) -> Iterator[tuple[str, Markup]]:
    """The sections of a page: where a link leads, and its words."""
    # Read from what was written: no entry can lead to a section that is not there. The headings
    # are escaped already.
    for found in HEADING.finditer(body):
        yield found[1], Markup(SMALL.sub("", found[2]).strip())
