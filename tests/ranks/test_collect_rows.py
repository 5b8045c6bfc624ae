"""Every rank runs the model over its share of the data, and all get the report of all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import nctool
from nctool.ranks.group import Ranks
from nctool.report import Report
from tests.support.ranks import on_ranks

SAMPLES, CLASSES = 101, 4
METRICS = "nc1.trace_ratio,nc1.pinv,nc3.*,nc4.accuracy"


def made() -> tuple[nn.Module, TensorDataset]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, CLASSES)).double()
    y = torch.arange(SAMPLES) % CLASSES
    x = torch.randn(SAMPLES, 6, dtype=torch.float64) + y[:, None]
    return model, TensorDataset(x, y)


def collect(loader: Any, spool: str, *, ranks: bool) -> Report:
    report = nctool.collect(
        made()[0], loader, spool=spool, metrics=METRICS, bootstrap=0, progress=False, ranks=ranks
    )
    assert isinstance(report, Report)
    return report


def shared(group: Ranks, spool: str) -> Report:
    data = made()[1]
    sampler: Any = DistributedSampler(data, group.size, group.rank, shuffle=True, seed=3)
    return collect(DataLoader(data, 10, sampler=sampler), spool, ranks=True)


def uneven(group: Ranks, spool: str) -> Report:
    """Of two ranks the second has one class only."""
    rows = made()[1]
    y = rows.tensors[1]
    mine = torch.nonzero(y == 2).flatten() if group.rank else torch.nonzero(y != 2).flatten()
    part = TensorDataset(*(each[mine] for each in rows.tensors))
    return collect(DataLoader(part, 10), spool, ranks=True)


# As one process: rows kept or not, what a sampler repeats left out, classes that one rank lacks.
@pytest.mark.parametrize(
    ("work", "spool", "padding"),
    [(shared, "1GiB", 1), (uneven, "1GiB", 0), (uneven, "0", 0)],
)
def test_equal_to_one(work: Any, spool: str, padding: int) -> None:
    one = collect(DataLoader(made()[1], 10), spool, ranks=False)
    for report in on_ranks(2, work, spool):
        assert isinstance(report, Report), report
        assert report.data["n"] == SAMPLES and report.data["ignored"] == padding
        assert ("sampler-padding" in {each.slug for each in report.warnings}) == bool(padding)
        for first, second in zip(one, report, strict=True):
            assert (first.status, first.reason) == (second.status, second.reason)
            if first.value is None:
                assert second.value is None
            else:
                assert second.value == pytest.approx(first.value, rel=1e-9, abs=1e-12), first.id
