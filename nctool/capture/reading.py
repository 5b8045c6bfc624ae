"""A module that is nothing but one product, read from the outside: its input, weight and bias."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from nctool.capture.products import Product, place
from nctool.capture.record import Frame, alive


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
            rows.numel() == product.rows.numel()
            and place(rows) == place(product.rows)
            and _same(weight, product.weight)
            and (bias is None) == (product.bias is None)
        ):
            return transposed
    return None


def _same(mine: Tensor, other: Tensor) -> bool:
    # Of a sharded parameter whose memory is given back, the shape alone is left.
    return mine.shape == other.shape and (not alive(other) or bool((mine == other).all()))
