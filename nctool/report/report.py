"""The answer: a self-describing value that outlives the code that made it.

Only the standard library is used here, so that reading, comparing and gating saved reports never
waits for anything heavier.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.report.plain import is_of, json_object, of_keys, refuse
from nctool.report.result import Result, result_from_dict, result_to_dict
from nctool.report.shown import Shown, absent
from nctool.report.verdict import Dial, Verdict, verdict_of

SCHEMA_VERSION = "1.0"
SCHEMA_ID = "https://nctool.dev/schema/report-1.0.json"


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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report(Shown):
    """The results of one analysis, with what a reader needs to trust them.

    ``report["nc1.pinv"]`` is the ``Result`` of a metric, ``report.get`` the same or None, and
    ``"nc1.pinv" in report`` says whether there is one; iterating gives all of them. The fields
    stand in the order of the published schema.
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
    behind: Mapping[str, Any] | None = field(default=None, compare=False)
    """What ``--arrays`` holds, where this was measured: for pages and figures, and never saved."""

    def __getitem__(self, metric_id: str) -> Result:
        result = self.get(metric_id)
        if result is None:
            raise absent(self.kind, metric_id, (result.id for result in self.metrics))
        return result

    def get(self, metric_id: str) -> Result | None:
        """The result of this id, or None where the report has none."""
        return next((result for result in self.metrics if result.id == metric_id), None)

    def value(self, metric_id: str) -> float | None:
        """The value of this metric, or None where the report has none."""
        result = self.get(metric_id)
        return None if result is None else result.value

    def __contains__(self, metric_id: object) -> bool:
        return any(result.id == metric_id for result in self.metrics)

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
    def dials(self) -> tuple[Dial, ...]:
        """How far each part has come from structureless to perfect; none where nobody asked."""
        verdict = self.verdict
        return () if verdict is None else verdict.dials

    @property
    def digest(self) -> str:
        """A fingerprint of the metrics block alone."""
        return _digest([result_to_dict(result) for result in self.metrics])

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of the published schema."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.compare}
        plain["metrics"] = [result_to_dict(result) for result in self.metrics]
        start: dict[str, Any] = {"$schema": SCHEMA_ID, "kind": self.kind}
        if verdict := self.verdict:  # reports of before there was one stay as they are
            start["verdict"] = verdict
        return json_object({**start, **plain, "digest": self.digest})

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Report:
        """Read a report of any released schema version; unknown keys are left alone."""
        try:
            _check_kind(plain)
            metrics = tuple(result_from_dict(result) for result in plain["metrics"])
            read = {
                "created": plain["created"],
                "outcome": plain["outcome"],
                "schema_version": _own_version(plain["schema_version"]),
                "inputs": tuple(of_keys(Input, source) for source in plain["inputs"]),
                "metrics": metrics,
                "gates": tuple(plain.get("gates", ())),
                "warnings": (
                    *(of_keys(Notice, notice) for notice in plain.get("warnings", ())),
                    *_edited(plain, metrics),
                ),
            }
            report: Report = of_keys(cls, {**plain, **read})
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


def _check_kind(plain: Mapping[str, Any]) -> None:
    """Refuse what is not a single report of nctool, or of a newer schema than this one."""
    if plain["kind"] in ("trajectory", "comparison"):
        # It holds a report in front, but taken for that alone it would lose its points or runs.
        message = f"this JSON is a {plain['kind']}, which is more than one report"
        raise InputError("not-a-report", message, "nctool.load reads documents of every kind")
    if plain["kind"] == "estimate":
        message = "this JSON is an estimate, for which nothing was measured"
        hint = "leave --dry-run out: nctool analyze SOURCE --json report.json"
        raise InputError("not-a-report", message, hint)
    if plain["kind"] != "report":
        raise ValueError(f"kind {plain['kind']!r}")
    if str(plain["schema_version"]).split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise ValueError(f"schema version {plain['schema_version']!r}")
    for name in ("run", "data", "settings", "tool"):
        if not isinstance(plain[name], Mapping):
            raise TypeError(f"{name} is no object")
    for name in ("metrics", "inputs"):
        if not all(isinstance(item, Mapping) for item in plain[name]):
            raise TypeError(f"{name} holds something else than objects")
    sizes = {**(plain["data"].get("class_counts") or {}), **plain["data"]}
    for name in ("n", "d", "k", "min", "max"):
        # Sentences about samples are made of all of them.
        if not is_of(sizes.get(name), int | None if sizes.get("n") is None else int):
            raise TypeError(f"{name} is {type(sizes.get(name)).__name__}")


def _digest(metrics: Sequence[Mapping[str, Any]]) -> str:
    # Sorted keys and fixed separators: the bytes depend on the numbers, not on their order.
    text = json.dumps(metrics, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _edited(plain: Mapping[str, Any], metrics: Sequence[Result]) -> Iterator[Notice]:
    """A notice where the numbers of a file are not those that its digest was made of."""
    # Of the block as it stands there, too: a later version has keys that are not read here.
    blocks = ([result_to_dict(result) for result in metrics], plain["metrics"])
    if "digest" in plain and plain["digest"] not in map(_digest, blocks):
        yield Notice(
            "report-edited",
            "the numbers were changed after nctool had written them: they do not fit the digest",
            "measure again: nctool analyze SOURCE --json report.json",
        )


def _own_version(version: str) -> str:
    """Of a later minor version this one, which is what will be written: its new keys are left."""
    later = int(version.split(".")[1]) > int(SCHEMA_VERSION.split(".")[1])
    return SCHEMA_VERSION if later else version


def schema() -> dict[str, Any]:
    """The JSON Schema that every report satisfies."""
    text = (Path(__file__).parents[1] / "schema" / "report-1.0.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
