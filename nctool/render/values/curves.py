"""The curves of a trajectory: what belongs on one drawing, and on which kind of scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nctool.render.values.words import at_collapse
from nctool.report import Result
from nctool.report.trajectory import Trajectory

Values: TypeAlias = Sequence[float | None]

WIDE = 10.0
"""From this ratio of the largest to the smallest value a scale is logarithmic."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The ends of some values, and whether a logarithmic scale shows them better."""

    low: float
    high: float
    least: float | None
    """The smallest value above zero."""
    zeros: bool
    log: bool
    """They span more than a factor of ten; zeros aside, which no logarithmic scale has."""


def extent(values: Sequence[float]) -> Extent:
    low, high = min(values), max(values)
    least = min((value for value in values if value > 0), default=None)
    log = low >= 0 and least is not None and high / least > WIDE
    return Extent(low, high, least, 0 in values, log)


def known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def randoms(results: Iterable[Result]) -> dict[str, float]:
    """What structureless features give, by the metrics that say it; once where all agree."""
    known = {each.id: each.null_value for each in results if each.null_value is not None}
    return dict([*known.items()][:1]) if len(set(known.values())) == 1 else known


@dataclass(frozen=True, slots=True)
class Quantity:
    """Metrics that belong on one drawing: the same of class means and of classifier rows."""

    name: str
    """The id without the set of points."""
    members: tuple[Result, ...]
    """As their last point has them."""
    curves: Mapping[str, tuple[float | None, ...]]
    """Those that have a value at some point, by id."""

    @property
    def randoms(self) -> dict[str, float]:
        return randoms(self.members)

    @property
    def goal(self) -> float | None:
        """The one value that all of them would reach at collapse."""
        goals = {at_collapse(member) for member in self.members}
        return goals.pop() if len(goals) == 1 else None


def quantities(trajectory: Trajectory) -> list[Quantity]:
    """All metrics of a trajectory, in the order of its last point; those of no value left out."""
    members: dict[str, dict[str, Result]] = {}
    for point in reversed(trajectory.points):
        for result in point.report:
            name = result.id.removesuffix(".means").removesuffix(".weights")
            members.setdefault(name, {}).setdefault(result.id, result)
    made = []
    for name, results in members.items():
        curves = {metric_id: trajectory.curve(metric_id) for metric_id in results}
        curves = {metric_id: values for metric_id, values in curves.items() if known(values)}
        if curves:
            made.append(Quantity(name, tuple(results.values()), curves))
    return made
