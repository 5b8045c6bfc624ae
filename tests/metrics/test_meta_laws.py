"""Each law is broken by a metric that is wrong in just that way, and kept by one that is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count

import pytest
import torch

from nctool.engine import sweeps
from nctool.engine.evidence import Evidence, Need
from nctool.metrics.imbalance import unequal_sizes
from nctool.metrics.metric import INVARIANCES, Measured, Metric, metric
from nctool.metrics.shared import between_classes, known
from tests.support import laws

Law = Callable[[Metric], None]


@metric("nc9.right", title="Right", definition="Tr S_W / Tr S_B", need=Need.SAMPLES)
def right(evidence: Evidence) -> Measured:
    """A metric without fault.
    Formula: Tr S_W / Tr S_B.
    Convention: none to speak of.
    Undefined when: there is one class, or all class means coincide.
    Reference: none.
    """
    between = between_classes(evidence)
    return Measured(known(evidence.within) / between, known(evidence.variance) / between)


def wrong(function: Callable[[Evidence], float | Measured], **changes: object) -> Metric:
    """The right metric, but for its function and the fields named."""

    def measure(evidence: Evidence) -> Measured:
        found = function(evidence)
        return found if isinstance(found, Measured) else Measured(found)

    return replace(right, measure=measure, **changes)  # type: ignore[arg-type]


def unguarded(evidence: Evidence) -> float:
    return float(known(evidence.variance).mean() / torch.tensor(evidence.between or 0.0))


def first_variance(evidence: Evidence) -> float:
    return float(known(evidence.variance)[0])


def with_classes(values: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Evidence], Measured]:
    return lambda evidence: replace(
        right.measure(evidence), per_class=values(known(evidence.variance))
    )


def without(act: str) -> frozenset[str]:
    return frozenset(INVARIANCES) - {act}


def section_lost(name: str) -> str:
    return "\n".join(one for one in right.doc.splitlines() if not one.startswith(name))


def lopsided(evidence: Evidence) -> Measured:
    """Has no value, by rule, where classes are of nearly equal size."""
    unequal_sizes(evidence)
    return right.measure(evidence)


uneven = wrong(lopsided, id="imbalance.norm_ratio.means")  # one that declares so

CALLS = count()

LAWS: dict[str, Law] = {
    "order": laws.any_order,
    "blocks": laws.any_block,
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
    ("order", "remembers what came before", wrong(lambda evidence: next(CALLS))),
    ("blocks", "counts blocks, not samples", wrong(lambda evidence: sweeps.FEWEST_ROWS)),
    ("invariant rotate", "one coordinate", wrong(lambda e: float(known(e.means).vectors[0, 0]))),
    ("invariant shift", "uncentred", wrong(lambda e: float(known(e.ood_cosines).sum()))),
    ("invariant scale", "a squared length", wrong(lambda evidence: known(evidence.within))),
    ("invariant relabel", "the first class", wrong(first_variance)),
    ("invariant relabel", "classes in another order", wrong(with_classes(lambda v: v.sort()[0]))),
    *(
        (f"variant {act}", "modest", replace(right, invariances=without(act)))
        for act in INVARIANCES
    ),
    ("ideal", "another ideal", replace(right, ideal=1.0)),
    ("ideal", "nothing to reach", replace(right, ideal=None)),
    ("ideal", "another ideal, of unequal classes", replace(uneven, ideal=1.0)),
    (
        "invariant scale",
        "a length, of unequal classes",
        replace(uneven, measure=wrong(lambda evidence: known(evidence.within)).measure),
    ),
    (
        "variant rotate",
        "modest, unequal",
        replace(uneven, invariances=without("rotate")),
    ),
    ("null", "another null value", wrong(lambda e: replace(right.measure(e), null_value=20.0))),
    *((law, "no value", replace(uneven, id="nc9.right")) for law in ("order", "blocks", "number")),
    ("suffice", "a second sweep", wrong(lambda e: float(known(known(e.answers).whitened)[0]))),
    ("suffice", "a head", wrong(lambda e: known(known(e.duality).distance))),
    ("needed", "nothing", replace(right, need=Need(0))),
    ("classes", "too many", wrong(with_classes(lambda variance: torch.cat([variance] * 2)))),
    ("classes", "not a number", wrong(with_classes(lambda variance: variance * torch.nan))),
    ("number", "not a number", wrong(lambda evidence: float("nan"))),
    ("number", "infinite", wrong(lambda evidence: float("inf"))),
    ("number", "0/0 where means coincide", wrong(unguarded)),
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


# A metric with one fault breaks the law about it.
@pytest.mark.parametrize(
    ("law", "metric"), [pytest.param(law, one, id=f"{law}: {why}") for law, why, one in BREAKERS]
)
def test_wrong_metric(law: str, metric: Metric) -> None:
    with pytest.raises(AssertionError):
        LAWS[law](metric)


# Every law has a metric that breaks it.
def test_every_law_has_a_breaker() -> None:
    assert {law for law, _, _ in BREAKERS} == set(LAWS)
