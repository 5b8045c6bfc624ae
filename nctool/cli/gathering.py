"""Runs to compare, from whatever names them: saved reports, checkpoints, run folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nctool.core.errors import UsageError
from nctool.core.spec import is_address
from nctool.report import Report, documents
from nctool.report.runs import Run
from nctool.report.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class How:
    """How to measure what is not yet a report."""

    metrics: str | None = None
    profile: str | None = None
    center: str | None = None
    device: str = "auto"
    quiet: bool = False
    kept: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the project: what its roles and its head are called."""


def runs(names: Sequence[str], splits: Sequence[str], how: How) -> list[Run]:
    """A run for each name; for one name and several splits, a run for each split."""
    if splits and len(names) == 1:
        return [Run(split, _report(names[0], split, how)) for split in splits]
    split = splits[0] if splits else None
    if len(splits) > 1:
        raise UsageError(
            "splits-and-runs",
            f"{len(splits)} splits of {len(names)} runs",
            "compare splits of one run, or one split of several runs",
        )
    found = [_report(name, split, how) for name in names]
    return [Run(title, report) for title, report in zip(_titles(names), found, strict=True)]


def _report(name: str, split: str | None, how: How) -> Report:
    path = Path(name)
    if not is_address(name) and documents.is_document(path):
        found = documents.read(path)
        if isinstance(found, Report):
            return found
        if isinstance(found, Trajectory):
            return found.last
        raise UsageError(
            "comparison-of-comparisons",
            f"{name!r} is a comparison itself",
            "name the reports that it was made from",
        )
    return _measured(name, split, how)


def _measured(name: str, split: str | None, how: How) -> Report:
    """A checkpoint: measured now."""
    from nctool import metrics
    from nctool.analysis.measure import Settings, measure
    from nctool.cli.interruption import stoppable
    from nctool.inputs.sources import Wishes, load
    from nctool.render import console
    from nctool.roles import Request
    from nctool.settings import conventions

    kept = how.kept
    convention = conventions.resolve(
        how.profile,
        how.center,  # type: ignore[arg-type]
        logit_scale=kept.get("logit-scale"),
    )
    settings = Settings(convention, device=how.device)
    roles: dict[str, Any] = {
        role: kept.get(role) for role in ("features", "labels", "head", "bias", "pool")
    }
    request = Request(
        split=split,
        weights=kept.get("weights", "raw"),
        transpose_head=kept.get("transpose-head", False),
        **roles,
    )
    source = load(
        [name],
        Wishes(
            request,
            pool=kept.get("pool"),
            classes=kept.get("classes"),
            ignore=tuple(kept.get("ignore-label", (-100,))),
        ),
    )
    bar = stoppable(console.bar(enabled=not how.quiet))
    return measure(source, metrics.select(how.metrics), settings, bar).report


def _titles(names: Sequence[str]) -> list[str]:
    """As short as possible: stems, with as many folders in front as tell them apart."""
    from nctool.inputs.opening import open_name

    names = [open_name(name) for name in names]
    paths = [Path(name).absolute() for name in names]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        titles = ["/".join((*path.parts[-depth:-1], path.stem)) for path in paths]
        if len(set(titles)) == len(titles):
            return titles
    return [f"{title} #{place}" for place, title in enumerate(names, 1)]
