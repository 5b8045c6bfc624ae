"""Which device a name stands for, and how large its blocks are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from nctool.core.errors import ResourceError, UsageError
from nctool.engine import device
from nctool.engine.device import (
    CPU_BLOCK,
    CPU_SCORES,
    MOST_FEATURES,
    Engine,
    choose_device,
    described,
)
from nctool.settings.compute_options import ComputeOptions

GIB = 1 << 30


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    about = SimpleNamespace(name="Tensor Engine 9", total_memory=80 * GIB)
    for name, value in {
        "is_available": lambda: True, "device_count": lambda: 2, "current_device": lambda: 1,
        "get_device_properties": lambda index: about,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)


# A device has its number, and the one that the process uses is meant where none is given.
def test_numbers(two_gpus: None) -> None:
    assert str(choose_device("cuda")) == str(choose_device("auto")) == "cuda:1"
    assert str(choose_device("cuda:0")) == "cuda:0" and str(choose_device("cpu")) == "cpu"


# One that is not there is told with those that are.
def test_absent(two_gpus: None) -> None:
    with pytest.raises(ResourceError, match="there are cuda:0, cuda:1") as told:
        choose_device("cuda:7")
    assert told.value.exit_code == 5 and "--device cuda:0" in told.value.hint


# What is no device that nctool computes on is a mistake of whoever named it.
@pytest.mark.parametrize("name", ["meta", "xla", "cuda:x", "cuda:-1", "", "cpu:0:1", "gpu", "CUDA"])
def test_no_device(name: str) -> None:
    with pytest.raises(UsageError, match="is no device"):
        ComputeOptions(device=name)


# A report from a GPU says which one, out of how many, its driver and what torch was built for.
def test_described(two_gpus: None, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    assert described(torch.device("cpu")) == {}
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(device, "_driver", lambda: "570.86.15")
    assert described(torch.device("cuda", 1)) == {
        "gpu": "Tensor Engine 9, 80 GiB (cuda:1 of 2)", "driver": "570.86.15", "cuda": "12.8",
    }  # fmt: skip


# The more memory a device has, the larger its blocks, within bounds; on a CPU they stay in cache.
def test_block_sizes() -> None:
    place = torch.device("cuda", 0)
    sizes = [Engine.on(place, torch.float32, memory) for memory in (GIB // 2, 24 * GIB, 140 * GIB)]
    assert sizes[0].block_bytes == CPU_BLOCK and sizes[-1].block_bytes == MOST_FEATURES
    assert sizes[0].block_bytes < sizes[1].block_bytes < sizes[2].block_bytes
    assert all(16 * (each.block_bytes + each.score_bytes) < each.memory for each in sizes)
    cpu = Engine.on(torch.device("cpu"), torch.float64)
    assert (cpu.block_bytes, cpu.score_bytes, cpu.memory) == (CPU_BLOCK, CPU_SCORES, 0)
