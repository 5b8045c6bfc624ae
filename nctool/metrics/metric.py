"""What a metric is: a frozen value around a pure function of facts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nctool.engine.fact import Undefined
from nctool.facts import arrays_of, graph, needs
from nctool.report import Direction, Distribution, Reference

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.engine.graph import Need
    from nctool.geometry.nulls import Null

__all__ = ["Measured", "Metric", "Undefined", "metric", "on_points"]


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
    """Of structureless features or rows: what the number is by chance."""
    null_sd: float | None = None
    """By how much one draw of them differs from that; None where it is not known."""
    null_source: str | None = None
    """How both are known: exact, by a formula, simulated."""
    noise_floor: float | None = None
    bounds: tuple[float, float] | None = None
    """Between these the value lies, certainly."""
    ci: tuple[float, float] | None = None
    """Between these it lies with 95 percent confidence, where it was sampled."""
    details: Mapping[str, Any] | None = None
    """What else a reader may ask: plain JSON values under stable names."""
    flags: tuple[str, ...] = ()

    @property
    def null(self) -> Null | None:
        from nctool.geometry.nulls import Null

        if self.null_value is None or self.null_source is None:
            return None
        return Null(self.null_value, self.null_sd, self.null_source)

    def beside(self, null: Null | None) -> Measured:
        """The same with what structureless points give, where that is known."""
        if null is None:
            return self
        return replace(self, null_value=null.value, null_sd=null.sd, null_source=null.source)


Measure = Callable[..., Measured]


@dataclass(frozen=True, slots=True)
class Metric:
    """One definition under a permanent id.

    The parameters of ``measure`` name the facts it needs; nothing else says so.
    """

    id: str
    title: str
    definition: str
    ideal: float | None
    toward_collapse: Direction
    measure: Measure = field(repr=False)
    doc: str = field(repr=False)
    invariances: frozenset[str] = frozenset()
    worst_is: Direction = "up"
    """Which end of the per-class values is the least collapsed."""
    version: int = 1
    of: str | None = None
    """Which points it is about, where facts have a variant for each: ``means`` or ``weights``."""

    @property
    def family(self) -> str:
        return self.id.split(".")[0]

    @property
    def facts(self) -> tuple[Need, ...]:
        """What fills its parameters."""
        return needs(self.measure, self.of)

    @property
    def needs(self) -> tuple[str, ...]:
        """The arrays it takes, as a user names them."""
        return arrays_of(self.facts)

    @property
    def passes(self) -> int:
        """How often it has the samples read."""
        return graph().passes(self.facts)


INVARIANCES = ("rotate", "shift", "scale", "relabel")
"""Rotate features and head together; shift features, the bias following; scale features; rename
classes."""


def metric(
    metric_id: str,
    *,
    title: str,
    definition: str,
    ideal: float | None = 0.0,
    toward: Direction = "down",
    invariant: str = "rotate shift scale relabel",
    version: int = 1,
    of: str | None = None,
    worst: Direction | None = None,
    doc: str | None = None,
) -> Callable[[Measure], Metric]:
    """Make a Metric of a documented function; its docstring is the published explanation."""
    unknown = set(invariant.split()) - set(INVARIANCES)
    assert not unknown, unknown

    def build(function: Measure) -> Metric:
        explanation = doc or inspect.getdoc(function)
        assert explanation, metric_id
        furthest = worst or ("up" if toward == "down" else "down")
        return Metric(
            metric_id, title, definition, ideal, toward, function, explanation,
            frozenset(invariant.split()), furthest, version, of,
        )  # fmt: skip

    return build


WORDS = {
    "means": ("class means", "class means, centred"),
    "weights": ("classifier rows", "classifier rows, not centred"),
}


def on_points(
    metric_id: str,
    *,
    title: str,
    definition: str,
    ideal: float | None = 0.0,
    toward: Direction = "down",
    weights_toward: Direction | None = None,
    weights_invariant: str = "rotate scale relabel",
    version: int = 1,
) -> Callable[[Measure], tuple[Metric, Metric]]:
    """The same geometry on class means (centred) and on classifier rows, as two Metrics.

    ``weights_toward``: which way collapse lies for rows, where that is the other way.
    """

    def build(function: Measure) -> tuple[Metric, Metric]:
        def variant(of: str, toward: Direction, worst: Direction, invariant: str) -> Metric:
            short, long = WORDS[of]
            return metric(
                f"{metric_id}.{of}",
                title=f"{title} ({short})",
                definition=definition,
                ideal=ideal,
                toward=toward,
                invariant=invariant,
                version=version,
                of=of,
                worst=worst,
                doc=inspect.cleandoc(function.__doc__ or "").replace("{points}", long),
            )(function)

        worst: Direction = "up" if toward == "down" else "down"
        opposed = weights_toward is not None and weights_toward != toward
        return (
            variant("means", toward, worst, "rotate shift scale relabel"),
            variant(
                "weights",
                weights_toward or toward,
                toward if opposed else worst,
                weights_invariant,
            ),
        )

    return build
