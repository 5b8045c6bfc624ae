"""The first lines of a Markdown report: the sentence, what failed, and the dials."""

from __future__ import annotations

from collections.abc import Iterator

from nctool.core.text import number
from nctool.render import gates
from nctool.render.curves import MOST_BARS, heights, thinned
from nctool.render.markdown_text import escaped, table
from nctool.render.values.changes import moved_dials, others
from nctool.render.values.dials import NINES, bars, histories
from nctool.report import Report
from nctool.report.comparison import Comparison
from nctool.report.documents import Document, report_of
from nctool.report.sentence import percent, second_line, sentence
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import WEAKEST

OUTCOMES = {
    "pass": "✅ every gate passed", "fail": "❌ a gate failed",
    "inconclusive": "❔ inconclusive: a gated number is missing",
}  # fmt: skip
MOST_RUNS = 8
MOST_GATES = 3


def answer(document: Document) -> Iterator[str]:
    """Nothing in the answer takes more than one line, but for its table."""
    if isinstance(document, Comparison):
        yield from _standing(document)
    else:
        yield from _sentence(document)
    if document.outcome in OUTCOMES:
        failed = [] if document.outcome == "pass" else gates.summary(document)
        shown = [escaped(text) for text in failed[:MOST_GATES]]
        if len(failed) > MOST_GATES:
            shown.append(f"{len(failed) - MOST_GATES:,} more")
        yield f"\n**{OUTCOMES[document.outcome]}**{': ' if shown else ''}{'; '.join(shown)}"
    if isinstance(document, Comparison):
        yield from _differences(document)
        yield from _moved(document)
    else:
        yield from _dials(document)


def _sentence(document: Report | Trajectory) -> Iterator[str]:
    report = report_of(document)
    text, second = sentence(document), second_line(document)
    # Where some parts alone were asked for there is nothing to say of the whole.
    if text is not None and report is not None and report.get(WEAKEST) is not None:
        word, _, rest = text.partition("  ")
        slug = document.verdict and document.verdict.withheld
        mended = [notice.hint for notice in report.warnings if notice.slug == slug]
        said = "; ".join(filter(None, (rest, second, *mended)))
        yield f"\n**{escaped(word)}** {escaped(said)}"


def _standing(comparison: Comparison) -> Iterator[str]:
    """One line for each run but the baseline."""
    said = [escaped(text) for text in comparison.sentences if text]
    yield ""
    if len(said) == 1:
        yield f"**{said[0]}**"
        return
    yield from (f"- {text}" for text in said[:MOST_RUNS])
    if len(said) > MOST_RUNS:
        yield f"- {len(said) - MOST_RUNS:,} more"


def _differences(comparison: Comparison) -> Iterator[str]:
    """What else is not the same: it comes before any number."""
    texts = [
        f"{escaped(each.what)} ({', '.join(map(escaped, each.values))})"
        for each in comparison.differences
    ]
    if texts:
        yield f"\n**Not the same in all runs:** {'; '.join(texts)}."


def _dials(document: Report | Trajectory) -> Iterator[str]:
    """One row per family: means and rows, chance, and the course of the weaker."""
    report = report_of(document)
    if report is None or report.verdict is None:
        return
    courses = histories(document) if isinstance(document, Trajectory) else {}
    rows = []
    for bar in bars(report.verdict):
        dials = [mark.dial for mark in bar.marks]
        chance = max((dial.chance for dial in dials if dial.chance is not None), default=None)
        course = thinned(courses.get(bar.family, ()), MOST_BARS)
        rows.append(
            [
                f"{bar.family.upper()} {escaped(bar.title)}",
                ", ".join(percent(dial.way, dial.left) for dial in dials),
                "–" if chance is None else percent(chance, 1 - chance),
                heights(course, 0, NINES),
            ]
        )
    heads, width = ["dial", "way", "random", "course"], 4 if courses else 3
    yield from table(heads[:width], [row[:width] for row in rows])


def _moved(comparison: Comparison) -> Iterator[str]:
    """Of two runs the dials that moved."""
    compared = others(comparison)
    dials = moved_dials(comparison, compared[0][0]) if len(compared) == 1 else []
    rows = [
        [
            dial.name,
            percent(dial.before.way, dial.before.left),
            percent(dial.now.way, dial.now.left),
            number(dial.change.nines, 2),
            dial.change.word,
        ]
        for dial in dials
    ]
    if rows:
        yield from table(["dial", "baseline", "run", "nines", ""], rows)
