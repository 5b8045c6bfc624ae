"""Runs to compare, from whatever they are: reports, saved ones, checkpoints, run folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nctool.core.array_spec import is_address
from nctool.core.errors import UsageError
from nctool.core.progress import Progress
from nctool.report import Report, documents
from nctool.report.comparison import Comparison, arranged, compare
from nctool.report.runs import Run, grouped
from nctool.report.tolerance import Tolerance
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions, resolve
from nctool.settings.option import build
from nctool.settings.role_options import RoleOptions

Given: TypeAlias = str | Path | documents.Document
Order = Literal["id", "change"]


@dataclass(frozen=True, slots=True)
class Measuring:
    """How to measure what is not yet a report."""

    compute: ComputeOptions = field(default_factory=ComputeOptions)
    convention: ConventionOptions = field(default_factory=ConventionOptions)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of the project by option: keys of its roles, the scale of its head."""
    progress: Progress | None = None


def compared(
    runs: Sequence[Given],
    measuring: Measuring,
    *,
    baseline: Given | None = None,
    tolerances: Mapping[str, Tolerance],
    allow_mismatch: bool,
    only_changed: bool,
    split: Sequence[str],
    sort: Order | None,
    group_by: str | None,
) -> Comparison:
    """The runs side by side, as ``nctool compare`` is asked for them."""
    named = runs_of(runs, split, measuring)
    if baseline is not None:
        named = [*runs_of([baseline], split, measuring), *named]
    comparison = compare(
        _grouped(named, group_by) if group_by else named,
        tolerances=tolerances,
        allow_mismatch=allow_mismatch or len(split) > 1,
    )
    return arranged(comparison, only_changed=only_changed, by=sort)


def _grouped(runs: Sequence[Run], key: str) -> list[Run]:
    """The means of groups; where no group has two runs, the question was another."""
    groups = grouped(runs, key)
    if len(groups) == len(runs) > 1:
        names = ", ".join(repr(run.name) for run in runs[:2])
        message = f"no two runs differ in {key!r} alone, by their names: {names}"
        hint = f"name them alike but for a number, like a-{key}1 and a-{key}2"
        raise UsageError("nothing-grouped", message + (" …" if len(runs) > 2 else ""), hint)
    return groups


def runs_of(names: Sequence[Given], splits: Sequence[str], measuring: Measuring) -> list[Run]:
    """A run for each name; for one name and several splits, a run for each split."""
    if splits and len(names) == 1:
        return [Run(split, _report(names[0], split, measuring)) for split in splits]
    split = splits[0] if splits else None
    if len(splits) > 1:
        hint = "compare splits of one run, or one split of several runs"
        raise UsageError("splits-and-runs", f"{len(splits)} splits of {len(names)} runs", hint)
    reports = [_report(name, split, measuring) for name in names]
    return [Run(title, report) for title, report in zip(_titles(names), reports, strict=True)]


def _report(given: Given, split: str | None, measuring: Measuring) -> Report:
    name = _source(given)
    if isinstance(given, str | Path):
        if is_address(name) or not documents.is_document(Path(name)):
            return _measured(name, split, measuring)
        given = documents.read(name)
    report = documents.report_of(given)
    if report is None:
        hint = "name the reports that it was made from"
        raise UsageError("comparison-of-comparisons", f"{name!r} is a comparison itself", hint)
    return report


def _measured(name: str, split: str | None, measuring: Measuring) -> Report:
    """The report of a checkpoint, measured with the roles of the project."""
    from nctool import metrics
    from nctool.analysis.measure import Settings, measure
    from nctool.inputs.sources import load

    settings = measuring.settings
    convention = replace(measuring.convention, logit_scale=settings.get("logit_scale"))
    roles = replace(build(RoleOptions, settings), split=split, ood=None)
    return measure(
        load([name], roles),
        metrics.select(measuring.compute.metrics),
        Settings(resolve(convention), measuring.compute),
        measuring.progress,
    ).report


def _titles(runs: Sequence[Given]) -> list[str]:
    """File stems, each with as many parent folders as make all of them different.

    A report in memory goes by the file that it was measured from, if there was one.
    """
    from nctool.inputs.opening import printable_name

    names = [printable_name(_source(run) or f"run {place}") for place, run in enumerate(runs, 1)]
    paths = [Path(name).absolute() for name in names]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        titles = ["/".join((*path.parts[-depth:-1], path.stem)) for path in paths]
        if len(set(titles)) == len(titles):
            return titles
    return [f"{title} #{place}" for place, title in enumerate(names, 1)]


def _source(run: Given) -> str:
    """The path of a run, or that of the file which a report was measured from."""
    if isinstance(run, str | Path):
        return str(run)
    report = documents.report_of(run)
    return report.inputs[0].path if report is not None and report.inputs else ""
