"""A model that several processes run, each over a share of the samples, is measured as one."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, TensorDataset

import nctool
from nctool.core.errors import InputError, ResourceError, UsageError
from nctool.hosts.shares import share_of
from nctool.ranks.group import Ranks
from nctool.report import Report
from tests.hosts.by_hand import Network, agree, by_hand, samples
from tests.support.ranks import on_ranks


def network() -> Network:
    torch.manual_seed(0)
    return Network()


def whole() -> Report:
    return by_hand(network(), *samples())


def share(group: Ranks) -> Any:
    loader: Any = DataLoader(TensorDataset(*samples()), batch_size=16)
    return share_of(loader, group.rank, group.size)


def collecting(group: Ranks, **options: Any) -> tuple[dict[str, float], Any]:
    report = nctool.collect(network(), share(group), progress=False, **options)
    return report.flat("nc/", separator="/"), report.to_dict()["data"]["n"]


def monitoring(group: Ranks) -> tuple[dict[str, float], Any]:
    model = network().eval()
    with nctool.Monitor(model) as monitor, torch.no_grad():
        for x, y in share(group):
            model(x)
            monitor.add(y)
        report = monitor.report(ranks=True)
    return report.flat("nc/", separator="/"), report.data["n"]


# Every process gets the numbers of all samples: those that need a second look from a second pass.
def test_collect() -> None:
    first, second = on_ranks(2, collecting)
    assert first == second and first[1] == len(samples()[1])
    agree(first[0], whole(), many=60)
    missing = whole().flat("nc/", separator="/").keys() - first[0].keys()
    assert not missing


def alone(group: Ranks) -> str:
    os.environ["NCTOOL_RANK_TIMEOUT"] = "1"
    own = nctool.collect(network(), share(group), progress=False, ranks=False)
    assert isinstance(own, Report)
    assert own.settings["world_size"] == 1 and own.data["n"] < len(samples()[1])
    said = ""
    if group.rank == 0:
        with pytest.raises(ResourceError) as caught:
            nctool.collect(network(), share(group), progress=False)
        said = str(caught.value)
    dist.barrier()
    os.environ["NCTOOL_RANK_TIMEOUT"] = "60"
    assert collecting(group)[1] == len(samples()[1])
    return said


# One process alone is told who is missing before anything is exchanged, and may measure its own;
# afterwards all may still come.
def test_alone() -> None:
    first, _ = on_ranks(2, alone)
    assert "rank 1 of 2 did not come within 1 seconds" in first and "ranks=False" in first


# A Monitor in each process gives what one gives of all samples, and says no more than that.
def test_monitor() -> None:
    first, second = on_ranks(2, monitoring)
    assert first == second and first[1] == len(samples()[1])
    first[0].pop("nc/collapse/weakest")  # without NC4, which takes a second look
    agree(first[0], whole(), many=40)


def failing(group: Ranks) -> None:
    loader = [] if group.rank else share(group)
    nctool.collect(network(), loader, ranks=True, progress=False)


# What one process raises all raise, and none waits for another.
def test_error_of_one() -> None:
    problems = on_ranks(2, failing)
    assert [type(problem) for problem in problems] == [InputError] * 2
    assert {problem.slug for problem in problems} == {"loader-empty"}


# Rows are not kept by several processes, and several there have to be.
def test_refusals(tmp_path: Any) -> None:
    with pytest.raises(UsageError) as caught:
        nctool.collect(network(), [samples()], ranks=True, out=tmp_path / "rows")
    assert caught.value.slug == "out-with-ranks"
    with pytest.raises(UsageError) as caught:
        nctool.collect(network(), [samples()], ranks=True)
    assert caught.value.slug == "no-ranks"
