"""Every registered metric obeys every law."""

from __future__ import annotations

import pytest

from nctool.metrics import registry
from nctool.metrics.metric import INVARIANCES, Metric
from tests.support import laws

METRICS = tuple(registry().values())

every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.id)
every_act = pytest.mark.parametrize("act", INVARIANCES)


# The order of samples does not matter.
@every_metric
def test_any_order(metric: Metric) -> None:
    laws.any_order(metric)


# Chopped equals whole.
@every_metric
def test_any_block(metric: Metric) -> None:
    laws.any_block(metric)


# Merged shards equal the whole.
@every_metric
def test_any_shards(metric: Metric) -> None:
    laws.any_shards(metric)


# A declared invariance holds, and one that is not declared is not there.
@every_act
@every_metric
def test_invariances(metric: Metric, act: str) -> None:
    if act in metric.invariances:
        laws.invariant(metric, act)
    else:
        laws.variant(metric, act)


# Perfect collapse is at the ideal.
@every_metric
def test_ideal(metric: Metric) -> None:
    laws.ideal(metric)


# Without structure a metric is, in the mean, at its null value.
@every_metric
def test_null_value(metric: Metric) -> None:
    laws.null_value(metric)


# What a metric declares that it needs suffices.
@every_metric
def test_needs_suffice(metric: Metric) -> None:
    laws.needs_suffice(metric)


# What a metric declares that it needs is needed.
@every_metric
def test_needs_are_needed(metric: Metric) -> None:
    laws.needs_are_needed(metric)


# There is one value per class, or there are none.
@every_metric
def test_one_value_per_class(metric: Metric) -> None:
    laws.one_value_per_class(metric)


# A metric has a finite value or a reason of its own for having none.
@every_metric
def test_number_or_reason(metric: Metric) -> None:
    laws.number_or_reason(metric)


# Every metric is explained, section by section.
@every_metric
def test_documented(metric: Metric) -> None:
    laws.documented(metric)


# Ids say the family, the name and, where both exist, on which points.
@every_metric
def test_named(metric: Metric) -> None:
    laws.named(metric)
    assert registry()[metric.id] is metric


# What is measured on class means is measured on classifier rows too.
def test_means_and_weights() -> None:
    names = set(registry())
    on_points = {name.rpartition(".")[0] for name in names if name.endswith((".means", ".weights"))}
    assert on_points
    for name in on_points:
        assert {f"{name}.means", f"{name}.weights"} <= names
        means, weights = registry()[f"{name}.means"], registry()[f"{name}.weights"]
        assert means.definition == weights.definition and means.ideal == weights.ideal
