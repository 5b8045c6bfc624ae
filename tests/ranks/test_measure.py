"""Several processes find what one finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nctool import analyze
from nctool.analysis.measure import measure
from nctool.arrays import Source
from nctool.inputs.assemble import assemble
from nctool.metrics import registry
from nctool.ranks.group import Ranks
from nctool.ranks.own_rows import together
from nctool.report import Report, Result
from tests.support.law_bench import SETTINGS, lazily
from tests.support.ranks import on_ranks
from tests.support.stored_populations import stored

METRICS = tuple(registry().values())


def shuffled(name: str, dtype: str) -> dict[str, Any]:
    """A population in an order that leaves no rank with all of one class."""
    given = dict(stored(name, dtype).given)
    order = np.random.default_rng(0).permutation(len(given["labels"]))
    given["labels"] = torch.from_numpy(np.asarray(given["labels"])[order])
    return given | {"features": given["features"][torch.from_numpy(order)]}


def source_of(given: dict[str, Any]) -> Source:
    lazy = {role: lazily(role, array) for role, array in given.items()}
    return assemble(
        lazy["features"], lazy["labels"], given.get("weight"), given.get("bias"),
        ood=lazy.get("ood"),
    )  # fmt: skip


def alone(given: dict[str, Any]) -> Report:
    return measure(source_of(given), METRICS, SETTINGS).report


def shared(group: Ranks, cases: list[tuple[str, str]], cut: str) -> list[Report]:
    """Each measured by all ranks: files that all can read, or rows that each has of its own."""
    reports = []
    for name, dtype in cases:
        given = shuffled(name, dtype)
        source = source_of(given)
        if cut != "file":
            rows = torch.arange(len(given["labels"]))
            mine = (
                rows[group.rank :: group.size] if cut == "turns" else rows[_part(len(rows), group)]
            )
            own = {role: given[role][mine] for role in ("features", "labels")}
            lazy = {role: lazily(role, array) for role, array in own.items()}
            all_rows = together(lazy["features"], own["labels"], group)
            labels = lazily("labels", all_rows.labels)
            source = replace(
                assemble(all_rows.features, labels, source.weight, source.bias, ood=source.ood),
                share=all_rows.share,
            )
        reports.append(measure(source, METRICS, SETTINGS, group=group).report)
    return reports


def _part(rows: int, group: Ranks) -> slice:
    """A rank without rows, one with few, one with the rest."""
    edges = [0, 0, 7, rows] if group.size == 3 else [0, 0, rows]
    return slice(edges[group.rank], edges[group.rank + 1])


LIMITS = {"float64": 1e-9, "float32": 1e-5, "bfloat16": 1e-5}
"""Relative. In float32 the first pass rounds sums of up to 256 rows, and of others where samples
are cut elsewhere; margins near zero show it most."""


def alike(first: Report, second: Report, limit: float) -> None:
    """Every value, of every class, and every reason; copies and warnings, too."""
    for one, other in zip(first, second, strict=True):
        assert (one.status, one.reason, one.flags) == (other.status, other.reason, other.flags)
        values, others = numbers(one), numbers(other)
        assert values == pytest.approx(others, rel=limit, abs=limit / 100), one.id
    assert [each.slug for each in first.warnings] == [each.slug for each in second.warnings]
    assert first.data["class_counts"] == second.data["class_counts"]


def numbers(result: Result) -> list[float]:
    spread = result.distribution
    percentiles = [] if spread is None else [spread.min, spread.p05, spread.p50, spread.max]
    return [
        value
        for value in (result.value, *(result.per_class or ()), *percentiles)
        if value is not None
    ]


CASES = [
    ("wide_noise_4", "float64"),
    ("long_tail", "float64"),
    ("empty_class", "float64"),
    ("relu_features", "float32"),
    ("wide_noise_4", "bfloat16"),
]


# However the rows are cut, every rank reports what one process reports of the same order of rows.
@pytest.mark.parametrize(("size", "cut"), [(2, "file"), (3, "turns"), (3, "uneven")])
def test_equal_to_one(size: int, cut: str) -> None:
    reports = on_ranks(size, shared, CASES, cut)
    for place, (name, dtype) in enumerate(CASES):
        given = shuffled(name, dtype)
        if cut == "turns":
            rows = torch.arange(len(given["labels"]))
            order = torch.cat([rows[rank::size] for rank in range(size)])
            given |= {role: given[role][order] for role in ("features", "labels")}
        one = alone(given)
        for rank in range(size):
            alike(one, reports[rank][place], LIMITS[dtype])
            assert reports[rank][place].settings["world_size"] == size
        # All ranks have the same bits.
        assert all(each[place].metrics == reports[0][place].metrics for each in reports)


def called(group: Ranks, harm: bool) -> Report:
    given = shuffled("wide_noise_4", "float64")
    if harm and group.rank == 1:
        given["labels"] = given["labels"][:-1]
    return analyze(**given, metrics="nc1,hug", bootstrap=0, device="cpu", ranks=True)


# In Python every process that calls with ranks=True gets the report of all; or the error of one.
def test_in_python() -> None:
    one = analyze(
        **shuffled("wide_noise_4", "float64"), metrics="nc1,hug", bootstrap=0, device="cpu"
    )
    for report in on_ranks(2, called, False):
        alike(one, report, 1e-9)
        assert report.settings["world_size"] == 2
    first, second = on_ranks(2, called, True)
    assert first.slug == second.slug == "labels-against-features"
    assert first.message == f"rank 1: {second.message}"
