"""What every metric must obey, as plain functions: each takes a Metric and fails or returns."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from nctool.analysis.results import outcome_of
from nctool.metrics.metric import Measured, Metric
from nctool.report import Result
from tests.support.law_bench import (
    COLLAPSED,
    INPUTS,
    ORDINARY,
    analyzed,
    arrays,
    bench,
    collapsed,
    differences,
    of_unequal_sizes,
    result,
    settled,
    structureless,
    transformed,
    unequally_collapsed,
    value,
    where_defined,
)
from tests.support.oracle import FORMULAS, defined
from tests.support.populations import DEGENERATE
from tests.support.shards import in_shards, in_shards_backwards
from tests.support.stored_populations import small_blocks


def alike(first: Result, second: Result, where: str) -> None:
    """A value, and the same but for rounding."""
    differing = differences(first, second)
    assert not differing, f"{where}: {differing}"


def any_order(metric: Metric) -> None:
    """Sorted by class or shuffled, in small blocks too: the same number."""
    given = bench(metric, "shuffled")
    random = np.random.default_rng(0)
    first = result(metric, given)
    for order in (np.argsort(given["labels"]), random.permutation(len(given["labels"]))):
        moved = given | {role: given[role][order] for role in ("features", "labels")}
        alike(result(metric, moved), first, "moved")
        with small_blocks(64):
            alike(result(metric, moved), first, "moved, in blocks")


def any_block(metric: Metric) -> None:
    """Chopped equals whole, whatever the size of the pieces."""
    for name in where_defined(metric, "relu_features", "class_sorted", "long_tail", "many_classes"):
        given = bench(metric, name)
        whole = result(metric, given)
        for rows in (7, 50):
            with small_blocks(rows):
                alike(result(metric, given), whole, f"{name}, {rows} rows")


def any_shards(metric: Metric) -> None:
    """Merged shards equal the whole, in whatever order they are merged."""
    for name in where_defined(metric, "relu_features", "long_tail"):
        given = bench(metric, name)
        whole = result(metric, given)
        with small_blocks(7):
            for read in (in_shards, in_shards_backwards):
                alike(result(metric, given, read), whole, f"{name}, {read.__name__}")


def invariant(metric: Metric, act: str) -> None:
    """A declared invariance holds."""
    for name in where_defined(metric, "long_tail", "many_classes"):
        given = bench(metric, name)
        new, old = transformed(metric, act, given)
        before, after = result(metric, given), result(metric, new)
        if act == "relabel" and before.per_class is not None:
            before = replace(before, per_class=tuple(before.per_class[index] for index in old))
        elif after.value is not None:  # values by class may be lengths, which scale
            before, after = replace(before, per_class=None), replace(after, per_class=None)
        alike(after, before, name)


HIDING = ("collapse.weakest",)
"""The least of several numbers changes only where the least of them does."""


def variant(metric: Metric, act: str) -> None:
    """An invariance that is not declared is not there: the number really changes."""
    if metric.id in HIDING:
        return
    given = bench(metric, ORDINARY)
    new, _ = transformed(metric, act, given)
    before, after = value(metric, given), value(metric, new)
    assert abs(after - before) > 1e-3 * abs(before), f"{before} and {after}"


def ideal(metric: Metric) -> None:
    """Perfect collapse is at the ideal; where that depends on K and D, at the best known.

    A metric that has no value there has no ideal either.
    """
    if "perfect_simplex" not in where_defined(metric, "perfect_simplex"):
        assert metric.ideal is None
        return
    measured = result(metric, unequally_collapsed() if of_unequal_sizes(metric) else collapsed())
    best = metric.ideal
    if best is None and measured.best_known is not None:
        best = measured.best_known.value
    if best is None:
        assert measured.value is not None and measured.value > 0  # a margin: the more, the better
    else:
        assert measured.value == pytest.approx(best, abs=COLLAPSED)


def null_value(metric: Metric) -> None:
    """What a metric names as its value without structure, it has there in the mean.

    Null values without a spread are of first order in 1/K and 1/d: a twentieth is let pass. Where
    the spread of one draw is stated, its own size is a law: within a factor of two and a half, of
    which a quarter is the error of a standard deviation from twenty draws; and the value is then
    held to a fraction of it. What is said to be a median is compared with a median.
    """
    for classes, dim in ((30, 40), (30, 12)):
        results = [result(metric, structureless(metric, classes, dim, seed)) for seed in range(20)]
        pairs = [(each.value, each.null_value) for each in results if each.null_value is not None]
        if not pairs:
            continue
        values, nulls = np.array(pairs).T  # (20,) (20,)
        null, stated = float(nulls.mean()), results[0].null_sd
        # The null may know of the draw's own sizes: what is left is compared.
        excess = values - nulls
        centre, drawn = float(excess.mean()), float(excess.std(ddof=1))
        if "median" in (results[0].null_source or ""):
            low, centre, high = (float(x) for x in np.quantile(excess, [0.25, 0.5, 0.75]))
            drawn = (high - low) / 1.349
        error = 3.5 * drawn / math.sqrt(len(values))
        slack = 0.3 * stated if stated else 0.05 * abs(null)
        assert abs(centre) <= slack + error, (classes, dim, centre, null, stated)
        if stated:
            assert 0.4 <= drawn / stated <= 2.5, (classes, dim, drawn, stated)


def needs_suffice(metric: Metric) -> None:
    """Given what it declares and nothing else, alone, it finds what it finds in company."""
    given = bench(metric, ORDINARY)
    whole = result(metric, given)
    few = {role: given[role] for name in metric.needs for role in INPUTS[name]}
    (alone,) = analyzed((metric,), few).report.metrics
    assert alone.status == "ok", alone.reason
    alike(alone, whole, "alone")


def needs_are_needed(metric: Metric) -> None:
    """Without any one of its inputs it is skipped and says which is missing."""
    given = bench(metric, ORDINARY)
    assert metric.needs
    for name in metric.needs:
        rest = {role: array for role, array in given.items() if role not in INPUTS[name]}
        skipped = result(metric, rest)
        assert skipped.status == "skipped" and skipped.value is None
        assert skipped.reason is not None and name in skipped.reason.split()


def one_value_per_class(metric: Metric) -> None:
    """K values by class if any, none for an absent class, and the worst of them in order."""
    for name in where_defined(metric, "empty_class"):
        given = bench(metric, name)
        facts = settled(given)
        measured = outcome_of(metric, facts)
        assert isinstance(measured, Measured)
        if measured.per_class is None:
            continue
        present = facts.value("present") if measured.classes is None else measured.classes
        assert len(measured.per_class) == len(present)
        shown = result(metric, given)
        assert shown.per_class is not None and shown.worst is not None
        assert len(shown.per_class) == len(given["weight"])
        known = {index for index, value in enumerate(shown.per_class) if value is not None}
        assert known == set(present)
        values = [value for value in shown.per_class if value is not None]
        assert all(math.isfinite(value) for value in values)
        badness = values if measured.apart is None else measured.apart.tolist()
        ordered = sorted(badness, reverse=measured.apart is not None or metric.worst_is == "up")
        ranks = dict(zip(present, badness, strict=True))
        assert [ranks[worst.index] for worst in shown.worst] == ordered[:5]
        assert all(ranks[worst.index] == worst.value for worst in shown.worst)


def number_or_reason(metric: Metric) -> None:
    """A finite number, or none and a reason of its own: on ordinary inputs a number.

    On degenerate inputs it is what the metric's formula declares.
    """
    value(metric, bench(metric, ORDINARY))
    for name in DEGENERATE:
        given = arrays(name)
        shown = result(metric, given)
        if shown.status == "ok":
            assert shown.value is not None and math.isfinite(shown.value), name
            assert all(math.isfinite(value) for value in shown.per_class or () if value is not None)
        else:
            assert shown.status == "undefined" and shown.value is None, name
            assert shown.reason and shown.reason != "the result is not a finite number", name
        if metric.id in FORMULAS:
            sizes = np.bincount(given["labels"])
            assert (shown.status == "ok") == defined(metric.id, name, sizes), name


def documented(metric: Metric) -> None:
    """What it says first, then the four sections in their order, each with something in it."""
    parts = re.split(r"^(Formula|Convention|Undefined when|Reference): ", metric.doc, flags=re.M)
    assert parts[1::2] == ["Formula", "Convention", "Undefined when", "Reference"]
    assert all(part.strip() for part in parts[::2])
    assert metric.title and metric.definition


def named(metric: Metric) -> None:
    """family.name, or family.name.means and family.name.weights."""
    family = r"(collapse|g?nc\d?|hug|imbalance)"
    assert re.fullmatch(family + r"\.[a-z]+\d?(_[a-z0-9]+)*(\.(means|weights))?", metric.id)
    assert metric.family == metric.id.split(".")[0]
