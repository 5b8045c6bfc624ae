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
    saved = document(name)
    assert isinstance(saved, Report)
    return saved


def trajectory() -> Trajectory:
    saved = document("trajectory-1.0")
    assert isinstance(saved, Trajectory)
    return saved


def comparison(name: str = "comparison-1.0") -> Comparison:
    saved = document(name)
    assert isinstance(saved, Comparison)
    return saved


def of(values: dict[str, float | None], **changes: Any) -> Report:
    """The frozen report with these metrics alone, and with these values."""
    whole = report()
    metrics: list[Result] = []
    for name, value in values.items():
        result = whole[name]
        status: Any = "ok" if value is not None else "undefined"
        reason = None if value is not None else "for a reason"
        metrics.append(replace(result, value=value, status=status, reason=reason, ci=None))
    return replace(whole, metrics=tuple(metrics), **changes)


def judged(ways: dict[str, float], n: int | None = 1000, **changes: Any) -> Report:
    """A report with these dials and the weakest of them, by the last part of their ids."""
    whole = report()
    dials = [_dial(f"collapse.{name}", way) for name, way in ways.items()]
    counted = [dial for dial in dials if not dial.id.startswith("collapse.hug")]
    if any("nc2" in dial.id for dial in counted):  # a simplex fits
        counted = [dial for dial in counted if "gnc" not in dial.id]
    if n is not None:
        least = min(counted, key=lambda dial: dial.value or 0.0)
        names = {"weakest": least.id, "counted": [dial.id for dial in counted]}
        dials.append(
            replace(least, id="collapse.weakest", details={**(least.details or {}), **names})
        )
    data = {**whole.data, "n": n, **changes.pop("data", {})}
    return replace(whole, metrics=(*dials, *whole.metrics), data=data, **changes)


def _dial(metric_id: str, way: float) -> Result:
    return Result(
        id=metric_id,
        title=metric_id,
        definition="",
        value=way,
        status="ok",
        reason=None,
        ideal=1.0,
        toward_collapse="up",
        needs=("features", "labels"),
        null_value=0.0,
        details={"left": 1 - way, "left_noise": 1e-12},
    )
