"""A second pass that is not the first is seen, batch by batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nctool.capture.digests import Differs, digest_of
from nctool.capture.rows import Collected

TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(64, 10).to(dtype), torch.arange(64) % 4


def compare(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> None:
    one, other = (digest_of(Collected(x, y, {})) for x, y in (first, second))
    one.compare(other, 7)


# The same batch is the same, also where kernels sum in another order.
@pytest.mark.parametrize("dtype", TYPES)
def test_same(dtype: torch.dtype) -> None:
    x, y = batch(dtype)
    compare((x, y), (x.clone(), y.clone()))
    compare((x, y), (x * (1 + torch.finfo(dtype).eps * (torch.rand(64, 10) < 0.2)).to(dtype), y))


# Other augmentation, rows that changed places, other labels and other numbers of rows are not.
@pytest.mark.parametrize("dtype", TYPES)
def test_other(dtype: torch.dtype) -> None:
    x, y = batch(dtype)
    swapped = torch.arange(64).reshape(16, 4).flip(0).flatten()  # within each class
    for other, words in (
        ((x * 1.1, y), "other features"),
        ((torch.cat([x[:60], x[60:] * 1.5]), y), "other features"),
        ((x[swapped], y[swapped]), "other features"),
        ((x.flip(1), y), "other features"),
        ((x, y.roll(1)), "batch 7 holds other labels"),
        ((x[:-1], y[:-1]), "another shape or type"),
        ((x.to(torch.float32 if dtype != torch.float32 else torch.float64), y), "shape or type"),
    ):
        with pytest.raises(Differs, match=words):
            compare((x, y), other)
