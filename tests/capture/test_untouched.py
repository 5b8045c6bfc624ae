"""What a model and its surroundings are, before and after they are looked at."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from nctool.capture.untouched import fingerprint, forward_modes, randomness_of, untouched


def network() -> Any:
    torch.manual_seed(0)
    model: Any = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(6))
    )
    model[2][1].training = False  # frozen, while its neighbours train
    return model


def drawn(loader: object = None) -> list[float]:
    """A number of every source of randomness."""
    own = getattr(loader, "generator", None)
    return [
        random.random(), float(np.random.rand()), float(torch.rand(1)),
        float(torch.rand(1, generator=own)),
    ]  # fmt: skip


# Inside all is in eval mode; afterwards every flag, buffer and random state is as it was.
@pytest.mark.parametrize("fails", [False, True])
def test_restored(fails: bool) -> None:
    model, before = network(), network().state_dict()
    model[1].register_buffer("table", None)
    flags = [module.training for module in model.modules()]
    own = torch.Generator().manual_seed(3)
    data: Any = [1, 2, 3]
    loader = DataLoader(data, shuffle=True, generator=own)
    restore = randomness_of(loader)
    expected = drawn(loader)
    restore()
    with suppress(KeyboardInterrupt), untouched(model, loader):
        assert not any(module.training for module in model.modules())
        drawn(loader)
        list(loader)
        model[1].running_mean.add_(1)
        model[1].running_var = torch.zeros(6)
        model[1].table = torch.zeros(6)
        if fails:
            raise KeyboardInterrupt
    assert [module.training for module in model.modules()] == flags
    assert model[1].table is None
    assert drawn(loader) == expected
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


# The generators of a loader are its own, its sampler's, and that of the sampler within batches.
def test_generators() -> None:
    data: Any = list(range(50))
    own, sampler = torch.Generator(), torch.Generator()
    drawing = torch.utils.data.RandomSampler(data, generator=sampler)
    plain = DataLoader(data, sampler=drawing, generator=own)
    batches = torch.utils.data.BatchSampler(drawing, 2, drop_last=False)
    for loader in (plain, DataLoader(data, batch_sampler=batches)):
        restore = randomness_of(loader)
        first = torch.cat(list(loader))
        assert not torch.equal(torch.cat(list(loader)), first)
        restore()
        assert torch.equal(torch.cat(list(loader)), first)


# Gradients are off, without inference mode even where the caller is in it: what a model builds
# lazily serves its training later.
@pytest.mark.parametrize("outer", [False, True])
def test_forward_modes(outer: bool) -> None:
    with torch.inference_mode(outer), forward_modes(torch.device("cpu"), fp32=False):
        table = torch.ones(3)
        assert not torch.is_grad_enabled() and not table.is_inference()
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    weight = torch.ones(3, requires_grad=True)
    (weight * table).sum().backward()  # type: ignore[no-untyped-call]


# Without autocast the products inside are of the model's own precision.
@pytest.mark.parametrize(("fp32", "seen"), [(False, torch.bfloat16), (True, torch.float32)])
def test_autocast(fp32: bool, seen: torch.dtype) -> None:
    with torch.autocast("cpu", torch.bfloat16), forward_modes(torch.device("cpu"), fp32=fp32):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == seen


def by_data(model: Any) -> None:
    model[0].weight.data.add_(1e-3)


def by_numpy(model: Any) -> None:
    model[0].weight.detach().numpy()[...] *= 1.001


def by_batch_norm(model: Any) -> None:
    model[1](torch.randn(8, 6))


def by_fused(model: Any) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    model(torch.randn(8, 4)).square().sum().backward()
    optimizer.step()


# Every way in which a model changes is seen, those that leave no trace in versions too.
@pytest.mark.parametrize("change", [by_data, by_numpy, by_batch_norm, by_fused])
def test_fingerprint(change: Callable[[Any], None]) -> None:
    model = network()
    before = fingerprint(model)
    assert fingerprint(model) == before == fingerprint(network())
    change(model)
    assert fingerprint(model) != before


# Of the head every element is looked at.
def test_fingerprint_of_the_head() -> None:
    head = torch.zeros(300, 300)
    model = nn.Identity()
    before = fingerprint(model, (head,))
    head[123, 45] = 1e-30
    assert fingerprint(model, (head,)) != before
