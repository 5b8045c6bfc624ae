"""What an analysis must leave as it found it: the caller's arrays, settings and memory."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

import nctool
from nctool.core.errors import InputError
from nctool.settings.conventions import PROFILES
from tests.support.stored_populations import STORAGE, small_blocks
from tests.support.ten_classes import given, values


# Trap: tensors that are part of a graph, from training or from inference.
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_autograd(mode: Callable[[], Any]) -> None:
    plain = given("float32")
    with mode():
        features = plain["features"].clone().requires_grad_() * 1.0
        head = torch.nn.Linear(24, 10)
        head.weight.data.copy_(plain["weight"])
        head.bias.data.copy_(plain["bias"])
        learnt = {"features": features, "weight": head.weight, "bias": head.bias}
        report = nctool.analyze(**plain | learnt)
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
    assert values(report) == values(nctool.analyze(**plain))
    assert head.weight.requires_grad and head.weight.grad is None


# Trap: sums made in place in the first sample of a class; every input is as it was, to the bit.
@pytest.mark.parametrize("profile", [None, *PROFILES])
@pytest.mark.parametrize("dtype", STORAGE)
def test_inputs_unchanged(dtype: str, profile: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = given(dtype)
    copies = {role: torch.as_tensor(one).clone() for role, one in arrays.items()}
    nctool.analyze(**arrays, profile=profile, per_class=True)
    with small_blocks(16):
        nctool.analyze(**arrays, profile=profile)
    monkeypatch.setattr("nctool.statistics.parts.RESIDUAL_CLASSES", 0)
    nctool.analyze(**arrays, profile=profile)
    for role, copy in copies.items():
        assert torch.equal(torch.as_tensor(arrays[role]), copy), role


@contextmanager
def caller(*, deterministic: bool, warn_only: bool) -> Iterator[None]:
    """Settings that a training script may have made; as they were afterwards."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        torch.set_num_threads(2)
        torch.set_float32_matmul_precision("medium")
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(False)


def global_state() -> tuple[object, ...]:
    return (
        torch.get_num_threads(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_dtype(),
        torch.get_rng_state().tolist(),
        pickle.dumps(np.random.get_state()),
    )


# Trap: global settings left changed, after an error too.
@pytest.mark.parametrize(
    ("deterministic", "warn_only"), [(False, False), (True, False), (True, True)]
)
def test_global_settings(deterministic: bool, warn_only: bool) -> None:
    arrays = given("float32")
    with caller(deterministic=deterministic, warn_only=warn_only):
        before = global_state()
        nctool.analyze(**arrays, threads=1, deterministic=True)
        assert global_state() == before
        broken = arrays | {"features": arrays["features"] * torch.nan}
        with pytest.raises(InputError):
            nctool.analyze(**broken, threads=1, deterministic=True)
        assert global_state() == before


# Trap: numbers that depend on the caller's default type.
def test_default_dtype() -> None:
    expected = nctool.analyze(**given("float32"), per_class=True).digest
    usual = torch.get_default_dtype()
    try:
        for dtype in (torch.float64, torch.bfloat16):
            torch.set_default_dtype(dtype)
            assert nctool.analyze(**given("float32"), per_class=True).digest == expected
    finally:
        torch.set_default_dtype(usual)


MEMORY = """
import resource, sys
import nctool, torch
torch.set_num_threads(1)
def measure(samples, classes, dim):
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(classes, dim, generator=random)
    labels = torch.arange(samples) % classes
    features = weight[labels]
    features += 0.1 * torch.randn(samples, dim, generator=random)
    nctool.analyze(features=features, labels=labels, weight=weight)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)
small = measure(500, 10, 32)
print(measure(30_000, 3000, 32) - small)
"""


# Trap: temporaries of N x K or K^2 D numbers; neither fits where the analysis does.
@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is asked of resource")
def test_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    peak, every_score, every_step = int(done.stdout), 30_000 * 3000 * 4, 3000**2 * 32 * 8
    assert peak < every_score / 2 < every_step / 10, f"{peak / 2**20:.0f} MiB"
