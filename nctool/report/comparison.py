"""Several runs side by side: can they be compared at all, and which is more collapsed.

Collapse has a direction and no quality: a run is more or less collapsed than the baseline, within
tolerance of it, or not comparable with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from statistics import stdev
from typing import Any, Literal

from nctool.core.errors import InputError, UsageError
from nctool.report import Report, Result, result_to_dict
from nctool.report.runs import Difference, Run, differences, without_value
from nctool.report.tolerance import DEFAULT_TOLERANCE, Tolerance, tolerance_of

Word = Literal["baseline", "more collapsed", "less collapsed", "within tolerance", "not comparable"]


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one run, against the baseline's."""

    value: float | None
    delta: float | None
    ratio: float | None
    word: Word
    ci: tuple[float, float] | None = None
    overlap: bool | None = None
    """Do the intervals of both overlap? None without intervals."""
    spread: float | None = None
    """Sample standard deviation over the members of a group."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric over all runs."""

    metric: Result
    """As the baseline has it, or the first run that has it at all."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The runs, what sets them apart, and every metric's change."""

    runs: tuple[Run, ...]
    baseline: int
    differences: tuple[Difference, ...]
    rows: tuple[Row, ...]
    gates: tuple[Mapping[str, Any], ...] = ()
    outcome: str = "none"
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    kind: str = "comparison"

    @property
    def comparable(self) -> bool:
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """The baseline's report in front, then what belongs to all runs."""
        plain = self.runs[self.baseline].report.to_dict()
        known = {one["id"]: one for one in plain["metrics"]}
        metrics = []
        for row in self.rows:
            one = known.get(row.metric.id) or result_to_dict(_absent(row.metric))
            metrics.append(one | {"changes": [asdict(change) for change in row.changes]})
        return plain | {
            "kind": self.kind,
            "outcome": self.outcome,
            "metrics": metrics,
            "gates": [dict(gate) for gate in self.gates],
            "baseline": self.baseline,
            "differences": [
                {"what": one.what, "values": list(one.values)} for one in self.differences
            ],
            "tolerances": {name: str(one) for name, one in self.tolerances.items()},
            "runs": [
                {
                    "name": run.name,
                    "report": run.report.to_dict(),
                    "members": [one.to_dict() for one in run.members],
                }
                for run in self.runs
            ],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Comparison:
        try:
            runs = [
                Run(
                    str(one["name"]),
                    Report.from_dict(one["report"]),
                    tuple(Report.from_dict(each) for each in one.get("members", ())),
                )
                for one in plain["runs"]
            ]
            tolerances = dict(
                tolerance_of(f"{name}={text}") for name, text in plain.get("tolerances", {}).items()
            )
            found = compare(
                runs, baseline=plain["baseline"], tolerances=tolerances, allow_mismatch=True
            )
            rows = {row.metric.id: row for row in found.rows}
            shown = tuple(rows[one["id"]] for one in plain["metrics"])
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as problem:
            raise InputError(
                "not-a-comparison",
                f"this JSON is not a comparison of nctool ({type(problem).__name__}: {problem})",
                "write one with: nctool compare RUN RUN --json comparison.json",
            ) from problem
        return cls(
            found.runs, found.baseline, found.differences, shown,
            tuple(plain.get("gates", ())), str(plain.get("outcome", "none")), tolerances,
        )  # fmt: skip


def compare(
    runs: Sequence[Run],
    *,
    baseline: int = 0,
    tolerances: Mapping[str, Tolerance] | None = None,
    allow_mismatch: bool = False,
) -> Comparison:
    """Every metric of every run against the baseline's; runs that differ in kind are refused."""
    if len(runs) < 2:
        raise UsageError(
            "one-run", "there is one run, and a comparison needs two", "nctool compare RUN RUN"
        )
    tolerances = dict(tolerances or {})
    found = tuple(differences(runs))
    if found and not allow_mismatch:
        told = "; ".join(f"{one.what}: {' against '.join(one.values)}" for one in found)
        raise InputError(
            "not-comparable",
            f"these runs differ in more than their collapse: {told}",
            "compare runs of one kind, or add --allow-mismatch",
        )
    return Comparison(
        tuple(runs), baseline, found, tuple(_rows(runs, baseline, tolerances)),
        tolerances=tolerances,
    )  # fmt: skip


def arranged(found: Comparison, *, only_changed: bool = False, by: str | None = None) -> Comparison:
    """The same rows, those that did not change left out, the largest change first."""
    rows = list(found.rows)
    if only_changed:
        rows = [row for row in rows if _changed(row, found.baseline)]
    if by == "id":
        rows.sort(key=lambda row: row.metric.id)
    elif by == "change":
        rows.sort(key=lambda row: -max(map(_size, row.changes)))
    return replace(found, rows=tuple(rows))


def _changed(row: Row, baseline: int) -> bool:
    """More than the tolerance, or a value on one side only."""
    before = row.changes[baseline].value
    return any(
        one.word in ("more collapsed", "less collapsed") or (one.value is None) != (before is None)
        for one in row.changes
    )


def _size(change: Change) -> float:
    """How much a number changed: by which factor, or for lack of one, by how much."""
    if change.ratio is not None and change.ratio > 0:
        return abs(math.log(change.ratio))
    return 0.0 if change.delta is None else abs(change.delta)


def _rows(runs: Sequence[Run], baseline: int, tolerances: Mapping[str, Tolerance]) -> list[Row]:
    results = [{one.id: one for one in run.report} for run in runs]
    order = dict.fromkeys(name for one in (results[baseline], *results) for name in one)
    rows = []
    for name in order:
        here = [one.get(name) for one in results]
        base = here[baseline]
        shown = base or next(one for one in here if one is not None)
        tolerance = next(
            (one for pattern, one in tolerances.items() if fnmatchcase(name, pattern)),
            DEFAULT_TOLERANCE,
        )
        changes = tuple(
            _change(one, base, run, tolerance, place == baseline)
            for place, (one, run) in enumerate(zip(here, runs, strict=True))
        )
        rows.append(Row(shown, changes))
    return rows


def _change(
    one: Result | None, base: Result | None, run: Run, tolerance: Tolerance, is_baseline: bool
) -> Change:
    value = None if one is None else one.value
    before = None if base is None else base.value
    ci = None if one is None else one.ci
    spread = _spread(run, one)
    if is_baseline:
        return Change(value, None, None, "baseline", ci, None, spread)
    if one is None or base is None or value is None or before is None:
        return Change(value, None, None, "not comparable", ci, None, spread)
    if one.definition_version != base.definition_version:
        return Change(value, None, None, "not comparable", ci, None, spread)
    delta = value - before
    ratio = value / before if before and math.isfinite(value / before) else None
    overlap = None
    if one.ci is not None and base.ci is not None:
        overlap = one.ci[0] <= base.ci[1] and base.ci[0] <= one.ci[1]
    return Change(value, delta, ratio, _word(one, value, before, tolerance), ci, overlap, spread)


def _word(one: Result, value: float, before: float, tolerance: Tolerance) -> Word:
    if not tolerance.exceeded(before, value):
        return "within tolerance"
    if one.ideal is not None:
        more = abs(value - one.ideal) < abs(before - one.ideal)
    else:
        more = (value > before) == (one.toward_collapse == "up")
    return "more collapsed" if more else "less collapsed"


def _spread(run: Run, one: Result | None) -> float | None:
    if one is None:
        return None
    values = [each.value for member in run.members for each in member if each.id == one.id]
    known = [value for value in values if value is not None]
    return stdev(known) if len(known) > 1 else None


def _absent(metric: Result) -> Result:
    """A metric that the baseline does not have."""
    return replace(without_value(metric), status="skipped", reason="not in the baseline")
