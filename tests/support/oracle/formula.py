"""What a formula of the oracle says of itself: its id, where it has no value, how it rounds.

A family is one file, as in ``nctool/metrics``, and its formulas are known once the file is there.
Nothing else lists them: populations, laws and the comparison with nctool read what stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from tests.support.oracle.view import (
    Array,
    Outcome,
    Undefined,
    View,
    centred_means,
    head_rows,
)

Side = Literal["means", "weights"]
Rounding = Literal[
    "relative", "length", "logarithm", "logit", "unit_variance", "cosine_gap", "square_distance",
    "energy_bound", "complement",
]  # fmt: skip
"""How far off a result may be beyond a share of itself: ``agreement`` says how much each is."""

MEANS_COINCIDE = ("all_zero", "all_means_coincide")
ZERO_FEATURE = ("all_zero", "zero_row")
ZERO_WEIGHT = ("zero_weight_row",)
EQUAL_SIZES = ("equal_sizes",)
"""No population but a property of many; ``equal_sizes`` below says which."""

EQUAL_SIZE_RATIO = 1.5
"""Up to this ratio of the largest to the smallest class, classes count as equal."""


@dataclass(frozen=True, slots=True)
class Formula:
    """The formula of one metric."""

    id: str
    compute: Callable[[View], Outcome] = field(repr=False)
    undefined_on: frozenset[str]
    """Names of populations, or ``equal_sizes``. No formula has a value for one class."""
    rounding: Rounding


FORMULAS: dict[str, Formula] = {}
OF_ROWS: dict[str, Callable[[Array], Outcome]] = {}
"""Formulas of rows alone, by id without the side."""


def equal_sizes(counts: npt.NDArray[np.integer]) -> bool:
    return bool(counts.max() <= EQUAL_SIZE_RATIO * counts.min())


def defined(name: str, population: str, counts: npt.NDArray[np.integer]) -> bool:
    """Has this formula a value on a population of this name and these class sizes?

    What the population does not have (a head, unknown features) is another matter.
    """
    lost = FORMULAS[name].undefined_on
    return population not in lost and not (set(EQUAL_SIZES) <= lost and equal_sizes(counts))


Compute = TypeVar("Compute", bound=Callable[[View], Outcome])
OfRows = TypeVar("OfRows", bound=Callable[[Array], Outcome])
OfSide = TypeVar("OfSide", bound=Callable[[View, Side], Outcome])


def formula(
    name: str, *, undefined_on: tuple[str, ...] = (), rounding: Rounding = "relative"
) -> Callable[[Compute], Compute]:
    """Register the formula of one metric. The function itself comes back: others build on it."""

    def known(compute: Compute) -> Compute:
        _register(name, compute, undefined_on, rounding)
        return compute

    return known


def on_rows(
    name: str,
    *,
    means: tuple[str, ...] = MEANS_COINCIDE,
    weights: tuple[str, ...] = ZERO_WEIGHT,
    rounding: Rounding = "relative",
) -> Callable[[OfRows], OfRows]:
    """Register one formula of rows for the centred class means and for the head's rows.

    ``means`` and ``weights`` are where it has no value on each.
    """

    def known(compute: OfRows) -> OfRows:
        OF_ROWS[name] = compute
        _register(f"{name}.means", lambda seen: compute(centred_means(seen)), means, rounding)
        _register(f"{name}.weights", lambda seen: compute(head_rows(seen)), weights, rounding)
        return compute

    return known


def on_sides(
    name: str,
    *,
    means: tuple[str, ...],
    weights: tuple[str, ...],
    rounding: Rounding = "relative",
) -> Callable[[OfSide], OfSide]:
    """The same for a formula that is told the side, as it looks at samples or sizes too."""

    def known(compute: OfSide) -> OfSide:
        _register(f"{name}.means", lambda seen: compute(seen, "means"), means, rounding)
        _register(f"{name}.weights", lambda seen: compute(seen, "weights"), weights, rounding)
        return compute

    return known


def _register(
    name: str, compute: Callable[[View], Outcome], undefined_on: tuple[str, ...], rounding: Rounding
) -> None:
    assert name not in FORMULAS, name
    FORMULAS[name] = Formula(name, compute, frozenset({*undefined_on, "one_class"}), rounding)


def attempt(compute: Callable[[], Outcome]) -> Outcome:
    try:
        return compute()
    except Undefined as refusal:
        return Outcome(None, reason=str(refusal))
