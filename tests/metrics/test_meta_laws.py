"""Each law is broken by a metric that is wrong in just that way, and kept by one that is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count

import pytest
import torch
from torch import Tensor

from nctool.engine import device
from nctool.facts.samples import Sizes
from nctool.geometry.duality import Duality
from nctool.geometry.points import Points
from nctool.metrics import registry
from nctool.metrics.metric import INVARIANCES, Measure, Measured, Metric, Undefined, metric
from nctool.statistics.sums import ClassSums
from tests.support import law_bench, laws
from tests.support.oracle import FORMULAS

Law = Callable[[Metric], None]


@metric("nc9.right", title="Right", definition="Tr S_W / Tr S_B")
def right(between: float, within_trace: float, variances: Tensor) -> Measured:
    """A metric without fault.
    Formula: Tr S_W / Tr S_B.
    Convention: none to speak of.
    Undefined when: there is one class, or all class means coincide.
    Reference: none.
    """
    return Measured(within_trace / between, variances / between)


def wrong(measure: Measure, **changes: object) -> Metric:
    """The right metric, but for its function and the fields named."""
    return replace(right, measure=measure, **changes)  # type: ignore[arg-type]


def remembers(sizes: Sizes) -> Measured:
    return Measured(next(CALLS))


def counts_blocks(sizes: Sizes) -> Measured:
    return Measured(device.FEWEST_ROWS)


def one_coordinate(points: Points) -> Measured:
    return Measured(float(points.vectors[0, 0]))


def uncentred(ood_cosines: Tensor) -> Measured:
    return Measured(float(ood_cosines.sum()))


def squared_length(within_trace: float) -> Measured:
    return Measured(within_trace)


def first_variance(variances: Tensor) -> Measured:
    return Measured(float(variances[0]))


def another_null(between: float, within_trace: float) -> Measured:
    return Measured(within_trace / between, null_value=20.0)


def if_somebody_asks(
    between: float, within_trace: float, duality: Duality | None = None
) -> Measured:
    """Says something else in company than alone: it takes what it does not ask for."""
    return Measured(within_trace / between + (0.0 if duality is None else 1.0))


def of_nothing() -> Measured:
    return Measured(1.0)


def not_a_number(sizes: Sizes) -> Measured:
    return Measured(float("nan"))


def infinite(sizes: Sizes) -> Measured:
    return Measured(float("inf"))


def unguarded(between_trace: float, variances: Tensor) -> Measured:
    return Measured(float(variances.mean() / torch.tensor(between_trace)))


def with_classes(values: Callable[[Tensor], Tensor]) -> Metric:
    def measure(between: float, within_trace: float, variances: Tensor) -> Measured:
        return Measured(within_trace / between, values(variances))

    return wrong(measure)


def without(act: str) -> frozenset[str]:
    return frozenset(INVARIANCES) - {act}


def section_lost(name: str) -> str:
    return "\n".join(one for one in right.doc.splitlines() if not one.startswith(name))


def lopsided(
    unequal_counts: Tensor, between: float, within_trace: float, variances: Tensor
) -> Measured:
    """Has no value, by rule, where classes are of nearly equal size."""
    return Measured(within_trace / between, variances / between)


def lopsided_length(unequal_counts: Tensor, within_trace: float) -> Measured:
    return Measured(within_trace)


def of_many(class_counts: Tensor, between: float, within_trace: float) -> Measured:
    """Has no value where a class has few samples, as in a long tail."""
    if float(class_counts.min()) < 3:
        raise Undefined("a class has few samples")
    return Measured(within_trace / between)


uneven = wrong(lopsided, id="imbalance.norm_ratio.means")  # one that declares so

CALLS = count()

LAWS: dict[str, Law] = {
    "order": laws.any_order,
    "blocks": laws.any_block,
    "shards": laws.any_shards,
    "ideal": laws.ideal,
    "null": laws.null_value,
    "suffice": laws.needs_suffice,
    "needed": laws.needs_are_needed,
    "classes": laws.one_value_per_class,
    "number": laws.number_or_reason,
    "documented": laws.documented,
    "named": laws.named,
    **{f"invariant {act}": partial(laws.invariant, act=act) for act in INVARIANCES},
    **{f"variant {act}": partial(laws.variant, act=act) for act in INVARIANCES},
}

BREAKERS: list[tuple[str, str, Metric]] = [
    ("order", "remembers what came before", wrong(remembers)),
    ("blocks", "counts blocks, not samples", wrong(counts_blocks)),
    ("shards", "counts blocks, not samples", wrong(counts_blocks)),
    ("invariant rotate", "one coordinate", wrong(one_coordinate, of="means")),
    ("invariant shift", "uncentred", wrong(uncentred)),
    ("invariant scale", "a squared length", wrong(squared_length)),
    ("invariant relabel", "the first class", wrong(first_variance)),
    ("invariant relabel", "classes in another order", with_classes(lambda v: v.sort()[0])),
    *(
        (f"variant {act}", "modest", replace(right, invariances=without(act)))
        for act in INVARIANCES
    ),
    ("ideal", "another ideal", replace(right, ideal=1.0)),
    ("ideal", "nothing to reach", replace(right, ideal=None)),
    ("ideal", "another ideal, of unequal classes", replace(uneven, ideal=1.0)),
    ("invariant scale", "a length, of unequal classes", replace(uneven, measure=lopsided_length)),
    ("variant rotate", "modest, unequal", replace(uneven, invariances=without("rotate"))),
    ("null", "another null value", wrong(another_null)),
    *((law, "no value", replace(uneven, id="nc9.right")) for law in ("order", "blocks", "number")),
    ("suffice", "what others ask for", wrong(if_somebody_asks)),
    ("needed", "nothing", wrong(of_nothing)),
    ("classes", "too many", with_classes(lambda variance: torch.cat([variance] * 2))),
    ("classes", "not a number", with_classes(lambda variance: variance * torch.nan)),
    ("number", "not a number", wrong(not_a_number)),
    ("number", "infinite", wrong(infinite)),
    ("number", "0/0 where means coincide", wrong(unguarded)),
    ("number", "a number where it declares none", replace(right, id="nc1.cdnv")),
    ("number", "none where it declares one", replace(right, id="nc4.accuracy")),
    *(
        ("documented", f"no {name}", replace(right, doc=section_lost(name)))
        for name in ("A metric", "Formula", "Convention", "Undefined when", "Reference")
    ),
    ("documented", "out of order", replace(right, doc="\n".join(right.doc.splitlines()[::-1]))),
    ("named", "no family", replace(right, id="right")),
    ("named", "capitals", replace(right, id="nc9.Right")),
    ("named", "other points", replace(right, id="nc9.right.samples")),
]


# The metric without fault keeps every law that its declarations call for.
@pytest.mark.parametrize("law", [name for name in LAWS if not name.startswith("variant")])
def test_right_metric(law: str) -> None:
    LAWS[law](right)


# One that has a value for unequal classes only keeps them too, on such classes.
@pytest.mark.parametrize("law", [name for name in LAWS if not name.startswith("variant")])
def test_right_metric_of_unequal_classes(law: str) -> None:
    LAWS[law](uneven)


# One whose formula declares a population on which it has no value is not asked for one there.
@pytest.mark.parametrize("law", ["blocks", "shards", "invariant rotate"])
def test_right_metric_without_a_value_on_some(law: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="long_tail"):
        LAWS[law](wrong(of_many))
    declared = replace(FORMULAS["nc1.trace_ratio"], undefined_on=frozenset({"long_tail"}))
    monkeypatch.setitem(FORMULAS, right.id, declared)
    LAWS[law](wrong(of_many))


# One that declares no value at perfect collapse has no ideal.
def test_no_ideal(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = replace(FORMULAS["nc1.trace_ratio"], undefined_on=frozenset({"perfect_simplex"}))
    monkeypatch.setitem(FORMULAS, right.id, declared)
    laws.ideal(replace(right, ideal=None))
    with pytest.raises(AssertionError):
        laws.ideal(right)


# A metric with one fault breaks the law about it.
@pytest.mark.parametrize(
    ("law", "metric"), [pytest.param(law, one, id=f"{law}: {why}") for law, why, one in BREAKERS]
)
def test_wrong_metric(law: str, metric: Metric) -> None:
    with pytest.raises(AssertionError):
        LAWS[law](metric)


# An accumulator whose merge is not addition breaks the law about shards.
def test_wrong_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    def averaged(self: ClassSums, other: Tensor) -> None:
        self.total = (self.total + other) / 2

    monkeypatch.setattr(ClassSums, "merge", averaged)
    monkeypatch.setattr(law_bench, "SETTLED", {})
    with pytest.raises(AssertionError):
        laws.any_shards(registry()["nc1.pinv"])


# Every law has a metric that breaks it.
def test_every_law_has_a_breaker() -> None:
    assert {law for law, _, _ in BREAKERS} == set(LAWS)
