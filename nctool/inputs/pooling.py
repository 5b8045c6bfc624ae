"""One vector per sample from arrays with more dimensions, block by block as they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nctool.arrays import LazyArray
from nctool.settings.role_options import Pool


def pooled(array: LazyArray | None, pool: Pool | None) -> LazyArray | None:
    """Sequences (N, length, d) or maps (N, d, height, width) as (N, d), where there is a rule.

    Arrays without one are returned as they are: their shape is refused later, with both numbers.
    """
    if array is None or len(array.shape) < 3:
        return array
    if set(array.shape[2:]) == {1}:
        return _mapped(array, array.shape[1], array.dtype, lambda block: block.flatten(1))
    # The mean is taken in float64: sums of long sequences overflow float16.
    if pool == "mean" and len(array.shape) == 4:
        return _mapped(
            array, array.shape[1], "float64", lambda block: block.double().flatten(2).mean(2)
        )
    if pool is None or len(array.shape) != 3:
        return array
    if pool == "mean":
        return _mapped(array, array.shape[2], "float64", lambda block: block.double().mean(1))
    place = 0 if pool == "cls" else -1
    return _mapped(array, array.shape[2], array.dtype, lambda block: block[:, place])


def _mapped(array: LazyArray, dim: int, dtype: str, rule: Callable[[Any], Any]) -> LazyArray:
    """The same rows, each block put through a rule that leaves one vector per sample."""
    read = array.read
    return replace(
        array, shape=(array.shape[0], dim), dtype=dtype, read=lambda i, j: rule(read(i, j))
    )
