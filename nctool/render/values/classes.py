"""Every class's own value of each metric that has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nctool.report import Report, Result


@dataclass(frozen=True, slots=True)
class Classes:
    """Metrics with a value for each class: columns of a table with ``size`` rows."""

    results: tuple[Result, ...]
    size: int
    names: Mapping[int, str]
    """Of the classes whose name the report knows."""


def classes(report: Report) -> Classes | None:
    results = tuple(result for result in report if result.per_class)
    if not results:
        return None
    size = max(len(result.per_class or ()) for result in results)
    return Classes(results, size, names_of(report))


def names_of(report: Report) -> dict[int, str]:
    """Names of classes by index: all that are stored, or those that stand with some metric."""
    stored = report.data.get("class_names")
    if isinstance(stored, (list, tuple)):
        return {index: str(name) for index, name in enumerate(stored)}
    return {worst.index: worst.name for result in report for worst in result.worst or ()}


def values_of(result: Result) -> list[float]:
    """Of the classes that have one."""
    return [value for value in result.per_class or () if value is not None]


def value_of(result: Result, index: int) -> float | None:
    values = result.per_class or ()
    return values[index] if index < len(values) else None
