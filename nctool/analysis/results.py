"""One metric and the facts in, one Result out: a number, or the reason why there is none."""

from __future__ import annotations

import math

import torch

from nctool.analysis.diagnostics import BELOW_NOISE
from nctool.engine.fact import Missing, Undefined
from nctool.engine.graph import call
from nctool.engine.solve import State
from nctool.metrics.metric import Measured, Metric
from nctool.report import ClassValue, Distribution, Result, Status
from nctool.report.verdict import SECOND_LOOK
from nctool.statistics.distribution import spread

WORST = 5


def result_of(metric: Metric, facts: State) -> Result:
    """Compute one metric, or say why there is nothing to compute."""
    measured = outcome_of(metric, facts)
    if isinstance(measured, Missing):
        if measured.why:
            return _empty(metric, "skipped", SECOND_LOOK + measured.why)
        return _empty(metric, "skipped", f"needs {' and '.join(measured.inputs)}")
    if isinstance(measured, Undefined):
        return _empty(metric, "undefined", str(measured))
    if not math.isfinite(measured.value):
        return _empty(metric, "undefined", "the result is not a finite number")
    flags = measured.flags
    if measured.noise_floor is not None and abs(measured.value) <= measured.noise_floor:
        flags += (BELOW_NOISE,)
    return Result(
        id=metric.id,
        title=metric.title,
        definition=metric.definition,
        value=measured.value,
        status="ok",
        reason=None,
        ideal=metric.ideal,
        toward_collapse=metric.toward_collapse,
        needs=metric.needs,
        definition_version=metric.version,
        floor=measured.floor,
        best_known=measured.best_known,
        null_value=measured.null_value,
        null_sd=measured.null_sd,
        null_source=measured.null_source,
        noise_floor=measured.noise_floor,
        bounds=measured.bounds,
        ci=measured.ci,
        details=measured.details,
        distribution=_distribution(measured),
        worst=_worst(metric, measured, facts),
        per_class=_all_classes(measured, facts),
        flags=flags,
    )


def outcome_of(metric: Metric, facts: State) -> Measured | Undefined | Missing:
    """What the function of a metric makes of the facts."""
    needed = ((name, facts.known[name]) for name in metric.needs)
    absent = tuple(name for name, value in needed if isinstance(value, Missing) and not value.why)
    if absent:
        return Missing(absent)
    try:
        outcome = call(metric.measure, metric.facts, facts.known)
    except Undefined as reason:
        return reason
    assert isinstance(outcome, Measured | Undefined | Missing), outcome
    return outcome


def _empty(metric: Metric, status: Status, reason: str) -> Result:
    return Result(
        id=metric.id,
        title=metric.title,
        definition=metric.definition,
        value=None,
        status=status,
        reason=reason,
        ideal=metric.ideal,
        toward_collapse=metric.toward_collapse,
        needs=metric.needs,
        definition_version=metric.version,
    )


def _distribution(measured: Measured) -> Distribution | None:
    if measured.distribution is not None:
        return measured.distribution
    return None if measured.per_class is None else spread(measured.per_class.double())


def _classes(measured: Measured, facts: State) -> tuple[int, ...]:
    """The stored class index of each value by class."""
    classes: tuple[int, ...] = measured.classes or facts.value("present")
    return classes


def _worst(metric: Metric, measured: Measured, facts: State) -> tuple[ClassValue, ...] | None:
    """The classes furthest from collapse, worst first."""
    if measured.per_class is None:
        return None
    # Where a value by class does not say itself how far from collapse it is, the distance does.
    badness = measured.per_class if measured.apart is None else measured.apart
    largest = metric.worst_is == "up" or measured.apart is not None
    order = torch.sort(badness, descending=largest, stable=True).indices
    classes, names = _classes(measured, facts), facts.value("class_names")
    return tuple(
        ClassValue(classes[row], names[classes[row]], float(badness[row]))
        for row in order[:WORST].tolist()
    )


def _all_classes(measured: Measured, facts: State) -> tuple[float | None, ...] | None:
    """One value per stored class; None where a class has none."""
    if measured.per_class is None:
        return None
    values: list[float | None] = [None] * len(facts.value("class_names"))
    pairs = zip(_classes(measured, facts), measured.per_class.tolist(), strict=True)
    for index, value in pairs:
        values[index] = value
    return tuple(values)
