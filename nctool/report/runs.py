"""Named runs: what sets them apart, and the mean of those that belong together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from nctool.report import Report, Result
from nctool.report.verdict import PREFIX


@dataclass(frozen=True, slots=True)
class Run:
    """One report under a name that tells it from the others; a group's, with all its members."""

    name: str
    report: Report
    members: tuple[Report, ...] = ()
    """The runs that a group stands for; empty for a single run."""

    def values(self, metric_id: str) -> list[float]:
        """The values of a metric in the members that have one."""
        values = (member.value(metric_id) for member in self.members)
        return [value for value in values if value is not None]


NONE = "none"
"""Where there are no samples: classifier rows alone."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would have to be the same in all runs, and is not."""

    what: str
    values: tuple[str, ...]
    """One for each run."""


def differences(runs: Sequence[Run]) -> list[Difference]:
    """What would have to be the same: data, split, conventions, precision, definitions."""
    conditions = [_conditions(run.report) for run in runs]
    values = {name: tuple(each[name] for each in conditions) for name in conditions[0]}
    differing = [Difference(name, texts) for name, texts in values.items() if len(set(texts)) > 1]
    return [*differing, *_class_names(runs), *_definitions(runs)]


def _conditions(report: Report) -> dict[str, str]:
    """Under which conditions the numbers of a report were made; the same keys for every report."""
    data, settings = report.data, report.settings
    counts = data.get("class_counts") or {}
    features = [source.dtype for source in report.inputs if source.role == "features"]
    return {
        "split": str(report.run.get("split") or "not said"),
        "samples": _said(data.get("n")),
        "classes": _said(data.get("k")),
        "dimensions": _said(data.get("d")),
        "samples per class": f"{counts['min']} to {counts['max']}" if counts.get("max") else NONE,
        "centring": str(settings.get("center")),
        "profile": str(settings.get("profile") or "none"),
        "stored precision": ", ".join(features) or "no features",
        "cosine head": str(settings.get("logit_scale") or "no"),
    }


def _said(size: int | None) -> str:
    return NONE if size is None else str(size)


def _class_names(runs: Sequence[Run]) -> list[Difference]:
    """Classes that are not those of the first run, where both know their names."""
    names = [run.report.data.get("class_names") or () for run in runs]
    shared = [len(set(names[0]) & set(each)) for each in names]
    if not all(names) or all(set(each) == set(names[0]) for each in names):
        return []
    texts = [f"{size:,} of {len(names[0]):,} in common" for size in shared[1:]]
    return [Difference("class names", (f"{len(names[0]):,} names", *texts))]


def _definitions(runs: Sequence[Run]) -> list[Difference]:
    """Metrics whose definition has changed between the versions that wrote the reports."""
    versions: dict[str, list[str]] = {}
    for index, run in enumerate(runs):
        for result in run.report:
            of_runs = versions.setdefault(result.id, ["absent"] * len(runs))
            of_runs[index] = str(result.definition_version)
    return [
        Difference(f"definition of {name}", tuple(of_runs))
        for name, of_runs in versions.items()
        if len(set(of_runs) - {"absent"}) > 1
    ]


def grouped(runs: Sequence[Run], key: str) -> list[Run]:
    """One run for each group of runs that differ in ``key`` alone (``seed``): their means.

    Runs belong together when their names agree but for the key and its number, as in
    ``a-seed1`` and ``a-seed2``; where names do not say, all of one setting do.
    """
    # Run folders are named by people and schedulers: "seed=1", "Seed1" and "SEED_1" are one key.
    number = re.compile(rf"[-_./ ]*{re.escape(key)}[-_=]?\d+", re.IGNORECASE)
    groups: dict[str, list[Run]] = {}
    for run in runs:
        name = number.sub("", run.name) or key
        groups.setdefault(name, []).append(run)
    return [_group(name, members) for name, members in groups.items()]


def _group(name: str, members: Sequence[Run]) -> Run:
    """The mean of each metric that all members have a value of; the rest of the first's report."""
    reports = tuple(member.report for member in members)
    first = reports[0]
    if len(reports) == 1:
        return Run(name, first)
    group = Run(f"{name} (mean of {len(reports)})", first, reports)
    results = []
    for metric in first:
        values = group.values(metric.id)
        # A mean over fewer members would compare groups of different runs.
        complete = len(values) == len(reports)
        results.append(
            replace(
                without_value(metric),
                value=fmean(values) if complete else None,
                status="ok" if complete else "undefined",
                reason=None if complete else f"not in all {len(reports)} runs of the group",
                details=_of_dial(metric, reports) if complete else None,
            )
        )
    return replace(group, report=replace(first, metrics=tuple(results)))


def _of_dial(metric: Result, members: Sequence[Report]) -> dict[str, Any] | None:
    """What makes a number a dial: the mean of what is left, and what it is counted with."""
    every = [(member[metric.id].details or {}).get("left") for member in members]
    lefts = [float(left) for left in every if isinstance(left, int | float)]
    if not metric.id.startswith(PREFIX) or len(lefts) < len(members):
        return None
    return {**(metric.details or {}), "left": fmean(lefts)}


def without_value(result: Result) -> Result:
    """The same metric without its value and everything measured beside it."""
    return replace(
        result, value=None, bounds=None, ci=None, distribution=None, worst=None, per_class=None,
        details=None,
    )  # fmt: skip
