"""The metrics as a handbook: a list, and a page for each."""

from __future__ import annotations

from collections.abc import Iterable

from nctool.metrics.metric import Metric
from nctool.render.lines import BLANK, Line, columns, line, wrapped
from nctool.render.summary import ARROWS, under_headings


def listing(metrics: Iterable[Metric]) -> list[Line]:
    """Every metric in a line: id, direction, title."""
    known = list(metrics)
    texts = columns([[one.id, ARROWS[one.toward_collapse], one.title] for one in known], "<<<")
    out: list[Line] = []
    for heading, group in under_headings(known, texts):
        out += [line((heading, "title")), *(line("  " + text) for text in group), BLANK]
    out.append(line(("One in full: nctool metrics ID", "faint")))
    return out


SECTIONS = (
    "Formula:", "Convention:", "Best known:", "Undefined when:", "Reference:", "Published:",
)  # fmt: skip


def page(metric: Metric, width: int) -> list[Line]:
    """All there is to know about one metric."""
    ideal = "depends on K and d" if metric.ideal is None else f"{metric.ideal:g}"
    out = [
        line((metric.id, "title"), f"  {metric.title}"),
        line((metric.definition, "good")),
        BLANK,
        *_sections(metric.doc, width),
        BLANK,
        line(("Perfect: ", "title"), f"{ARROWS[metric.toward_collapse]} {ideal}"),
        line(("Needs: ", "title"), ", ".join(metric.needs)),
        line(
            ("Unchanged by: ", "title"),
            ", ".join(sorted(metric.invariances)) or "nothing",
        ),
        line(("Definition version: ", "title"), str(metric.version)),
    ]
    return out


def _sections(doc: str, width: int) -> list[Line]:
    """The docstring, each section folded to the width."""
    sections: list[list[str]] = [[]]
    for text in doc.splitlines():
        if text.startswith(SECTIONS):
            sections.append([])
        sections[-1].append(text.strip())
    out: list[Line] = []
    for section in sections:
        out += wrapped(" ".join(section), width - 2)
    return out
