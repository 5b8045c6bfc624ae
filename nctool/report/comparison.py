"""Several runs side by side: can they be compared at all, and which is more collapsed.

Collapse has a direction and no quality: a run is more or less collapsed than the baseline, within
tolerance of it, or not comparable with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import stdev
from typing import Any

from nctool.core.errors import InputError, UsageError
from nctool.report import Report, Result, result_to_dict
from nctool.report.changes import Change, change
from nctool.report.moves import sentence_of
from nctool.report.plain import json_safe
from nctool.report.runs import Difference, Run, differences, without_value
from nctool.report.shown import Shown, absent
from nctool.report.tolerance import Tolerance, tolerance_for, tolerance_of


@dataclass(frozen=True, slots=True)
class Row:
    """One metric over all runs."""

    metric: Result
    """As the baseline has it, or the first run that has it at all."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Shown):
    """The runs, what sets them apart, and every metric's change.

    ``comparison["nc1.pinv"]`` is the ``Row`` of a metric, with a ``Change`` for every run;
    iterating gives all rows.
    """

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

    def __getitem__(self, metric_id: str) -> Row:
        row = self.get(metric_id)
        if row is None:
            raise absent(self.kind, metric_id, (row.metric.id for row in self.rows))
        return row

    def get(self, metric_id: str) -> Row | None:
        """The row of this metric, or None where there is none."""
        return next((row for row in self.rows if row.metric.id == metric_id), None)

    def __contains__(self, metric_id: object) -> bool:
        return any(row.metric.id == metric_id for row in self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def flat(self, prefix: str = "", separator: str = ".") -> dict[str, float]:
        """Every number of every run, by the run's name and the metric's id."""
        return {
            name: value
            for run in self.runs
            for name, value in run.report.flat(prefix + run.name + separator, separator).items()
        }

    @property
    def sentences(self) -> tuple[str | None, ...]:
        """How each run stands to the baseline, in words; None for the baseline itself."""
        return tuple(
            None if index == self.baseline else sentence_of(self, index)
            for index in range(len(self.runs))
        )

    def to_dict(self) -> dict[str, Any]:
        """The baseline's report in front, then what belongs to all runs."""
        plain = self.runs[self.baseline].report.to_dict()
        of_baseline = {metric["id"]: metric for metric in plain["metrics"]}
        metrics = []
        for row in self.rows:
            metric = of_baseline.get(row.metric.id) or result_to_dict(_absent(row.metric))
            metrics.append(metric | {"changes": [json_safe(each) for each in row.changes]})
        return plain | {
            "kind": self.kind,
            "outcome": self.outcome,
            "metrics": metrics,
            "gates": [dict(gate) for gate in self.gates],
            "baseline": self.baseline,
            "differences": [
                {"what": difference.what, "values": list(difference.values)}
                for difference in self.differences
            ],
            "tolerances": {name: str(limit) for name, limit in self.tolerances.items()},
            "runs": [
                {
                    "name": run.name,
                    "sentence": sentence,
                    "report": run.report.to_dict(),
                    "members": [member.to_dict() for member in run.members],
                }
                for run, sentence in zip(self.runs, self.sentences, strict=True)
            ],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Comparison:
        try:
            runs = [
                Run(
                    str(run["name"]),
                    Report.from_dict(run["report"]),
                    tuple(Report.from_dict(member) for member in run.get("members", ())),
                )
                for run in plain["runs"]
            ]
            tolerances = dict(
                tolerance_of(f"{name}={text}") for name, text in plain.get("tolerances", {}).items()
            )
            # Changes are worked out anew from the reports: nothing in the file can contradict them.
            whole = compare(
                runs, baseline=plain["baseline"], tolerances=tolerances, allow_mismatch=True
            )
            rows = {row.metric.id: row for row in whole.rows}
            kept = tuple(rows[metric["id"]] for metric in plain["metrics"])
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as problem:
            raise InputError(
                "not-a-comparison",
                f"this JSON is not a comparison of nctool ({type(problem).__name__}: {problem})",
                "write one with: nctool compare RUN RUN --json comparison.json",
            ) from problem
        return cls(
            whole.runs, whole.baseline, whole.differences, kept,
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
    mismatches = tuple(differences(runs))
    if mismatches and not allow_mismatch:
        listed = "; ".join(f"{each.what}: {' against '.join(each.values)}" for each in mismatches)
        message = f"these runs differ in more than their collapse: {listed}"
        hint = "compare runs of one kind, or add --allow-mismatch"
        raise InputError("not-comparable", message, hint)
    return Comparison(
        tuple(runs), baseline, mismatches, tuple(_rows(runs, baseline, tolerances)),
        tolerances=tolerances,
    )  # fmt: skip


def arranged(
    comparison: Comparison, *, only_changed: bool = False, by: str | None = None
) -> Comparison:
    """The same comparison with its rows filtered (``only_changed``) and sorted.

    ``by`` is "id", or "change" for the largest change of any run first.
    """
    rows = list(comparison.rows)
    if only_changed:
        rows = [row for row in rows if _changed(row)]
    if by == "id":
        rows.sort(key=lambda row: row.metric.id)
    elif by == "change":
        rows.sort(key=lambda row: -max(map(_size, row.changes)))
    return replace(comparison, rows=tuple(rows))


def _changed(row: Row) -> bool:
    """True where a run moved by more than the tolerance, or only some runs have a value."""
    moved = any(change.word in ("more collapsed", "less collapsed") for change in row.changes)
    return moved or len({change.value is None for change in row.changes}) > 1


def _size(change: Change) -> float:
    """The size of a change, to sort by: |log ratio|, or without a ratio the absolute difference."""
    # A factor of two up and a factor of two down are changes of one size.
    if change.ratio is not None and change.ratio > 0:
        return abs(math.log(change.ratio))
    return 0.0 if change.delta is None else abs(change.delta)


def _rows(runs: Sequence[Run], baseline: int, tolerances: Mapping[str, Tolerance]) -> list[Row]:
    """One row per metric: those of the baseline in its order, then what only other runs have."""
    by_id = [{result.id: result for result in run.report} for run in runs]
    order = dict.fromkeys(name for results in (by_id[baseline], *by_id) for name in results)
    rows = []
    for name in order:
        of_runs = [results.get(name) for results in by_id]
        base = of_runs[baseline]
        metric = base or next(result for result in of_runs if result is not None)
        tolerance = tolerance_for(name, tolerances)
        spreads = [_spread(run, name) for run in runs]
        changes = tuple(
            change(result, base, tolerance, (spreads[index], spreads[baseline]), index == baseline)
            for index, result in enumerate(of_runs)
        )
        rows.append(Row(metric, changes))
    return rows


def _spread(run: Run, metric_id: str) -> float | None:
    """Sample standard deviation (n - 1) over the members of a group; None for a single run."""
    values = run.values(metric_id)
    return stdev(values) if len(values) > 1 else None


def _absent(metric: Result) -> Result:
    """A metric that the baseline does not have."""
    return replace(without_value(metric), status="skipped", reason="not in the baseline")
