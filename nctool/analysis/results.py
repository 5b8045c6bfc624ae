"""One metric and the evidence in, one Result out: a number, or the reason why there is none."""

from __future__ import annotations

import math

import torch

from nctool.analysis.diagnostics import BELOW_NOISE
from nctool.arrays import Source
from nctool.engine.evidence import Evidence
from nctool.engine.gather import available
from nctool.metrics.metric import Measured, Metric, Undefined
from nctool.report import ClassValue, Distribution, Result
from nctool.statistics.distribution import spread

WORST = 5


def result_of(one: Metric, source: Source, evidence: Evidence) -> Result:
    """Compute one metric, or say why there is nothing to compute."""

    def outcome(**fields: object) -> Result:
        values: dict[str, object] = {
            "id": one.id, "title": one.title, "definition": one.definition, "value": None,
            "status": "ok", "reason": None, "ideal": one.ideal,
            "toward_collapse": one.toward_collapse, "needs": one.needs,
            "definition_version": one.version,
        }  # fmt: skip
        return Result(**(values | fields))  # type: ignore[arg-type]

    if available(source, one.need) != one.need:
        has = {
            "features": source.features is not None,
            "labels": source.labels is not None,
            "head": source.weight is not None,
            "ood": source.ood is not None,
        }
        missing = " and ".join(name for name in one.needs if not has[name])
        return outcome(status="skipped", reason=f"needs {missing}")
    try:
        found = one.measure(evidence)
    except Undefined as why:
        return outcome(status="undefined", reason=str(why))
    if not math.isfinite(found.value):
        return outcome(status="undefined", reason="the result is not a finite number")
    flags = found.flags
    if found.noise_floor is not None and abs(found.value) <= found.noise_floor:
        flags += (BELOW_NOISE,)
    return outcome(
        value=found.value,
        floor=found.floor,
        best_known=found.best_known,
        null_value=found.null_value,
        noise_floor=found.noise_floor,
        bounds=found.bounds,
        ci=found.ci,
        details=found.details,
        distribution=_distribution(found),
        worst=_worst(one, found, evidence),
        per_class=_all_classes(found, evidence),
        flags=flags,
    )


def _distribution(found: Measured) -> Distribution | None:
    if found.distribution is not None:
        return found.distribution
    return None if found.per_class is None else spread(found.per_class.double())


def _worst(one: Metric, found: Measured, evidence: Evidence) -> tuple[ClassValue, ...] | None:
    """The classes furthest from collapse, worst first."""
    if found.per_class is None:
        return None
    badness = found.per_class if found.apart is None else found.apart
    largest = one.worst_is == "up" or found.apart is not None
    order = torch.sort(badness, descending=largest, stable=True).indices
    classes = found.classes or evidence.present
    return tuple(
        ClassValue(classes[row], evidence.names[classes[row]], float(found.per_class[row]))
        for row in order[:WORST].tolist()
    )


def _all_classes(found: Measured, evidence: Evidence) -> tuple[float | None, ...] | None:
    """One value per stored class; None where a class has none."""
    if found.per_class is None:
        return None
    values: list[float | None] = [None] * len(evidence.names)
    here = found.per_class.tolist()
    for index, value in zip(found.classes or evidence.present, here, strict=True):
        values[index] = value
    return tuple(values)
