"""The first pass, fed from outside, against the analysis of the same samples as arrays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from nctool import metrics as catalogue
from nctool.analysis.first_look import FirstLook
from nctool.analysis.measure import Settings, measure
from nctool.arrays import Source
from nctool.report import Report, Result
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import Convention
from tests.support.law_bench import arrays, sourced

SETTINGS = Settings(Convention(), ComputeOptions(bootstrap=0))
ALL = catalogue.select(None)
WHY = "run it again"
SHAPES = (
    "relu_features",
    "long_tail",
    "near_collapse_1e-4",
    "near_collapse_1e-6",
    "huge_offset",
    "empty_class",
)


def batches(source: Source, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    assert source.features is not None and source.labels is not None
    for start in range(0, len(source.labels), rows):
        x = source.features.rows(start, start + rows)
        assert isinstance(x, Tensor)
        yield x, source.labels[start : start + rows]


def looked_at(source: Source, rows: int, *, again: bool = False) -> Source:
    assert source.features is not None
    look = FirstLook(source.names, source.features.shape[1], source.features.dtype, SETTINGS)
    for x, y in batches(source, rows):
        look.add(x, y)
    gathered = (
        look.gathered(WHY, lambda: batches(source, 11), source.labels)
        if again
        else (look.gathered(WHY))
    )
    return Source(
        None, None, source.names, source.weight, source.bias, source.ood, gathered=gathered,
        ignored=source.ignored,
    )  # fmt: skip


def report(source: Source) -> Report:
    return measure(source, ALL, SETTINGS).report


def alike(before: Result, after: Result) -> None:
    assert (before.value is None) == (after.value is None)
    if before.value is not None:
        assert after.value == pytest.approx(before.value, rel=1e-6, abs=1e-12), before.id


# With the same samples once more, every number is that of the samples themselves.
@pytest.mark.parametrize("name", SHAPES)
def test_second_look(name: str) -> None:
    source = sourced(arrays(name))
    whole, seen = report(source), report(looked_at(source, 13, again=True))
    for before, after in zip(whole.metrics, seen.metrics, strict=True):
        assert (after.status, after.reason) == (before.status, before.reason), before.id
        alike(before, after)


# Without, what takes the sums alone has the same numbers; the rest says what it would take.
@pytest.mark.parametrize("name", SHAPES)
def test_first_look(name: str) -> None:
    source = sourced(arrays(name))
    whole, seen = report(source), report(looked_at(source, 13))
    for before, after in zip(whole.metrics, seen.metrics, strict=True):
        if after.status == "skipped" and before.status != "skipped":
            assert after.reason == f"needs a second look at the samples: {WHY}"
        else:
            assert (after.status, after.reason) == (before.status, before.reason), before.id
            alike(before, after)
    assert {"nc1.pinv", "gnc1.pinv", "nc1.cdnv", "collapse.nc1", "gnc2.margin.means"} <= {
        result.id for result in seen.metrics if result.status == "ok"
    }
    assert seen["nc4.mismatch"].status == "skipped" and seen["nc1.pinv"].per_class is None


# Sums that were asked for stay as they are, whatever is added later; twice the samples, one spread.
def test_asked_for_between() -> None:
    source = sourced(arrays("relu_features"))
    assert source.features is not None
    look = FirstLook(source.names, source.features.shape[1], source.features.dtype, SETTINGS)
    for x, y in batches(source, 50):
        look.add(x, y)
    early = look.gathered(WHY)
    for x, y in batches(source, 50):
        look.add(x, y)
    once = Source(None, None, source.names, source.weight, source.bias, gathered=early)
    twice = Source(
        None,
        None,
        source.names,
        source.weight,
        source.bias,
        source.ood,
        gathered=look.gathered(WHY),
    )
    first, second = report(once), report(twice)
    assert second.data["n"] == 2 * int(str(first.data["n"]))
    assert second["nc1.pinv"].value is not None
    assert second["nc1.pinv"].value == pytest.approx(first["nc1.pinv"].value, rel=1e-9)


# Features that are not numbers are an error that says so.
def test_not_finite() -> None:
    from nctool.core.errors import InputError

    look = FirstLook(("a", "b"), 2, "float32", SETTINGS)
    look.add(torch.tensor([[1.0, 2.0], [float("nan"), 1.0]]), torch.tensor([0, 1]))
    with pytest.raises(InputError, match="NaN or infinity"):
        report(Source(None, None, ("a", "b"), None, None, gathered=look.gathered(WHY)))
