"""One metric's outcome, with everything that is measured beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nctool.report.plain import json_object, of_keys

Status = Literal["ok", "skipped", "undefined"]
Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Reference:
    """The best value anybody has seen or proved, and how it is known."""

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a metric spreads over classes or samples."""

    over: str
    min: float
    p01: float
    p05: float
    p50: float
    p95: float
    max: float
    mean: float

    def scaled(self, factor: float) -> Distribution:
        """The same in another unit."""
        numbers = {name: factor * size for name, size in asdict(self).items() if name != "over"}
        return Distribution(self.over, **numbers)


@dataclass(frozen=True, slots=True)
class ClassValue:
    """One class's own number, under its stored index and its name."""

    index: int
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Result:
    """One metric's outcome. Absent is None with a reason; never NaN, never 0."""

    id: str
    title: str
    definition: str
    value: float | None
    status: Status
    reason: str | None
    ideal: float | None
    toward_collapse: Direction
    needs: tuple[str, ...]
    floor: float | None = None
    best_known: Reference | None = None
    null_value: float | None = None
    null_sd: float | None = None
    null_source: str | None = None
    noise_floor: float | None = None
    bounds: tuple[float, float] | None = None
    ci: tuple[float, float] | None = None
    distribution: Distribution | None = None
    worst: tuple[ClassValue, ...] | None = None
    per_class: tuple[float | None, ...] | None = None
    details: Mapping[str, Any] | None = None
    flags: tuple[str, ...] = ()
    definition_version: int = 1

    def gained(self, before: float, now: float) -> float:
        """By how much ``now`` is more collapsed than ``before``; negative where it is less."""
        # Beyond an ideal a value is as far from collapse as before it: the distance decides.
        if self.ideal is not None:
            return abs(before - self.ideal) - abs(now - self.ideal)
        return now - before if self.toward_collapse == "up" else before - now


def result_to_dict(result: Result) -> dict[str, Any]:
    plain = asdict(result)
    if plain["worst"] is not None:
        plain["worst"] = [
            {"class": worst["index"], "name": worst["name"], "value": worst["value"]}
            for worst in plain["worst"]
        ]
    safe = json_object(plain)
    # Left out where there is none: older reports, which do not have them, keep their digest.
    for optional in ("null_sd", "null_source", "per_class", "details"):
        if safe[optional] is None:
            del safe[optional]
    return safe


def result_from_dict(plain: Mapping[str, Any]) -> Result:
    values = dict(plain)
    for name, kind in (("best_known", Reference), ("distribution", Distribution)):
        if values.get(name) is not None:
            values[name] = of_keys(kind, values[name])
    if values.get("worst") is not None:
        values["worst"] = tuple(
            of_keys(ClassValue, {**worst, "index": worst["class"]}) for worst in values["worst"]
        )
    result: Result = of_keys(Result, values)
    return result
