"""The values of a MATLAB file: arrays that are described, texts, numbers, and what holds them.

MATLAB has no arrays of one dimension: a row or a column is read as a vector, and an array of one
element as a number. Structs are taken apart by field (``data.features``, ``runs(2).x``), cells by
place (``c{1}``); a cell or a matrix of texts is an array of text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from nctool.arrays import LazyArray, NumpyArray, Opened, Rows
from nctool.readers.shared.collection import LONGEST_TEXT, MOST_FACTS
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.matlab_bytes import MATLAB, Packed
from nctool.readers.shared.pile import MOST_TEXT_BYTES
from nctool.readers.shared.region import TYPE_OF_CODE, Region, checked_shape, held, packed, unpacked
from nctool.readers.shared.wording import left_out


@dataclass(frozen=True, slots=True)
class Numbers:
    """Elements, column by column, from ``start`` on in the file or in what is packed there.

    ``dtype`` is what they are; whole numbers may be stored in fewer bytes than that takes.
    """

    dims: tuple[int, ...]
    dtype: str
    code: str
    start: int
    packed: Packed | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        if len(self.dims) == 2 and 1 in self.dims:
            return (prod(self.dims),)
        return self.dims

    def lazy(self, key: str, path: Path) -> LazyArray:
        shape = checked_shape(self.shape, key, path)
        stored = TYPE_OF_CODE[self.code[1:]]
        if self.packed is None:
            strides = packed(shape, fortran=True)
            plain = Region(path, self.start, self.code, stored, shape, strides).lazy(key, MATLAB)
        else:
            plain = unpacked(key, shape, stored, path, MATLAB, lambda: self._unpacked(shape))

        def typed(start: int, stop: int) -> Rows:
            import torch

            rows = plain.read(start, stop)
            assert isinstance(rows, torch.Tensor)
            rows = rows != 0 if self.dtype == "bool" else rows.to(getattr(torch, self.dtype))
            # Sums over columns that lie one after another would round in another order.
            return rows.contiguous()

        return LazyArray(key, shape, self.dtype, str(path), MATLAB, typed)

    def _unpacked(self, shape: tuple[int, ...]) -> NumpyArray:
        import numpy

        assert self.packed is not None
        code = numpy.dtype(self.code)
        content = self.packed.part(self.start, prod(shape) * code.itemsize)
        return numpy.frombuffer(content, dtype=code).reshape(shape, order="F")


@dataclass(frozen=True, slots=True)
class Nest:
    """A struct or a cell: its parts, each with what it adds to the key."""

    parts: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """What cannot be read as an array, and what it is."""

    what: str


Value = Numbers | Nest | Unread | str | bool | int | float | list[str]


@dataclass(slots=True)
class Tree:
    """One file's variables on their way to arrays, facts and a word about the rest."""

    path: Path
    arrays: dict[str, LazyArray] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    text_bytes: int = 0

    def opened(self, variables: Iterable[tuple[str, Value]]) -> Opened:
        name = None
        for name, value in variables:
            self.add(name, value)
        if name is None:
            raise corrupt(self.path, MATLAB, "there is no variable in it")
        hint = "in MATLAB, save them again as full(x), double(x) or cellstr(x)"
        notices = left_out(self.ignored, "variable", hint, done="read")
        return Opened(self.path, MATLAB, tuple(self.arrays.values()), self.facts, notices)

    def add(self, key: str, value: Value) -> None:
        match value:
            case Nest():
                for name, part in value.parts:
                    self.add(key + name, part)
            case Unread():
                self.ignored[f"{value.what} {shown(key, 60)}".strip()] += 1
            case _ if key in self.arrays or key in self.facts:
                self.ignored[f"second {shown(key, 60)}"] += 1
            case Numbers():
                self.arrays[key] = value.lazy(key, self.path)
            case list():
                self._texts(key, value)
            case str() if len(value) > LONGEST_TEXT:
                self.ignored[f"long text {shown(key, 60)}"] += 1
            case _ if len(self.facts) < MOST_FACTS:
                self.facts[key] = value
            case _:
                self.ignored["further values"] += 1

    def _texts(self, key: str, texts: list[str]) -> None:
        import numpy

        longest = max(map(len, texts), default=0)
        self.text_bytes += 4 * longest * len(texts)
        if longest > LONGEST_TEXT or self.text_bytes > MOST_TEXT_BYTES:
            self.ignored[f"long texts {shown(key, 60)}"] += 1
        else:
            self.arrays[key] = held(key, numpy.array(texts, dtype="U"), self.path, MATLAB)


def of_texts(texts: list[str]) -> Value:
    """The rows of a matrix of characters: one is a text, several are an array."""
    return texts[0] if len(texts) == 1 else texts
