"""The metrics as a handbook: a list, and a page for each."""

from __future__ import annotations

from collections.abc import Iterable

from nctool.metrics.metric import Metric
from nctool.render.lines import BLANK, Line, columns, line, wrapped
from nctool.render.values.words import ARROWS, by_heading

PASSES = ("no pass over samples", "one pass over the samples", "two passes over the samples")

SECTIONS = (
    "Formula:", "Convention:", "Words:", "Best known:", "Undefined when:", "Reference:",
    "Published:",
)  # fmt: skip


def listing(metrics: Iterable[Metric]) -> list[Line]:
    """Every metric in a line: id, direction, title."""
    rows = [[metric.id, ARROWS[metric.toward_collapse], metric.title] for metric in metrics]
    ids = [row[0] for row in rows]
    out: list[Line] = []
    for heading, group in by_heading(zip(ids, columns(rows, "<<<"), strict=True)).items():
        out += [line((heading, "title")), *(line("  " + text) for text in group), BLANK]
    out.append(line(("One in full: nctool metrics ID", "faint")))
    return out


def page(metric: Metric, width: int) -> list[Line]:
    """Title, definition, the docstring and the declared properties of one metric."""
    ideal = "depends on K and d" if metric.ideal is None else f"{metric.ideal:g}"
    unchanged = ", ".join(sorted(metric.invariances)) or "nothing"
    return [
        line((metric.id, "title"), f"  {metric.title}"),
        line((metric.definition, "good")),
        BLANK,
        *_sections(metric.doc, width),
        BLANK,
        line(("Perfect: ", "title"), f"{ARROWS[metric.toward_collapse]} {ideal}"),
        line(("Needs: ", "title"), ", ".join(metric.needs)),
        line(("Costs: ", "title"), PASSES[metric.passes]),
        line(("Unchanged by: ", "title"), unchanged),
        line(("Definition version: ", "title"), str(metric.version)),
    ]


def _sections(doc: str, width: int) -> list[Line]:
    """The docstring, each section folded to the width."""
    sections: list[list[str]] = [[]]
    for text in doc.splitlines():
        if text.startswith(SECTIONS):
            sections.append([])
        sections[-1].append(text.strip())
    return [folded for section in sections for folded in wrapped(" ".join(section), width - 2)]
