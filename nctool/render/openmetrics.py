"""OpenMetrics text: one gauge per metric, for scrapers and push gateways."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nctool.core.text import one_line
from nctool.render import Arrays, Renderer
from nctool.report import Report
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

OUTCOMES = {"pass": 0, "none": 0, "fail": 1, "inconclusive": 2}
OTHER = re.compile("[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name; what it means, and which metric it stands for."""

    id: str
    help: str
    samples: dict[str, float] = field(default_factory=dict)
    """By their labels, so that none is there twice."""


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    families: dict[str, Family] = {}
    for labels, report in _distinct(_reports(document)):
        for result in report:
            if result.value is not None:
                family = _family(families, result.id, result.title)
                family.samples[_labels(labels)] = result.value
    lines = []
    for title, family in families.items():
        lines += [f"# TYPE {title} gauge", f"# HELP {title} {_escaped(family.help)}"]
        # repr: the shortest digits that read back as the same number.
        lines += [f"{title}{labels} {value!r}" for labels, value in family.samples.items()]
    lines += [
        "# TYPE nctool_outcome gauge",
        "# HELP nctool_outcome 0 passed or no gates, 1 a gate failed, 2 inconclusive",
        f"nctool_outcome {OUTCOMES.get(document.outcome, 2)}",
        "# EOF",
    ]
    return "\n".join(lines) + "\n"


def _family(families: dict[str, Family], name: str, meaning: str) -> Family:
    """The family of this metric, under a name that no other metric has."""
    # "a.b" and "a_b" are one name to OpenMetrics: the second gets a number.
    title = first = "nctool_" + OTHER.sub("_", name)
    copy = 1
    while title == "nctool_outcome" or (title in families and families[title].id != name):
        copy += 1
        title = f"{first}_{copy}"
    return families.setdefault(title, Family(name, meaning))


def _reports(document: Document) -> Iterator[tuple[dict[str, object], Report]]:
    if isinstance(document, Comparison):
        for run in document.runs:
            yield {"run": run.name, **_moment(run.report)}, run.report
    elif isinstance(document, Trajectory):
        for point in document.points:
            yield {"point": point.label, **_moment(point.report)}, point.report
    else:
        yield _moment(document), document


def _distinct(
    reports: Iterator[tuple[dict[str, object], Report]],
) -> Iterator[tuple[dict[str, object], Report]]:
    """Reports whose labels are the same get a number each."""
    seen: dict[str, int] = {}
    for labels, report in reports:
        text = _labels(labels)
        seen[text] = seen.get(text, 0) + 1
        yield labels | ({"copy": seen[text]} if seen[text] > 1 else {}), report


def _moment(report: Report) -> dict[str, object]:
    moment = {name: report.run.get(name) for name in ("epoch", "step", "split")}
    return {name: value for name, value in moment.items() if value is not None}


def _labels(labels: Mapping[str, object]) -> str:
    if not labels:
        return ""
    parts = (f'{name}="{_escaped(str(value))}"' for name, value in labels.items())
    return "{" + ",".join(parts) + "}"


def _escaped(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')


RENDERER = Renderer("OpenMetrics", (".prom",), render)
