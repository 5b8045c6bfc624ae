"""Runs to compare, from whatever names them: saved reports, checkpoints, run folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nctool.core.array_spec import is_address
from nctool.core.errors import UsageError
from nctool.report import Report, documents
from nctool.report.runs import Run
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions, resolve
from nctool.settings.option import build
from nctool.settings.role_options import RoleOptions


@dataclass(frozen=True, slots=True)
class Measuring:
    """How to measure what is not yet a report."""

    compute: ComputeOptions = field(default_factory=ComputeOptions)
    convention: ConventionOptions = field(default_factory=ConventionOptions)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of the project by option: keys of its roles, the scale of its head."""
    bar: bool = False


def runs_of(names: Sequence[str], splits: Sequence[str], measuring: Measuring) -> list[Run]:
    """A run for each name; for one name and several splits, a run for each split."""
    if splits and len(names) == 1:
        return [Run(split, _report(names[0], split, measuring)) for split in splits]
    split = splits[0] if splits else None
    if len(splits) > 1:
        hint = "compare splits of one run, or one split of several runs"
        raise UsageError("splits-and-runs", f"{len(splits)} splits of {len(names)} runs", hint)
    reports = [_report(name, split, measuring) for name in names]
    return [Run(title, report) for title, report in zip(_titles(names), reports, strict=True)]


def _report(name: str, split: str | None, measuring: Measuring) -> Report:
    path = Path(name)
    if is_address(name) or not documents.is_document(path):
        return _measured(name, split, measuring)
    report = documents.report_of(documents.read(path))
    if report is None:
        hint = "name the reports that it was made from"
        raise UsageError("comparison-of-comparisons", f"{name!r} is a comparison itself", hint)
    return report


def _measured(name: str, split: str | None, measuring: Measuring) -> Report:
    """The report of a checkpoint, measured with the roles of the project."""
    from nctool import metrics
    from nctool.analysis.measure import Settings, measure
    from nctool.cli.interruption import interruptible
    from nctool.inputs.sources import load
    from nctool.render import console

    settings = measuring.settings
    convention = replace(measuring.convention, logit_scale=settings.get("logit_scale"))
    roles = replace(build(RoleOptions, settings), split=split, ood=None)
    return measure(
        load([name], roles),
        metrics.select(measuring.compute.metrics),
        Settings(resolve(convention), measuring.compute),
        interruptible(console.bar(enabled=measuring.bar)),
    ).report


def _titles(names: Sequence[str]) -> list[str]:
    """File stems, each with as many parent folders as make all of them different."""
    from nctool.inputs.opening import printable_name

    names = [printable_name(name) for name in names]
    paths = [Path(name).absolute() for name in names]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        titles = ["/".join((*path.parts[-depth:-1], path.stem)) for path in paths]
        if len(set(titles)) == len(titles):
            return titles
    return [f"{title} #{place}" for place, title in enumerate(names, 1)]
