"""Every metric, found by looking: a family is one file that lists its METRICS."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from fnmatch import fnmatchcase
from functools import cache

from nctool.core.errors import UsageError
from nctool.metrics.metric import Metric

NOT_FAMILIES = {"metric", "shared"}


@cache
def registry() -> dict[str, Metric]:
    """Metrics by id: NC1 to NC5 first, then the other families, each in its own order."""
    found: list[Metric] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        if module.name not in NOT_FAMILIES:
            found += importlib.import_module(f"{__name__}.{module.name}").METRICS
    found.sort(key=_place)
    by_id = {one.id: one for one in found}
    assert len(by_id) == len(found), [one.id for one in found]
    return by_id


def select(patterns: str | None) -> tuple[Metric, ...]:
    """The metrics that comma-separated globs name; all of them by default."""
    everything = registry()
    if patterns is None:
        return tuple(everything.values())
    chosen: set[str] = set()
    for pattern in filter(None, (part.strip() for part in patterns.split(","))):
        matched = {one for one in everything if fnmatchcase(one, pattern)}
        if not matched:
            raise unknown_metric(pattern)
        chosen |= matched
    if not chosen:
        raise unknown_metric(patterns)
    return tuple(one for key, one in everything.items() if key in chosen)


def unknown_metric(name: str) -> UsageError:
    near = difflib.get_close_matches(name, registry(), n=3, cutoff=0.4)
    return UsageError(
        "unknown-metric",
        f"no metric is called {name!r}",
        ("nearest: " + ", ".join(near) + "; " if near else "") + "list them with: nctool metrics",
    )


def _place(one: Metric) -> tuple[bool, str]:
    """NC before the rest; ``gnc``, ``gnc1`` and ``gnc2`` are one family."""
    if one.family.startswith("nc"):
        return False, one.family
    return True, one.family.rstrip("0123456789")
