"""Named arrays that are not read until somebody asks for rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nctool.core.notice import Notice

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor

    from nctool.report import Input

# Named here once, so that what reads files needs neither library until rows are asked for.
NumpyArray: TypeAlias = "ndarray"
Rows: TypeAlias = "Tensor | ndarray"

ITEM_BYTES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1,
    "uint64": 8, "uint32": 4, "uint16": 2, "uint8": 1, "bool": 1,
    "complex64": 8, "complex128": 16, "float8_e4m3fn": 1, "float8_e5m2": 1,
}  # fmt: skip

FLOATS = frozenset({"float64", "float32", "float16", "bfloat16"})
INTEGERS = frozenset(
    {"int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"}
)


@dataclass(frozen=True, slots=True)
class LazyArray:
    """One array of a file: its description, and a way to read a range of its rows.

    ``read(start, stop)`` returns a torch tensor on the CPU in the stored dtype, or a numpy array
    of ``str`` when ``dtype`` is ``"str"``. A zero-dimensional array has the single row 0..1.
    """

    key: str
    shape: tuple[int, ...]
    dtype: str
    path: str
    format: str
    read: Callable[[int, int], Rows] = field(repr=False, compare=False)
    joined: str = ""
    """Of an array in parts: how many they are, and in which order they were put together."""

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * ITEM_BYTES.get(self.dtype, 1)

    def rows(self, start: int, stop: int) -> Rows:
        return self.read(start, stop)

    def whole(self) -> Rows:
        return self.read(0, self.shape[0] if self.shape else 1)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a reader found in one file or folder; nothing of it has been read yet."""

    path: Path
    format: str
    arrays: tuple[LazyArray, ...]
    metadata: Mapping[str, object] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    address: str = ""
    """Where it really is, when ``path`` is a temporary place."""

    @property
    def where(self) -> str:
        return self.address or str(self.path)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What passes over the samples found before, in place of the samples."""

    sums: Mapping[str, object]
    """By fact: what its accumulator gave."""
    dim: int
    dtype: str  # of the features as they were seen
    work: str  # precision of the sums of blocks, float32 or float64
    why: str
    """Why there is no second look at the samples, and what to do for one."""
    again: Callable[[], Iterator[tuple[Tensor, Tensor]]] | None = None
    """The same samples once more, in the same order: features (B, D), class indices (B,)."""
    labels: Tensor | None = None  # (N,) int32 class index, where they were kept
    made: Mapping[str, object] = field(default_factory=dict)
    """By setting, what the sums of later passes depend on."""
    settled: Mapping[str, object] = field(default_factory=dict)
    """Of facts that take all samples at once: what was found, or the reason why nothing was."""
    unordered: str = ""
    """Why these are not there, where the reason is another than for a second look."""


@dataclass(frozen=True, slots=True)
class Source:
    """Everything one analysis reads: arrays by role, classes, and where all of it came from."""

    features: LazyArray | None
    labels: Tensor | None  # (N,) int32 class index, -1 is left out
    names: tuple[str, ...]
    weight: Tensor | None  # (C, D) stored precision, on the CPU
    bias: Tensor | None  # (C,)
    ood: LazyArray | None = None
    ignored: int = 0
    inputs: tuple[Input, ...] = ()
    run: Mapping[str, object] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    gathered: Gathered | None = None
    """In place of features and labels."""
    share: tuple[int, int] | None = None
    """Which rows of the features this process reads, where several measure them together."""
