"""The frozen reports, read once; and small reports made by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from nctool.report import Report, Result, documents
from nctool.report.comparison import Comparison
from nctool.report.trajectory import Trajectory

FOLDER = Path(__file__).parents[2] / "fixtures" / "reports"
EVERY = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def document(name: str) -> documents.Document:
    return documents.read(FOLDER / f"{name}.json")


def report(name: str = "report-1.0") -> Report:
    found = document(name)
    assert isinstance(found, Report)
    return found


def trajectory() -> Trajectory:
    found = document("trajectory-1.0")
    assert isinstance(found, Trajectory)
    return found


def comparison(name: str = "comparison-1.0") -> Comparison:
    found = document(name)
    assert isinstance(found, Comparison)
    return found


def of(values: dict[str, float | None], **changes: Any) -> Report:
    """The frozen report with these metrics alone, and with these values."""
    whole = report()
    metrics: list[Result] = []
    for name, value in values.items():
        one = whole[name]
        status: Any = "ok" if value is not None else "undefined"
        reason = None if value is not None else "for a reason"
        metrics.append(replace(one, value=value, status=status, reason=reason, ci=None))
    return replace(whole, metrics=tuple(metrics), **changes)
