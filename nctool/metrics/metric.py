"""What a metric is: a frozen value around a pure function of Evidence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nctool.engine.evidence import Evidence, Need, inputs_of
from nctool.report import Direction, Distribution, Reference

if TYPE_CHECKING:
    from torch import Tensor


class Undefined(Exception):
    """The quantity does not exist for these inputs; the message says why."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number and what belongs beside it."""

    value: float
    per_class: Tensor | None = None
    apart: Tensor | None = None
    """How far each class is from perfect, where ``per_class`` does not say it itself."""
    classes: tuple[int, ...] | None = None
    """Stored class index of each entry of ``per_class``; the present classes by default."""
    distribution: Distribution | None = None
    floor: float | None = None
    best_known: Reference | None = None
    null_value: float | None = None
    noise_floor: float | None = None
    bounds: tuple[float, float] | None = None
    """Between these the value lies, certainly."""
    ci: tuple[float, float] | None = None
    """Between these it lies with 95 percent confidence, where it was sampled."""
    details: Mapping[str, Any] | None = None
    """What else a reader may ask: plain JSON values under stable names."""
    flags: tuple[str, ...] = ()


NOTHING = Need(0)
Measure = Callable[[Evidence], Measured]


@dataclass(frozen=True, slots=True)
class Metric:
    """One definition under a permanent id."""

    id: str
    title: str
    definition: str
    ideal: float | None
    toward_collapse: Direction
    need: Need
    measure: Measure = field(repr=False)
    doc: str = field(repr=False)
    invariances: frozenset[str] = frozenset()
    worst_is: Direction = "up"
    """Which end of the per-class values is the least collapsed."""
    version: int = 1

    @property
    def family(self) -> str:
        return self.id.split(".")[0]

    @property
    def needs(self) -> tuple[str, ...]:
        return inputs_of(self.need)


INVARIANCES = ("rotate", "shift", "scale", "relabel")
"""Rotate features and head together; shift features, the bias following; scale features; rename
classes."""


def metric(
    metric_id: str,
    *,
    title: str,
    definition: str,
    need: Need,
    ideal: float | None = 0.0,
    toward: Direction = "down",
    invariant: str = "rotate shift scale relabel",
    version: int = 1,
) -> Callable[[Measure], Metric]:
    """Make a Metric of a documented function; its docstring is the published explanation."""
    unknown = set(invariant.split()) - set(INVARIANCES)
    assert not unknown, unknown

    def build(function: Measure) -> Metric:
        doc = inspect.getdoc(function)
        assert doc, metric_id
        return Metric(
            metric_id, title, definition, ideal, toward, need, function, doc,
            frozenset(invariant.split()), "up" if toward == "down" else "down", version,
        )  # fmt: skip

    return build


def on_points(
    metric_id: str,
    *,
    title: str,
    definition: str,
    function: Callable[[Evidence, str], Measured],
    ideal: float | None = 0.0,
    toward: Direction = "down",
    also: Need = NOTHING,
    weights_invariant: str = "rotate scale relabel",
    version: int = 1,
) -> tuple[Metric, Metric]:
    """The same geometry on class means (centred) and on classifier rows, as two Metrics.

    ``also`` is what both need beside the points themselves.
    """

    def one(kind: str, words: str, need: Need, invariant: str) -> Metric:
        def measure(evidence: Evidence) -> Measured:
            return function(evidence, kind)

        measure.__doc__ = inspect.cleandoc(function.__doc__ or "").replace("{points}", words)
        return metric(
            f"{metric_id}.{kind}",
            title=f"{title} ({'class means' if kind == 'means' else 'classifier rows'})",
            definition=definition,
            need=need | also,
            ideal=ideal,
            toward=toward,
            invariant=invariant,
            version=version,
        )(measure)

    return (
        one(
            "means",
            "class means, centred",
            Need.SAMPLES | Need.MEAN_PAIRS,
            "rotate shift scale relabel",
        ),
        one(
            "weights",
            "classifier rows, not centred",
            Need.HEAD | Need.WEIGHT_PAIRS,
            weights_invariant,
        ),
    )
