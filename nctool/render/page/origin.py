"""Where numbers come from: the title of a page, its gates and warnings, inputs and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from markupsafe import Markup

from nctool.core.notice import Notice
from nctool.core.text import count
from nctool.render.page.amounts import aligned, said
from nctool.render.values.sentences import of_trajectory, position_label
from nctool.report import Input, Report
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.trajectory import Trajectory

OUTCOMES = {
    "pass": "every gate passed",
    "fail": "at least one gate failed",
    "inconclusive": "a gated number is missing, so nothing is proved",
    "none": "no gate decided anything",
}
RESULTS = {"pass": "passed", "fail": "failed", "missing": "no value"}

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The top of the page."""

    kind: str
    title: str
    of: str
    """The file or folder that it is made from."""
    lede: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    result: str
    word: str
    expr: str
    id: str
    observed: Markup
    baseline: Markup
    severity: str
    source: str
    reason: str
    run: str


@dataclass(frozen=True, slots=True)
class Source:
    """One input."""

    role: str
    path: str
    key: str
    shape: str
    format: str
    reason: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What a report says beside its numbers."""

    name: str
    sources: tuple[Source, ...]
    data: Pairs
    settings: Pairs
    environment: Pairs
    timing: Pairs
    digest: str
    created: str
    warnings: tuple[Notice, ...]


def head(document: Document) -> Head:
    match document:
        case Trajectory():
            facts = [f"{text[:1].upper()}{text[1:]}." for text in of_trajectory(document)]
            lede = (*facts, size(document.last))
            return Head("Trajectory", _span(document), _place(document.last, 2), lede)
        case Comparison():
            base = document.runs[document.baseline]
            others = [run.name for at, run in enumerate(document.runs) if at != document.baseline]
            named = _listed(others) if len(others) < 4 else count(len(others), "run")
            title = f"{named} against {base.name}"
            return Head("Comparison", title, _place(base.report, 2), (size(base.report),))
        case _:
            return Head("Report", when(document), _place(document, 1), (size(document),))


def _place(report: Report, up: int) -> str:
    """The file with its folder; for several files of one run the folder with its own."""
    parts = PurePath(_path(report)).parts
    return "/".join(parts[-2:] if up == 1 else parts[-3:-1])


def _path(report: Report) -> str:
    return next((source.path for source in report.inputs if source.path), "")


def when(report: Report) -> str:
    """Which moment of which run, or at least which file."""
    run = report.run
    words = [f"{key} {run[key]}" for key in ("epoch", "step") if run.get(key) is not None]
    if run.get("split"):
        words.append(f"{run['split']} split")
    if words:
        return ", ".join([words[0][:1].upper() + words[0][1:], *words[1:]])
    whole = "A classifier head" if report.data.get("n") is None else "Arrays in memory"
    return PurePath(_path(report)).name or whole


def size(report: Report) -> str:
    """How many samples and classes, in one sentence."""
    data = report.data
    width = f"{count(data['d'], 'dimension')}" if data.get("d") else "unknown width"
    if data.get("n") is None:
        return f"{count(data.get('k') or 0, 'classifier row')} of {width}; no features."
    counts = data.get("class_counts") or {}
    low, high = counts.get("min"), counts.get("max")
    each = "" if low is None or high is None else f" of {low:,}"
    each += "" if low == high else f" to {high:,}"
    text = f"{count(data['n'], 'sample')} in {count(data['k'], 'class', 'classes')}{each}, {width}"
    if data.get("rank_possible"):
        text += f"; class means of rank {data['rank_of_means']} out of {data['rank_possible']}"
    return text + "."


def _span(trajectory: Trajectory) -> str:
    if len(trajectory.points) == 1:
        return f"One checkpoint, {trajectory.points[0].label}"
    ends = (trajectory.positions[0], trajectory.positions[-1])
    span = " to ".join(position_label(trajectory, position) for position in ends)
    return f"{count(len(trajectory.points), 'checkpoint')}, {span}"


def _listed(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def gates(document: Document) -> tuple[Gate, ...]:
    return tuple(map(_gate, document.gates))


def _gate(gate: Mapping[str, Any]) -> Gate:
    result, severity = str(gate.get("result")), str(gate.get("severity"))
    word = RESULTS.get(result, result)
    if result == "fail" and severity == "warning":
        word = "failed, only a warning"
    return Gate(
        result if severity == "error" or result == "pass" else "missing", word,
        str(gate.get("expr")), str(gate.get("id")), aligned(gate.get("observed")),
        aligned(gate.get("baseline")), severity, str(gate.get("source") or ""),
        str(gate.get("reason") or ""), str(gate.get("run") or ""),
    )  # fmt: skip


def origins(document: Document) -> tuple[Origin, ...]:
    """One for each report that the page speaks of in full."""
    match document:
        case Trajectory():
            return (_origin("", document.last),)
        case Comparison():
            return tuple(_origin(run.name, run.report) for run in document.runs)
        case _:
            return (_origin("", document),)


def _origin(name: str, report: Report) -> Origin:
    return Origin(
        name,
        tuple(map(_source, report.inputs)),
        tuple(_pairs(report.data)),
        tuple(_pairs(report.settings)),
        (("nctool", str(report.tool.get("version"))), *_pairs(report.environment)),
        tuple(_pairs(report.timing_s)),
        report.digest,
        report.created,
        report.warnings,
    )  # fmt: skip


def _source(source: Input) -> Source:
    shape = " × ".join(f"{side:,}" for side in source.shape) + f" {source.dtype}"
    shape += ", transposed" if source.transposed else ""
    reason = f"{source.reason} ({source.chosen_by})"
    return Source(
        source.role, source.path, source.key, shape, source.format, reason,
        source.fingerprint or "",
    )  # fmt: skip


def _pairs(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of whatever is there, nested names in one."""
    for key, value in values.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _pairs(value, f"{name}, ")
        elif value is not None:
            yield name, _plain(value)


def _plain(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return said(value)
        case list() | tuple():
            return ", ".join(map(_plain, value))
        case _:
            return str(value)
