"""OpenMetrics text: one gauge per metric, for scrapers and push gateways."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, count

from nctool.core.text import one_line
from nctool.render import Arrays, Renderer
from nctool.report import Report
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

OUTCOMES = {"pass": 0, "none": 0, "fail": 1, "inconclusive": 2}
OTHER = re.compile("[^a-zA-Z0-9_]")


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    samples: dict[str, dict[str, float]] = {}  # by metric and labels: none is there twice
    meanings: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for labels, report in _reports(document):
        text = _labels(labels)
        seen[text] += 1
        if seen[text] > 1:  # the same labels again get a number
            text = _labels(labels | {"copy": seen[text]})
        for result in report:
            if result.value is not None:
                samples.setdefault(result.id, {})[text] = result.value
                meanings.setdefault(result.id, result.title)
    lines, taken = [], {"nctool_outcome"}
    for metric_id, values in samples.items():
        name = _name(metric_id, taken)
        taken.add(name)
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {_escaped(meanings[metric_id])}"]
        # repr: the shortest digits that read back as the same number.
        lines += [f"{name}{labels} {value!r}" for labels, value in values.items()]
    lines += [
        "# TYPE nctool_outcome gauge",
        "# HELP nctool_outcome 0 passed or no gates, 1 a gate failed, 2 inconclusive",
        f"nctool_outcome {OUTCOMES.get(document.outcome, 2)}",
        "# EOF",
    ]
    return "\n".join(lines) + "\n"


def _name(metric_id: str, taken: set[str]) -> str:
    """A name that no other metric has."""
    # "a.b" and "a_b" are one name to OpenMetrics: the second gets a number.
    first = "nctool_" + OTHER.sub("_", metric_id)
    numbered = (f"{first}_{copy}" for copy in count(2))
    return next(name for name in chain([first], numbered) if name not in taken)


def _reports(document: Document) -> Iterator[tuple[dict[str, object], Report]]:
    if isinstance(document, Comparison):
        for run in document.runs:
            yield {"run": run.name, **_moment(run.report)}, run.report
    elif isinstance(document, Trajectory):
        for point in document.points:
            yield {"point": point.label, **_moment(point.report)}, point.report
    else:
        yield _moment(document), document


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
