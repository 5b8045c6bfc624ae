"""Guards and reference values that several families use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from nctool.engine.evidence import Evidence, Points
from nctool.metrics.metric import Undefined

if TYPE_CHECKING:
    from torch import Tensor

    from nctool.statistics.second import Answers

T = TypeVar("T")

SAMPLE_LIMITED = "sample-limited"
MATERIAL_SHARE = 0.05
"""Say that few samples flatter a number once they do so by five percent."""


def known(value: T | None) -> T:
    """A fact that the metric's needs promise; its absence is our mistake."""
    assert value is not None
    return value


def several_classes(evidence: Evidence) -> int:
    if evidence.classes < 2:
        raise Undefined(
            "one class only: there is nothing between classes to compare with"
            if evidence.classes
            else "no class has a sample"
        )
    if evidence.convention.unit_features:
        unit_directions(evidence)
    return evidence.classes


def between_classes(evidence: Evidence) -> float:
    """Tr S_B, which must not be zero."""
    several_classes(evidence)
    between = known(evidence.between)
    if known(evidence.spectrum).rank == 0:
        raise Undefined("all class means coincide: collapse onto one point is not neural collapse")
    return between


def points(evidence: Evidence, kind: str, *, directions: bool = True) -> Points:
    """The asked set of points; at least two, not all zero, and each with a direction if asked."""
    if kind == "means":
        between_classes(evidence)
    chosen = known(evidence.means if kind == "means" else evidence.weights)
    if len(chosen.vectors) < 2:
        raise Undefined("one class only: no pairs")
    if len(chosen.pairs.zero) == len(chosen.vectors):
        raise Undefined("the classifier is all zero")
    if directions and chosen.pairs.zero:
        raise Undefined(
            ("class mean" if kind == "means" else "classifier row")
            + f" {named(evidence, chosen.pairs.zero, chosen.classes)} is zero: it has no direction"
        )
    return chosen


def unit_points(evidence: Evidence, kind: str) -> Tensor:
    """The asked points scaled to length one, (K, D) float64."""
    chosen = points(evidence, kind)
    return evidence.once(("unit", kind), lambda: chosen.vectors / chosen.pairs.norms[:, None])


def named(evidence: Evidence, rows: tuple[int, ...], classes: tuple[int, ...]) -> str:
    """Up to three classes by name."""
    names = [evidence.names[classes[row]] for row in rows[:3]]
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return ", ".join(names) + more


def answers(evidence: Evidence) -> Answers:
    several_classes(evidence)
    return known(evidence.answers)


def unit_directions(evidence: Evidence) -> None:
    if evidence.zero_rows:
        raise Undefined(f"{evidence.zero_rows:,} features are all zero: they have no direction")


def per_class_size(evidence: Evidence) -> float:
    return evidence.samples / evidence.classes


def sample_flags(evidence: Evidence) -> tuple[str, ...]:
    """Do few samples per class make the means look further apart, the classes tighter?"""
    share = understatement(evidence)
    return (SAMPLE_LIMITED,) if share is not None and share > MATERIAL_SHARE else ()


def understatement(evidence: Evidence) -> float | None:
    """How far Tr S_W / Tr S_B lies below its unbiased value, as a share of it; None if hopeless.

    Means of n samples scatter by v/n around their true place, which adds to Tr S_B, and v itself
    is short by 1/n.
    """
    between, sampling = known(evidence.between), known(evidence.sampling)
    if between <= 0:
        return None
    if sampling >= between:
        return 1.0
    size = per_class_size(evidence)
    inflation = size / (size - 1) if size > 1 else 1.0
    return 1 - (1 - sampling / between) / inflation


def null_pinv(evidence: Evidence) -> float | None:
    """Tr(S_W S_B^+)/K of white noise with these sizes (Wishart expectation)."""
    size, classes, dim = per_class_size(evidence), evidence.classes, evidence.dim
    if dim > classes:
        return (size - 1) * (classes - 1) / (dim - classes)
    if classes - 2 > dim:
        return (size - 1) * dim / (classes - 2 - dim)
    return None


def mean_abs_cosine(dim: int) -> float:
    """E|cos| of two random directions, to first order."""
    return math.sqrt(2 / (math.pi * dim))


def mean_rounding(evidence: Evidence) -> float:
    """Squared rounding error of a collapsed class's mean: every sample rounds alike."""
    return known(evidence.feature_storage).rounding
