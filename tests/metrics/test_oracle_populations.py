"""Where the oracle has a value: every population, and what each formula declares."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nctool.metrics import registry
from tests.support.oracle import FORMULAS, PROFILES, defined, measure
from tests.support.populations import DEGENERATE, POPULATIONS, rounded, stored

STORAGE = ("float64", "float32", "float16", "bfloat16")
OOD = "nc5.ood_orthogonality"


# Every metric of every ordinary population, in every storage type, is a finite number, or says
# which input it needs; but for what its formula declares, such as that it is about unequal classes.
@pytest.mark.parametrize("name", POPULATIONS)
def test_ordinary_populations(name: str) -> None:
    whole = POPULATIONS[name]()
    assert whole.name == name and len(whole.features) == len(whole.labels) <= 1500
    counts = np.unique(whole.labels, return_counts=True)[1]  # (K,)
    lost = {key for key in FORMULAS if not defined(key, name, counts)}
    for dtype in STORAGE:
        features = stored(whole, dtype)
        for center in (False, True):
            outcomes = measure(
                features, whole.labels, whole.weight, whole.bias, ood=features[:9],
                center="samples" if center else "balanced",
                only=("",) if dtype == "float16" else ("nc", "gnc", "imbalance"),
            )  # fmt: skip
            for key, outcome in outcomes.items():
                if outcome.value is None and key not in lost:
                    assert whole.weight is None and "needs" in str(outcome.reason), key
                else:
                    assert (outcome.value is None) == (key in lost) == bool(outcome.reason), key
                    assert outcome.value is None or math.isfinite(outcome.value), key


# Each degenerate population loses exactly the metrics that declare it, each with a reason, in every
# storage type; one class loses all.
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_populations(name: str) -> None:
    whole = DEGENERATE[name]()
    for dtype in STORAGE:
        assert (stored(whole, dtype) == whole.features).all()
    outcomes = measure(whole.features, whole.labels, whole.weight, whole.bias)
    lost = {key for key, outcome in outcomes.items() if outcome.value is None} - {OOD}
    counts = np.unique(whole.labels, return_counts=True)[1]  # (K,)
    assert lost == {key for key in FORMULAS if not defined(key, name, counts)} - {OOD}
    assert all(outcomes[key].reason for key in lost)
    for profile in PROFILES:
        for key, outcome in measure(
            whole.features, whole.labels, whole.weight, whole.bias, profile=profile
        ).items():
            assert (outcome.value is None) == bool(outcome.reason), (profile, key)


# What a formula declares is a population that there is, or equal sizes: a misspelt word would
# declare nothing.
def test_declarations_are_populations() -> None:
    known = {*POPULATIONS, *DEGENERATE, "equal_sizes"}
    assert {
        name: formula.undefined_on - known for name, formula in FORMULAS.items()
    } == dict.fromkeys(FORMULAS, frozenset())


# Every metric has a formula here under its id, and no formula is without a metric.
def test_every_metric_has_a_formula() -> None:
    assert FORMULAS.keys() == registry().keys()


# Storage rounds to nearest, ties to even.
def test_storage() -> None:
    values = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-7, -(1 + 2**-8 + 2**-20), 0.0])
    expected = np.array([1.0, 1 + 2**-6, 1 + 2**-7, -(1 + 2**-7), 0.0])
    assert (rounded(values, "bfloat16") == expected).all()
    assert rounded(np.array([1 + 2**-11, 1 + 3 * 2**-11]), "float16").tolist() == [1, 1 + 2**-9]
    assert rounded(np.array([1 + 2**-30]), "float32").tolist() == [1.0]
    assert rounded(values, "float64") is not None and (rounded(values, "float64") == values).all()
