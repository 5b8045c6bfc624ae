"""What the laws are tried on: one Metric measured on named inputs, and on these transformed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nctool.analysis.measure import (
    Analysis,
    Settings,
    choose_engine,
    inputs_of,
    measure,
    riders,
)
from nctool.analysis.results import result_of
from nctool.arrays import LazyArray, Source
from nctool.core.progress import Silent
from nctool.engine import device
from nctool.engine.arithmetic import exact_products
from nctool.engine.solve import Read, State, solve, start
from nctool.facts import graph
from nctool.inputs.assemble import assemble
from nctool.metrics import registry
from nctool.metrics.metric import Metric
from nctool.report import Result
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import DEFAULT
from tests.support.oracle import FORMULAS
from tests.support.stored_populations import outsiders, population

Arrays = Mapping[str, Any]

ORDINARY = "wide_noise_4"
"""Its head errs often and has a bias, so that nothing is invariant by accident."""

REORDERED = 1e-11
"""Float64 sums in another order, through means whose condition number is under a thousand."""

COLLAPSED = 1e-13
"""Float64 rounding of numbers of order one."""

SETTINGS = Settings(DEFAULT, ComputeOptions(device="cpu", per_class=True))

SETTLED: dict[tuple[int, Read | None], State] = {}

INPUTS = {"features": ("features",), "labels": ("labels",), "head": ("weight", "bias"),
          "ood": ("ood",)}  # fmt: skip


def arrays(name: str) -> dict[str, Any]:
    """A population in float64, with features of unknown kinds."""
    whole = population(name)
    given = {
        "features": whole.features,
        "labels": whole.labels.astype(np.int64),
        "weight": whole.weight,
        "bias": whole.bias,
        "ood": outsiders(whole),
    }
    return {role: array for role, array in given.items() if array is not None}


SIZES = (60, 40, 20, 20, 5, 3)


def bench(metric: Metric, name: str) -> dict[str, Any]:
    """A population; for metrics of unequal classes the same with classes that get ever smaller."""
    given = arrays(name)
    return thinned(given) if of_unequal_sizes(metric) else given


def of_unequal_sizes(metric: Metric) -> bool:
    """Has the metric, by what its formula declares, no value where classes are of equal size?"""
    return metric.id in FORMULAS and "equal_sizes" in FORMULAS[metric.id].undefined_on


def where_defined(metric: Metric, *names: str) -> list[str]:
    """Those of the populations on which the metric, by what its formula declares, has a value."""
    undefined = FORMULAS[metric.id].undefined_on if metric.id in FORMULAS else frozenset()
    return [name for name in (ORDINARY, *names) if name not in undefined]


def thinned(given: Arrays) -> dict[str, Any]:
    """All samples of the first class that has any, down to a quarter of those of the last."""
    labels = given["labels"]
    present, counts = np.unique(labels, return_counts=True)
    shares = np.linspace(1, 0.25, len(present))  # (K,)
    kept = np.zeros(len(labels), dtype=bool)
    for label, size in zip(present, np.ceil(shares * counts).astype(int), strict=True):
        kept[np.flatnonzero(labels == label)[:size]] = True
    return {**given, "features": given["features"][kept], "labels": labels[kept]}


def lazily(role: str, held: torch.Tensor) -> LazyArray:
    dtype = str(held.dtype).removeprefix("torch.")
    return LazyArray(role, tuple(held.shape), dtype, "", "memory", lambda i, j: held[i:j])


def sourced(given: Arrays) -> Source:
    held = {role: torch.from_numpy(np.ascontiguousarray(array)) for role, array in given.items()}
    lazy = {role: lazily(role, array) for role, array in held.items()}
    return assemble(
        lazy.get("features"), lazy.get("labels"), held.get("weight"), held.get("bias"),
        ood=lazy.get("ood"),
    )  # fmt: skip


def analyzed(metrics: tuple[Metric, ...], given: Arrays) -> Analysis:
    return measure(sourced(given), metrics, SETTINGS)


def settled(given: Arrays, read: Read | None = None) -> State:
    """Every fact that any metric names, once for each input and way of reading it.

    What metrics share they share here too; that each stands alone is a law of its own.
    """
    ways = tuple((role, array.shape, array.tobytes()) for role, array in sorted(given.items()))
    key = hash((ways, device.FEWEST_ROWS)), read
    if key not in SETTLED:
        wanted = {need.fact: None for metric in registry().values() for need in metric.facts}
        source = sourced(given)
        with exact_products(SETTINGS.compute):
            engine = choose_engine(source, SETTINGS)
            inputs = inputs_of(source, SETTINGS, engine, Silent())
            SETTLED[key] = solve(start(graph(), inputs, wanted, riders(), "sample_sums"), read)
    return SETTLED[key]


def result(metric: Metric, given: Arrays, read: Read | None = None) -> Result:
    """The outcome of this metric where everything is settled."""
    facts = settled(given, read)
    with exact_products(SETTINGS.compute):
        return result_of(metric, facts)


def value(metric: Metric, given: Arrays) -> float:
    """It must have one here."""
    measured = result(metric, given)
    assert measured.value is not None, (measured.status, measured.reason)
    return measured.value


def differences(first: Result, second: Result) -> str:
    """Where two results differ by more than rounding, for all samples or for a class; or ""."""
    if first.value is None or second.value is None:
        return f"{first.status} ({first.reason}), {second.status} ({second.reason})"
    left, right = (first.value, *(first.per_class or ())), (second.value, *(second.per_class or ()))
    if len(left) != len(right):
        return f"{len(left) - 1} classes, {len(right) - 1} classes"
    pairs = zip(left, right, strict=True)
    return ", ".join(f"{a} and {b}" for a, b in pairs if not close(a, b))


def close(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=REORDERED, abs_tol=COLLAPSED)


def transformed(metric: Metric, act: str, given: Arrays) -> tuple[Arrays, list[int]]:
    """The inputs under one act, and the old class index of each new one.

    What moves is what the metric looks at: the features, with the head following them; or, where
    it looks at nothing else, the rows of the head.
    """
    random = np.random.default_rng(1)
    dim, size = given["weight"].shape[1], len(given["weight"])
    alone = "features" not in metric.needs
    old = np.arange(size)  # (K,)
    new = dict(given)
    if act == "rotate":
        turn = np.linalg.qr(random.standard_normal((dim, dim)))[0]  # (D, D)
        new |= {role: given[role] @ turn for role in ("features", "ood", "weight")}
    elif act == "shift":
        step = 3 * random.standard_normal(dim)  # (D,)
        new |= {role: given[role] + step for role in ("features", "ood")}
        new["bias"] = given["bias"] - given["weight"] @ step
        if alone:
            new["weight"] = given["weight"] + step
    elif act == "scale":
        # Different factors, so that logits change against the bias and against everything.
        new |= {role: 0.3 * given[role] for role in ("features", "ood")}
        new |= {role: 7 * given[role] for role in ("weight", "bias")}
    else:
        assert act == "relabel", act
        old = random.permutation(size)
        new |= {role: given[role][old] for role in ("weight", "bias")}
        new["labels"] = np.argsort(old)[given["labels"]]
    return new, old.tolist()


def structureless(metric: Metric, classes: int, dim: int, seed: int) -> dict[str, Any]:
    """Features, labels, head and unknown features that know nothing of each other."""
    random = np.random.default_rng(seed)
    given = {
        "features": random.standard_normal((30 * classes, dim)),
        "labels": np.repeat(np.arange(classes), 30),
        "weight": random.standard_normal((classes, dim)),
        "bias": np.zeros(classes),
        "ood": random.standard_normal((40, dim)),
    }
    return thinned(given) if of_unequal_sizes(metric) else given


def unequally_collapsed() -> dict[str, Any]:
    """Perfect collapse of unequal classes: head and means factor their simplex-encoded labels."""
    size, dim = len(SIZES), 9
    labels = np.repeat(np.arange(size), SIZES)  # (N,)
    encoded = (np.eye(size) - 1 / size)[:, labels]  # (K, N)
    left, values, right = np.linalg.svd(encoded, full_matrices=False)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((dim, dim)))[0][:size]  # (K, D)
    weight, features = ((side * np.sqrt(values)) @ turn for side in (left, right.T))
    outside = np.random.default_rng(3).standard_normal((7, dim))  # (7, D)
    bias = np.zeros(size)
    return {"features": 3 * features, "labels": labels, "weight": weight, "bias": bias,
            "ood": outside}  # fmt: skip


def collapsed() -> dict[str, Any]:
    """Perfect collapse, and unknown features at right angles to every class mean."""
    given = arrays("perfect_simplex")
    outside = np.linalg.svd(given["weight"])[2][9:]  # (7, 16) the means span nine dimensions
    return given | {"ood": np.arange(1.0, 8.0)[None] @ outside}
