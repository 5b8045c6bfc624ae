"""A document in the cell of a notebook: its sentence, and the dials as a table.

A fragment, not a page: no script, no style sheet and no colour of its own, so that it is read in
light and dark and passes the cleaning of a notebook that is not trusted. Names are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from nctool.core.text import count, number, one_line
from nctool.render.values.dials import place
from nctool.report import Report
from nctool.report.comparison import Comparison
from nctool.report.documents import Document, report_of
from nctool.report.moves import standing
from nctool.report.sentence import dial_name, percent, second_line, sentence
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import Verdict

OPEN_ROWS = 16
"""Of a table of plain numbers; a longer one is folded."""
CELL = "text-align:{align};padding:0.1em 0.8em 0.1em 0"


def headline(document: Document) -> str:
    """One line: the verdict; where nothing asked for one, what the document holds."""
    if isinstance(document, Comparison):
        return _of_comparison(document)
    return sentence(document) or one_line(_without_verdict(document))


def _without_verdict(document: Report | Trajectory) -> str:
    last = report_of(document)
    assert last is not None
    there = sum(result.value is not None for result in last)
    points = ""
    if isinstance(document, Trajectory):
        points = f"{count(len(document.points), 'point')} over {document.axis}s, "
    moment = [f"{name} {last.run[name]}" for name in ("epoch", "step", "split")
              if last.run.get(name) is not None]  # fmt: skip
    parts = ", ".join([*moment, count(there, "number")])
    return f"no verdict without a collapse.* metric: {points}{parts}"


def _of_comparison(comparison: Comparison) -> str:
    """The sentence of the one other run, or how many of several stand where."""
    sentences = [text for text in comparison.sentences if text is not None]
    return one_line(sentences[0] if len(sentences) == 1 else standing(comparison))


def fragment(document: Document) -> str:
    """The sentence, then the dials; of a comparison those of every run, and else plain numbers."""
    parts = [f"<div><b>{escape(headline(document))}</b></div>"]
    if isinstance(document, Comparison):
        parts.append(_runs(document))
        return "\n".join(parts)
    if below := second_line(document):
        parts.append(f"<div>{escape(one_line(below))}</div>")
    verdict = document.verdict
    parts.append(_dials(verdict) if verdict and verdict.dials else _numbers(document))
    return "\n".join(parts)


def _dials(verdict: Verdict) -> str:
    rows = []
    for dial in verdict.dials:
        name = escape(one_line(dial_name(dial.id)))
        chance = "" if dial.chance is None else percent(dial.chance, 1 - dial.chance)
        least = "≥ " if dial.bound else ""
        rows.append(
            [
                f"<b>{name}</b>" if dial.id == verdict.weakest else name,
                _bar(dial.left),
                least + percent(dial.way, dial.left),
                chance,
            ]
        )
    return _table(("", "random to perfect, in nines", "way", "by chance"), "<<>>", rows)


def _bar(left: float) -> str:
    """Nines as the length of a bar, drawn in the colour of the text."""
    inner = f"width:{100 * place(left):.1f}%;height:0.6em;background:currentColor;opacity:0.6"
    outer = "width:12em;border:1px solid currentColor;opacity:0.9"
    return f'<div style="{outer}"><div style="{inner}"></div></div>'


def _runs(comparison: Comparison) -> str:
    """A column for each run: its way on every dial, and its word above them."""
    verdicts = [run.report.verdict for run in comparison.runs]
    ids = dict.fromkeys(dial.id for verdict in verdicts if verdict for dial in verdict.dials)
    if not ids:
        names = [run.name for run in comparison.runs]
        rows = [
            [escape(one_line(row.metric.id)), *(number(change.value) for change in row.changes)]
            for row in comparison.rows
        ]
        return _folded(("", *names), rows)
    rows = [["", *((verdict.word or "" if verdict else "") for verdict in verdicts)]]
    for metric_id in ids:
        dials = [verdict.dial(metric_id) if verdict else None for verdict in verdicts]
        ways = ["–" if dial is None else percent(dial.way, dial.left) for dial in dials]
        rows.append([escape(one_line(dial_name(metric_id))), *ways])
    return _table(("", *(run.name for run in comparison.runs)), "<" + ">" * len(verdicts), rows)


def _numbers(document: Report | Trajectory) -> str:
    rows = [
        [escape(one_line(result.id)), number(result.value)]
        for result in document
        if result.value is not None
    ]
    return _folded(("", "value"), rows)


def _folded(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain numbers, folded where they would fill the notebook."""
    table = _table(heads, "<" + ">" * (len(heads) - 1), rows)
    if len(rows) <= OPEN_ROWS:
        return table
    return f"<details><summary>{count(len(rows), 'number')}</summary>{table}</details>"


def _table(heads: Iterable[str], aligned: str, rows: Iterable[Sequence[str]]) -> str:
    """``rows`` hold HTML, ``heads`` text; aligned left or right by ``<`` and ``>``."""
    styles = [CELL.format(align={"<": "left", ">": "right"}[sign]) for sign in aligned]

    def row(cells: Iterable[str], tag: str) -> str:
        inner = (
            f'<{tag} style="{style}">{cell}</{tag}>'
            for cell, style in zip(cells, styles, strict=True)
        )
        return f"<tr>{''.join(inner)}</tr>"

    head = row((escape(one_line(text)) for text in heads), "th")
    body = "".join(row(cells, "td") for cells in rows)
    # Said, because a table does not inherit colours everywhere, and would be black on black.
    return f'<table style="color:inherit"><thead>{head}</thead><tbody>{body}</tbody></table>'
