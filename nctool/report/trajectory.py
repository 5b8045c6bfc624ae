"""One run at several moments, or one network at several depths: a report each, and their curves.

Standard library only, as for the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal

from nctool.core.errors import InputError
from nctool.core.text import one_line
from nctool.report import Report, Result
from nctool.report.shown import Shown, absent
from nctool.report.verdict import Dial, Verdict, held_since

Axis = Literal["epoch", "step", "layer", "checkpoint"]
"""What the positions count; ``checkpoint`` where nothing better is known than the order."""
NAMED = ("layer", "checkpoint")
"""Axes whose points go by their names."""


@dataclass(frozen=True, slots=True)
class Point:
    """One checkpoint or layer: its name, its position on the axis, and its report."""

    label: str
    position: float
    report: Report


@dataclass(frozen=True, slots=True, repr=False)
class Trajectory(Shown):
    """Reports in the order of their axis.

    ``run["nc1.pinv"]`` is the course of a metric over the points, as an array for plots and sums;
    ``run.positions``, ``run.steps`` and ``run.epochs`` are what to draw it over, ``run.points``
    the points with their reports and ``run.last["nc1.pinv"]`` the last result. The numbers of the
    whole are those of the last point, and iterating gives its results.
    """

    axis: Axis
    points: tuple[Point, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What only all points together show: when the error reached zero, the rate of separation."""
    gates: tuple[Mapping[str, Any], ...] = ()
    outcome: str = "none"
    kind: str = "trajectory"

    @property
    def first(self) -> Report:
        return self.points[0].report

    @property
    def last(self) -> Report:
        return self.points[-1].report

    @property
    def positions(self) -> tuple[float, ...]:
        return tuple(point.position for point in self.points)

    def label_of(self, position: object) -> str:
        """``epoch 30``, or the name of a layer."""
        for point in self.points:
            if self.axis in NAMED and point.position == position:
                return one_line(point.label)
        shown = int(position) if isinstance(position, float) and position % 1 == 0 else position
        return f"{self.axis} {shown}"

    @property
    def verdicts(self) -> tuple[Verdict | None, ...]:
        """Of every point."""
        return tuple(point.report.verdict for point in self.points)

    @property
    def verdict(self) -> Verdict | None:
        """The last point's, with the position since when its word holds."""
        verdicts = self.verdicts
        last = verdicts[-1]
        return last and replace(last, since=held_since(self.positions, verdicts))

    @property
    def steps(self) -> tuple[int | None, ...]:
        """The step of every point, where it is known."""
        return tuple(point.report.run.get("step") for point in self.points)

    @property
    def epochs(self) -> tuple[int | None, ...]:
        """The epoch of every point, where it is known."""
        return tuple(point.report.run.get("epoch") for point in self.points)

    @property
    def dials(self) -> tuple[Dial, ...]:
        """Those of the last point."""
        return self.last.dials

    def __getitem__(self, metric_id: str) -> Any:
        """A numpy array of float64: the metric's value at every point, NaN where it has none."""
        course = self.get(metric_id)
        if course is None:
            raise absent(self.kind, metric_id, (result.id for result in self.last))
        return course

    def get(self, metric_id: str) -> Any:
        """The same, or None where no point has the metric."""
        if metric_id not in self:
            return None
        # Looked up when asked for: saved results are read and judged without numpy.
        return import_module("numpy").array(self.curve(metric_id), float)

    def __contains__(self, metric_id: object) -> bool:
        return any(metric_id in point.report for point in self.points)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.last)

    def curve(self, metric_id: str) -> tuple[float | None, ...]:
        """A metric's value at every point; None where it has none."""
        return tuple(point.report.value(metric_id) for point in self.points)

    def with_last(self, report: Report) -> Trajectory:
        """The same, with another report at the last point."""
        *rest, last = self.points
        return replace(self, points=(*rest, replace(last, report=report)))

    def flat(self, prefix: str = "", separator: str = ".") -> dict[str, float]:
        """Every number of the last point, ready for an experiment tracker."""
        return self.last.flat(prefix, separator)

    def to_dict(self) -> dict[str, Any]:
        """The last point's report, with a curve for every metric and every point behind it."""
        plain = self.last.to_dict()
        for metric in plain["metrics"]:
            metric["curve"] = list(self.curve(metric["id"]))
        if verdict := self.verdict:
            plain["verdict"]["since"] = verdict.since
        return plain | {
            "kind": self.kind,
            "outcome": self.outcome,
            "gates": [dict(gate) for gate in self.gates],
            "axis": self.axis,
            "facts": dict(self.facts),
            "points": [
                {"label": point.label, "position": point.position, "report": point.report.to_dict()}
                for point in self.points
            ],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Trajectory:
        try:
            points = tuple(
                Point(str(point["label"]), point["position"], Report.from_dict(point["report"]))
                for point in plain["points"]
            )
            if not points:
                raise ValueError("it has no points")
            return cls(
                plain["axis"], points, plain.get("facts", {}), tuple(plain.get("gates", ())),
                plain["outcome"],
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            raise InputError(
                "not-a-trajectory",
                f"this JSON is not a trajectory of nctool ({type(problem).__name__}: {problem})",
                "write one with: nctool analyze RUN_FOLDER --json run.json",
            ) from problem


def joined(
    reports: Sequence[Report], labels: Sequence[str], *, axis: Axis | None = None
) -> Trajectory:
    """A trajectory of these reports, sorted along ``axis`` or along the best axis they share."""
    axis, positions = (axis, _order(reports)) if axis else _axis(reports)
    points = [
        Point(label, position, report)
        for label, position, report in zip(labels, positions, reports, strict=True)
    ]
    return Trajectory(axis, tuple(sorted(points, key=lambda point: point.position)))


def _axis(reports: Sequence[Report]) -> tuple[Axis, list[float]]:
    """Epochs if every point has its own, else steps, else their order."""
    names: tuple[Axis, ...] = ("epoch", "step")
    for name in names:
        positions = [report.run.get(name) for report in reports]
        # Two points at one position would hide each other: then the axis says too little.
        if None not in positions and len(set(positions)) == len(positions):
            return name, [position for position in positions if position is not None]
    return "checkpoint", _order(reports)


def _order(reports: Sequence[Report]) -> list[float]:
    return [*range(1, len(reports) + 1)]
