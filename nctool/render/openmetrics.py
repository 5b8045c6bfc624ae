"""OpenMetrics text: one gauge per metric, for scrapers and push gateways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nctool.comparison import Comparison
from nctool.documents import Document
from nctool.render import Arrays, Renderer
from nctool.report import Report, Result
from nctool.text import one_line
from nctool.trajectory import Trajectory

OUTCOMES = {"pass": 0, "none": 0, "fail": 1, "inconclusive": 2}


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    samples: dict[str, list[str]] = {}
    heads: dict[str, Result] = {}
    for labels, report in _reports(document):
        for one in report:
            if one.value is not None:
                heads.setdefault(one.id, one)
                samples.setdefault(one.id, []).append(f"{_labels(labels)} {one.value!r}")
    lines = []
    for name, rows in samples.items():
        title = "nctool_" + name.replace(".", "_")
        lines += [f"# TYPE {title} gauge", f"# HELP {title} {_escaped(heads[name].title)}"]
        lines += [title + row for row in rows]
    lines += [
        "# TYPE nctool_outcome gauge",
        "# HELP nctool_outcome 0 passed or no gates, 1 a gate failed, 2 inconclusive",
        f"nctool_outcome {OUTCOMES.get(document.outcome, 2)}",
        "# EOF",
    ]
    return "\n".join(lines) + "\n"


def _reports(document: Document) -> Iterator[tuple[Mapping[str, object], Report]]:
    if isinstance(document, Comparison):
        for run in document.runs:
            yield {"run": run.name, **_moment(run.report)}, run.report
    elif isinstance(document, Trajectory):
        for point in document.points:
            yield {"point": point.label, **_moment(point.report)}, point.report
    else:
        yield _moment(document), document


def _moment(report: Report) -> dict[str, object]:
    known = {name: report.run.get(name) for name in ("epoch", "step", "split")}
    return {name: value for name, value in known.items() if value is not None}


def _labels(labels: Mapping[str, object]) -> str:
    if not labels:
        return ""
    parts = (f'{name}="{_escaped(str(value))}"' for name, value in labels.items())
    return "{" + ",".join(parts) + "}"


def _escaped(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')


RENDERER = Renderer("OpenMetrics", (".prom",), render)
