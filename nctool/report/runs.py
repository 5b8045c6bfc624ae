"""Runs under names: which of them belong together, and what sets them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from nctool.report import Report, Result


@dataclass(frozen=True, slots=True)
class Run:
    """One report under a name that tells it from the others; a group's, with all its members."""

    name: str
    report: Report
    members: tuple[Report, ...] = ()
    """The runs that a group stands for; empty for a single run."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would have to be the same in all runs, and is not."""

    what: str
    values: tuple[str, ...]
    """One for each run."""


def differences(runs: Sequence[Run]) -> list[Difference]:
    """What would have to be the same: data, split, conventions, precision, definitions."""
    facts = [_facts(run.report) for run in runs]
    names = dict.fromkeys(name for one in facts for name in one)
    found = [
        Difference(name, tuple(one.get(name, "unknown") for one in facts))
        for name in names
        if len({one.get(name, "unknown") for one in facts}) > 1
    ]
    return [*found, *_definitions(runs)]


def _facts(report: Report) -> dict[str, str]:
    data, settings = report.data, report.settings
    counts = data.get("class_counts") or {}
    features = [one.dtype for one in report.inputs if one.role == "features"]
    return {
        "split": str(report.run.get("split") or "not said"),
        "samples": str(data.get("n")),
        "classes": str(data.get("k")),
        "dimensions": str(data.get("d")),
        "samples per class": f"{counts.get('min')} to {counts.get('max')}",
        "centring": str(settings.get("center")),
        "profile": str(settings.get("profile") or "none"),
        "stored precision": ", ".join(features) or "no features",
        "cosine head": str(settings.get("logit_scale") or "no"),
    }


def _definitions(runs: Sequence[Run]) -> list[Difference]:
    """Metrics whose definition has changed between the versions that wrote the reports."""
    versions: dict[str, list[str]] = {}
    for place, run in enumerate(runs):
        for one in run.report:
            versions.setdefault(one.id, ["absent"] * len(runs))[place] = str(one.definition_version)
    return [
        Difference(f"definition of {name}", tuple(known))
        for name, known in versions.items()
        if len(set(known) - {"absent"}) > 1
    ]


def grouped(runs: Sequence[Run], key: str) -> list[Run]:
    """One run for each group of runs that differ in ``key`` alone (``seed``): their means.

    Runs belong together when their names agree but for the key and its number, as in
    ``a-seed1`` and ``a-seed2``; where names do not say, all of one setting do.
    """
    number = re.compile(rf"[-_./ ]*{re.escape(key)}[-_=]?\d+", re.IGNORECASE)
    groups: dict[str, list[Run]] = {}
    for run in runs:
        name = number.sub("", run.name) or key
        groups.setdefault(name, []).append(run)
    return [_group(name, members) for name, members in groups.items()]


def _group(name: str, members: Sequence[Run]) -> Run:
    """The mean of each metric that all members have."""
    reports = tuple(one.report for one in members)
    first = reports[0]
    if len(reports) == 1:
        return Run(name, first)
    results = []
    for one in first:
        values = [each.value for report in reports for each in report if each.id == one.id]
        known = [value for value in values if value is not None]
        whole = len(known) == len(reports)
        results.append(
            replace(
                without_value(one),
                value=fmean(known) if whole else None,
                status="ok" if whole else "undefined",
                reason=None if whole else f"not in all {len(reports)} runs of the group",
            )
        )
    return Run(f"{name} (mean of {len(reports)})", replace(first, metrics=tuple(results)), reports)


def without_value(one: Result) -> Result:
    """What a metric is, and nothing of what was found."""
    return replace(
        one, value=None, bounds=None, ci=None, distribution=None, worst=None, per_class=None,
        details=None,
    )  # fmt: skip
