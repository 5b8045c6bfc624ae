"""Every metric, found by looking: a family is one file, and what it defines is measured."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from nctool.core.errors import UsageError
from nctool.core.metric_names import matching, suggestion
from nctool.metrics.metric import Metric

NOT_FAMILIES = {"metric", "shared"}


@cache
def families() -> tuple[ModuleType, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(
        importlib.import_module(f"{__name__}.{name}") for name in names if name not in NOT_FAMILIES
    )


@cache
def registry() -> dict[str, Metric]:
    """Metrics by id: collapse, NC1 to NC5, then the other families, each in its own order."""
    metrics: list[Metric] = []
    for family in families():
        for value in vars(family).values():
            variants = value if isinstance(value, tuple) else (value,)
            metrics += [metric for metric in variants if isinstance(metric, Metric)]
    metrics.sort(key=_place)
    by_id: dict[str, Metric] = {}
    for metric in metrics:
        assert metric.id not in by_id, f"two metrics are called {metric.id}"
        by_id[metric.id] = metric
    return by_id


def select(patterns: str | None) -> tuple[Metric, ...]:
    """The metrics that comma-separated ids, families or globs name; all of them by default."""
    everything = registry()
    if patterns is None:
        return tuple(everything.values())
    chosen: set[str] = set()
    for pattern in filter(None, (part.strip() for part in patterns.split(","))):
        matched = matching(pattern, everything)
        if not matched:
            raise unknown_metric(pattern)
        chosen.update(matched)
    if not chosen:
        raise unknown_metric(patterns)
    return tuple(metric for name, metric in everything.items() if name in chosen)


def unknown_metric(name: str) -> UsageError:
    hint = suggestion(name, registry(), "list them with: nctool metrics")
    return UsageError("unknown-metric", f"no metric is called {name!r}", hint)


def _place(metric: Metric) -> tuple[int, str]:
    """Collapse, NC, then the rest; ``gnc``, ``gnc1`` and ``gnc2`` are one family."""
    if metric.family == "collapse":
        return 0, ""
    if metric.family.startswith("nc"):
        return 1, metric.family
    return 2, metric.family.rstrip("0123456789")
