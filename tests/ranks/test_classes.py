"""State that is too large for one process is shared out by class."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nctool import metrics
from nctool.analysis import shares
from nctool.analysis.measure import measure
from nctool.arrays import LazyArray
from nctool.core.progress import Silent
from nctool.engine.class_share import ClassShare
from nctool.engine.device import Engine
from nctool.engine.group import ALONE, Group
from nctool.inputs.assemble import assemble
from nctool.ranks.group import Ranks
from nctool.report import Report
from nctool.settings.budget import Budget
from nctool.settings.compute_options import ComputeOptions
from tests.ranks.test_measure import CASES, LIMITS, METRICS, alike, alone, shuffled, source_of
from tests.support.law_bench import SETTINGS, lazily
from tests.support.ranks import on_ranks

CLASSES, DIM = 200_000, 16
FEASIBLE = (
    "nc1.pinv,nc1.trace_ratio,nc1.within_fraction,gnc1.pinv,nc2.norm_cv.*,nc3.distance,gnc3.duality"
)
"""What takes no pairs of classes."""


def by_class(group: Ranks, cases: list[tuple[str, str]]) -> list[Report]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shares, "state_bytes", lambda *sizes: 1 << 62)
        given = [source_of(shuffled(*case)) for case in cases]
        analyses = [measure(source, METRICS, SETTINGS, group=group) for source in given]
    assert all(isinstance(each.facts.value("samples"), ClassShare) for each in analyses)
    return [each.report for each in analyses]


# Wherever the rows of a class lie, and with classes that nobody has: what one process reports.
@pytest.mark.parametrize(("size", "cases"), [(2, CASES), (3, CASES[2:3])])
def test_equal_to_one(size: int, cases: list[tuple[str, str]]) -> None:
    reports = on_ranks(size, by_class, cases)
    for place, (name, dtype) in enumerate(cases):
        for each in reports:
            alike(alone(shuffled(name, dtype)), each[place], LIMITS[dtype])


def many_classes(group: Group) -> Report:
    """200,000 classes of two samples or so, under the least memory there is."""
    random = torch.Generator().manual_seed(0)
    more = torch.randint(CLASSES, (CLASSES,), generator=random)
    labels = torch.cat([torch.arange(CLASSES), more])
    labels = labels[torch.randperm(len(labels), generator=random)]
    means = torch.randn(CLASSES, DIM, generator=random)
    features = means[labels] + 0.3 * torch.randn(len(labels), DIM, generator=random)
    source = assemble(lazily("features", features), lazily("labels", labels), means, None)
    compute = ComputeOptions(device="cpu", bootstrap=0)
    settings = replace(SETTINGS, compute=compute, budget=Budget(memory=64 << 20))
    analysis = measure(source, metrics.select(FEASIBLE), settings, group=group)
    assert isinstance(analysis.facts.value("samples"), ClassShare) == (group.size > 1)
    return analysis.report


# Two processes with little memory, each with the state of half of very many classes, equal one.
def test_very_many_classes() -> None:
    whole = many_classes(ALONE)
    first, second = on_ranks(2, many_classes)
    for report in (first, second):
        alike(whole, report, 1e-9)
    assert len(whole.metrics) == 8 and all(result.status == "ok" for result in whole)


# A file that is sorted by class is read by each process only where its classes are.
def test_sorted() -> None:
    read: list[tuple[int, int]] = []
    labels, features = torch.arange(40_000) // 10_000, torch.ones(40_000, 512)

    def rows(start: int, stop: int) -> torch.Tensor:
        read.append((start, stop))
        return features[start:stop]

    lazy = LazyArray("features", (40_000, 512), "float32", "", "memory", rows)
    engine = Engine(torch.device("cpu"), torch.float32)
    samples = ClassShare(
        lazy, labels, engine, Silent(), "", False, (0, 40_000), classes=(1, 3)
    )  # fmt: skip
    blocks = list(samples.blocks(()))
    assert sum(len(block.y) for block in blocks) == 20_000
    assert torch.equal(
        torch.cat([block.positions for block in blocks]), 10_000 + torch.arange(20_000)
    )
    assert min(read)[0] > 5_000 and max(read)[1] < 35_000
