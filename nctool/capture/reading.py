"""A module that is nothing but one product, read from the outside: its input, weight and bias."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from nctool.capture.products import Product
from nctool.capture.record import Frame


def read(
    module: nn.Module, input: Tensor, transposed: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """(..., d) rows, (C, d) weight and (C,) bias, as they are in this moment."""
    weight, bias = _held(module, "weight"), _held(module, "bias")
    assert weight is not None
    if weight.ndim == 2:
        return input, weight.T if transposed else weight, bias
    if set(weight.shape[2:]) == {1}:
        return input.movedim(1, -1), weight.flatten(1), bias
    rows = input.flatten(1)
    return rows.view(len(rows), *(1,) * (weight.ndim - 2), -1), weight.flatten(1), bias


def _held(module: nn.Module, name: str) -> Tensor | None:
    value: Any = getattr(module, name, None)
    value = value() if callable(value) and not isinstance(value, Tensor) else value
    return value.dequantize() if isinstance(value, Tensor) and value.is_quantized else value


def readable(frame: Frame, product: Product) -> bool | None:
    """Is all of this product in the module and its input? If so, whether the weight is transposed.

    A weight that is computed anew whenever it is read is taken from the operation instead: reading
    it takes time, and a step of power iteration (``spectral_norm`` in training).
    """
    if frame.products != 1 or parametrize.is_parametrized(frame.module):
        return None
    input = next((each for each in frame.inputs if isinstance(each, Tensor)), None)
    if input is None or not isinstance(_held(frame.module, "weight"), Tensor):
        return None
    for transposed in (False, True):
        rows, weight, bias = read(frame.module, input, transposed)
        if (
            rows.shape == product.rows.shape
            and rows.data_ptr() == product.rows.data_ptr()
            and _same(weight, product.weight)
            and _same(bias, product.bias)
        ):
            return transposed
    return None


def _same(mine: Tensor | None, other: Tensor | None) -> bool:
    if mine is None or other is None:
        return mine is other
    return mine.shape == other.shape and bool((mine == other).all())
