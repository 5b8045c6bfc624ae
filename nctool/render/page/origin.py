"""Where numbers come from: the title of a page, its gates and warnings, inputs and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from nctool.core.notice import Notice
from nctool.core.text import count
from nctool.render import Arrays
from nctool.render.page.amounts import plain
from nctool.render.values.changes import others
from nctool.render.values.margins import margins, reasons
from nctool.render.values.sentences import ends_of, of_trajectory
from nctool.render.values.words import capital, moment, no_samples
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


def head(document: Document) -> tuple[str, str, list[str]]:
    """The title, the file or folder that the page is made from, and the sentences below."""
    match document:
        case Trajectory():
            facts = [f"{capital(text)}." for text in of_trajectory(document)]
            return _span(document), _place(document.last, 2), [*facts, size(document.last)]
        case Comparison():
            base = document.runs[document.baseline]
            names = [run.name for _, run in others(document)]
            named = _listed(names) if len(names) < 4 else count(len(names), "run")
            title = f"{named} against {base.name}"
            return title, _place(base.report, 2), [size(base.report)]
        case _:
            return when(document), _place(document, 1), [size(document)]


def _place(report: Report, up: int) -> str:
    """The file with its folder; for several files of one run the folder with its own."""
    parts = PurePath(_path(report)).parts
    return "/".join(parts[-2:] if up == 1 else parts[-3:-1])


def _path(report: Report) -> str:
    return next((source.path for source in report.inputs if source.path), "")


def when(report: Report) -> str:
    """Which moment of which run, or at least which file."""
    words = ", ".join(moment(report))
    if words:
        return capital(words)
    whole = "A classifier head" if report.data.get("n") is None else "Arrays in memory"
    return PurePath(_path(report)).name or whole


def size(report: Report) -> str:
    """How many samples and classes, in one sentence."""
    data = report.data
    width = f"{count(data['d'], 'dimension')}" if data.get("d") else "unknown width"
    if data.get("n") is None:
        rows = count(data.get("k") or 0, "classifier row")
        return f"{rows} of {width}; {no_samples(report)}."
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
    noun = "layer" if trajectory.axis == "layer" else "checkpoint"
    return f"{count(len(trajectory.points), noun)}, {' to '.join(ends_of(trajectory))}"


def _listed(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def gate_result(gate: Mapping[str, Any]) -> tuple[str, str]:
    """The class of a gate's row, which its sign and colour depend on, and the word beside it."""
    result, soft = str(gate.get("result")), gate.get("severity") == "warning"
    if result == "fail" and soft:
        return "missing", "failed, only a warning"
    hard = gate.get("severity") == "error"
    return result if hard or result == "pass" else "missing", RESULTS.get(result, result)


def origins(document: Document) -> list[tuple[str, Report]]:
    """Each report that the page speaks of in full, and its run's name if there are several."""
    if isinstance(document, Comparison):
        return [(run.name, run.report) for run in document.runs]
    return [("", document.last if isinstance(document, Trajectory) else document)]


def notices(document: Document) -> list[tuple[Notice, list[str]]]:
    """Everything that was noticed, each once; in a comparison with the runs that it is about."""
    found: dict[tuple[str, str, str], tuple[Notice, list[str]]] = {}
    for name, report in origins(document):
        for notice in report.warnings:
            key = notice.slug, notice.message, notice.hint
            found.setdefault(key, (notice, []))[1].extend([name] if name else [])
    return [*found.values()]


def array(source: Input) -> str:
    """Shape and type of an input."""
    shape = " × ".join(f"{side:,}" for side in source.shape)
    return f"{shape} {source.dtype}{', transposed' if source.transposed else ''}"


def data(report: Report) -> Iterator[tuple[str, str]]:
    """Sizes of the data; names of classes have a table of their own."""
    yield from pairs({key: item for key, item in report.data.items() if key != "class_names"})


def environment(report: Report) -> Iterator[tuple[str, str]]:
    yield "nctool", str(report.tool.get("version"))
    yield from pairs(report.environment)


def pairs(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of whatever is there, nested names in one."""
    for key, value in values.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from pairs(value, f"{name}, ")
        elif value is not None:
            yield name, plain(value)


def unseen(report: Report, arrays: Arrays | None) -> Iterator[str]:
    """Which pictures and tables this page is without, and what to do to see them."""
    if not arrays and any(result.status == "ok" for result in report):
        text = "a saved report holds no cosines and no singular values: run with --arrays to see "
        text += "the Gram matrix and the spectrum, or let nctool analyze write this page itself "
        text += "(-o report.html)"
        if report.arrays and report.arrays.get("file"):
            text += f". The arrays of this report are in {report.arrays['file']}"
        yield text
    if not any(result.per_class for result in report):
        yield "run with --per-class to see every class: this report holds no values by class"
    if not margins(report):
        yield f"no margins: {'; '.join(reasons(report)) or 'they were not asked for (--metrics)'}"
