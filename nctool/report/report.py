"""The answer: a self-describing value that outlives the code that made it.

Only the standard library is used here, so that reading, comparing and gating saved reports never
waits for anything heavier.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from nctool.core.errors import InputError, UsageError
from nctool.core.metric_names import suggestion
from nctool.core.notice import Notice
from nctool.report.verdict import Verdict, verdict_of

SCHEMA_VERSION = "1.0"
SCHEMA_ID = "https://nctool.dev/schema/report-1.0.json"

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


@dataclass(frozen=True, slots=True)
class Input:
    """Where the array of a role came from, and why it was chosen."""

    role: str
    path: str
    key: str
    format: str
    shape: tuple[int, ...]
    dtype: str
    fingerprint: str | None
    chosen_by: str
    reason: str
    transposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results of one analysis, with what a reader needs to trust them.

    The fields stand in the order of the published schema.
    """

    kind: str = "report"
    schema_version: str = SCHEMA_VERSION
    outcome: str = "none"
    tool: Mapping[str, str]
    created: str
    run: Mapping[str, Any]
    inputs: tuple[Input, ...]
    data: Mapping[str, Any]
    settings: Mapping[str, Any]
    metrics: tuple[Result, ...]
    gates: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Notice, ...] = ()
    arrays: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    timing_s: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, metric_id: str) -> Result:
        result = self.get(metric_id)
        if result is not None:
            return result
        ids = [result.id for result in self.metrics]
        hint = suggestion(metric_id, ids, "it has: " + ", ".join(ids), families=False)
        raise UsageError("unknown-metric", f"this report has no metric {metric_id!r}", hint)

    def get(self, metric_id: str) -> Result | None:
        """The result of this id, or None where the report has none."""
        return next((result for result in self.metrics if result.id == metric_id), None)

    def value(self, metric_id: str) -> float | None:
        """The value of this metric, or None where the report has none."""
        result = self.get(metric_id)
        return None if result is None else result.value

    def __iter__(self) -> Iterator[Result]:
        return iter(self.metrics)

    def flat(self, prefix: str = "", separator: str = ".") -> dict[str, float]:
        """Every number that was computed, by its id behind ``prefix``, for an experiment tracker.

        ``separator`` stands for the dots of the ids: with ``/`` a tracker groups them by family.
        """
        return {
            prefix + result.id.replace(".", separator): result.value
            for result in self.metrics
            if result.value is not None
        }

    @property
    def verdict(self) -> Verdict | None:
        """Has this network collapsed? None where no ``collapse.`` metric was asked for."""
        return verdict_of(self)

    @property
    def digest(self) -> str:
        """A fingerprint of the metrics block alone."""
        # Sorted keys and fixed separators: the bytes depend on the numbers, not on their order.
        block = [result_to_dict(result) for result in self.metrics]
        text = json.dumps(block, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of the published schema."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["metrics"] = [result_to_dict(result) for result in self.metrics]
        answer = {"$schema": SCHEMA_ID, "kind": self.kind, "verdict": self.verdict}
        return _json_object({**answer, **plain, "digest": self.digest})

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Report:
        """Read a report of any released schema version; unknown keys are left alone."""
        try:
            _check_kind(plain)
            read = {
                "created": plain["created"],
                "outcome": plain["outcome"],
                "inputs": tuple(_known(Input, source) for source in plain["inputs"]),
                "metrics": tuple(_result_from_dict(result) for result in plain["metrics"]),
                "gates": tuple(plain.get("gates", ())),
                "warnings": tuple(_known(Notice, notice) for notice in plain.get("warnings", ())),
            }
            report: Report = _known(cls, {**plain, **read})
            return report
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            message = f"this JSON is not an nctool report ({type(problem).__name__}: {problem})"
            hint = "write one with: nctool analyze SOURCE --json report.json"
            raise InputError("not-a-report", message, hint) from problem

    @classmethod
    def from_json(cls, text: str) -> Report:
        try:
            plain = json.loads(text, parse_constant=refuse)
        except (ValueError, RecursionError) as problem:
            hint = "write a report with: nctool analyze SOURCE --json report.json"
            raise InputError("not-json", f"not valid JSON: {problem}", hint) from problem
        return cls.from_dict(plain)


KINDS = ("report", "trajectory", "comparison")


def _check_kind(plain: Mapping[str, Any]) -> None:
    """Refuse what is not a document of nctool, or of a newer schema than this one."""
    if plain["kind"] not in KINDS:
        raise ValueError(f"kind {plain['kind']!r}")
    if str(plain["schema_version"]).split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise ValueError(f"schema version {plain['schema_version']!r}")
    for name in ("run", "data", "settings", "tool"):
        if not isinstance(plain[name], Mapping):
            raise TypeError(f"{name} is no object")
    for name in ("metrics", "inputs"):
        if not all(isinstance(item, Mapping) for item in plain[name]):
            raise TypeError(f"{name} holds something else than objects")


def refuse(token: str) -> None:
    """For ``parse_constant``: JSON has no NaN and no infinity."""
    raise ValueError(f"{token} is no JSON number")


def schema() -> dict[str, Any]:
    """The JSON Schema that every report satisfies."""
    text = (Path(__file__).parents[1] / "schema" / "report-1.0.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def result_to_dict(result: Result) -> dict[str, Any]:
    plain = asdict(result)
    if plain["worst"] is not None:
        plain["worst"] = [
            {"class": worst["index"], "name": worst["name"], "value": worst["value"]}
            for worst in plain["worst"]
        ]
    safe = _json_object(plain)
    # Left out where there is none: older reports, which do not have them, keep their digest.
    for optional in ("null_sd", "null_source", "per_class", "details"):
        if safe[optional] is None:
            del safe[optional]
    return safe


def _result_from_dict(plain: Mapping[str, Any]) -> Result:
    values = dict(plain)
    for name, kind in (("best_known", Reference), ("distribution", Distribution)):
        if values.get(name) is not None:
            values[name] = _known(kind, values[name])
    if values.get("worst") is not None:
        values["worst"] = tuple(
            ClassValue(worst["class"], worst["name"], worst["value"]) for worst in values["worst"]
        )
    result: Result = _known(Result, values)
    return result


def _known(kind: type[Any], plain: Mapping[str, Any]) -> Any:
    """A dataclass from the keys that it has; lists become tuples, other keys are left alone."""
    names = {field.name for field in fields(kind)}
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in plain.items()
            if name in names
        }
    )


def _json_object(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): json_safe(value) for key, value in plain.items()}


def json_safe(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null, and a status says why."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (Input, Notice, Verdict)):
        value = asdict(value)
    if isinstance(value, Mapping):
        return _json_object(value)
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    return value
