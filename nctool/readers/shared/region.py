"""An array that lies in a file as plain bytes, and how its rows are mapped without reading more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Protocol

from nctool.arrays import ITEM_BYTES, LazyArray, NumpyArray, Rows
from nctool.core.errors import InputError
from nctool.readers.shared.edge import edge, shown

# torch types numpy has no name for travel as integers of the same width.
CARRIERS = {"bfloat16": "u2", "float8_e4m3fn": "u1", "float8_e5m2": "u1"}
KINDS = {"float": "f", "int": "i", "uint": "u", "bool": "b", "complex": "c"}

# An array without elements costs nothing to declare, yet a sweep over its rows would never end.
MOST_EMPTY_ROWS = 2**20
# An expanded tensor may repeat a small storage, but not to a size no memory could hold.
MOST_REPEATED_BYTES = 2**26


def numpy_code(dtype: str, order: str = "<") -> str:
    """The numpy type string under which the bytes of ``dtype`` can be mapped."""
    code = CARRIERS.get(dtype) or f"{KINDS[dtype.rstrip('0123456789')]}{ITEM_BYTES[dtype]}"
    return code if code.endswith("1") and code[0] != "f" else order + code


TYPE_OF_CODE = {numpy_code(dtype, ""): dtype for dtype in ITEM_BYTES if dtype not in CARRIERS}
"""By numpy's code without a byte order, the name of every type that numpy has."""


def checked_shape(shape: object, key: str, path: Path) -> tuple[int, ...]:
    """The shape as a tuple of sizes, or a stop when it is none."""
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    # bool is an int to isinstance; more than numpy's 32 dimensions (64 since 2.0) mean nothing.
    if not all(type(size) is int and size >= 0 for size in sizes) or len(sizes) > 32:
        problem = f"{shown(shape)}, expected non-negative integers"
    elif prod(sizes) == 0 and max(sizes) > MOST_EMPTY_ROWS:
        problem = f"{shown(sizes)} but no elements"
    else:
        return sizes
    message = f"'{shown(key)}' in '{shown(path)}' has the shape {problem}"
    raise InputError("shape-invalid", message, "the header is damaged; save the file again")


def packed(shape: tuple[int, ...], fortran: bool = False) -> tuple[int, ...]:
    """Strides, in items, of an array without gaps."""
    order = shape if fortran else shape[::-1]
    strides = tuple(prod(order[:axis]) for axis in range(len(order)))
    return strides if fortran else strides[::-1]


def span(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """How many items lie between the first and the last element, both included."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))


class Elsewhere(Protocol):
    """A file whose bytes are not all here, and who brings them.

    ``extent`` is where the array begins and ends that these bytes belong to: more of it will
    probably be asked for.
    """

    def at(self, begin: int, size: int, extent: tuple[int, int]) -> NumpyArray: ...


@dataclass(frozen=True, slots=True)
class Region:
    """Where the elements lie: ``code`` is the numpy type of the bytes, ``strides`` is in items."""

    path: Path
    start: int
    code: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    elsewhere: Elsewhere | None = None

    def lazy(self, key: str, format: str) -> LazyArray:
        def rows(low: int, high: int) -> Rows:
            return as_rows(self._mapped(low, high), self.dtype)

        return lazy_array(key, self.shape, self.dtype, self.path, format, rows)

    def _mapped(self, low: int, high: int) -> NumpyArray:
        import numpy

        item = numpy.dtype(self.code)
        shape, first = self.shape, 0
        if shape:
            shape, first = (high - low, *shape[1:]), low * self.strides[0]
        count = span(shape, self.strides)
        # Nothing is mapped for no rows: an empty mapping is an error of the system.
        if count == 0:
            return numpy.empty(shape, item)
        begin, size = self.start + first * item.itemsize, count * item.itemsize
        flat: NumpyArray
        if self.elsewhere is not None:
            end = self.start + span(self.shape, self.strides) * item.itemsize
            flat = self.elsewhere.at(begin, size, (self.start, end)).view(item)
        else:
            require_length(self.path, begin + size)
            flat = numpy.memmap(self.path, dtype=item, mode="c", offset=begin, shape=(count,))
        steps = tuple(step * item.itemsize for step in self.strides)
        return numpy.lib.stride_tricks.as_strided(flat, shape, steps)


def require_length(path: Path, end: int) -> None:
    """Touching a mapping behind the end of a file that shrank would kill the process."""
    if path.stat().st_size < end:
        message = f"'{shown(path)}' became shorter after it was opened"
        raise InputError("file-changed", message, "wait until the file is written, then run again")


def as_rows(array: NumpyArray, dtype: str) -> Rows:
    """A torch tensor over the same memory where possible; text stays a numpy array of str."""
    import numpy
    import torch

    if dtype == "str":
        if array.dtype.kind == "S":
            return numpy.strings.decode(array, "utf-8", "replace")
        return numpy.asarray(array, dtype=array.dtype.newbyteorder("="))
    # Compiled loops may assume aligned items; numpy packs the members of an .npz without care.
    if not array.dtype.isnative or not array.flags.aligned or not array.flags.writeable:
        array = array.astype(array.dtype.newbyteorder("="))
    tensor = torch.from_numpy(array)
    return tensor.view(getattr(torch, dtype)) if dtype in CARRIERS else tensor


def held(key: str, array: NumpyArray, path: Path, format: str) -> LazyArray:
    """An array small enough to have come along with the description of its file."""
    dtype = "str" if array.dtype.kind in "US" else array.dtype.name
    return unpacked(key, array.shape, dtype, path, format, lambda: array)


def unpacked(
    key: str, shape: tuple[int, ...], dtype: str, path: Path, format: str,
    whole: Callable[[], NumpyArray],
) -> LazyArray:  # fmt: skip
    """An array that can only be had as a whole; ``whole`` is called when rows are asked for."""
    once = cache(whole)

    def rows(low: int, high: int) -> Rows:
        return as_rows(once()[low:high] if shape else once(), dtype)

    return lazy_array(key, shape, dtype, path, format, rows)


def lazy_array(
    key: str, shape: tuple[int, ...], dtype: str, path: Path, format: str,
    rows: Callable[[int, int], Rows],
) -> LazyArray:  # fmt: skip
    """An array whose ``rows`` are asked for within its bounds; a single number has one row."""

    def read(start: int, stop: int) -> Rows:
        with edge(path, format):
            low, high, _ = slice(start, stop).indices(shape[0] if shape else 1)
            return rows(low, max(low, high))

    return LazyArray(key, shape, dtype, str(path), format, read)
