"""What Flax puts into MessagePack: arrays, numbers of numpy, complex numbers, arrays in chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.arrays import FLOATS, INTEGERS, ITEM_BYTES, LazyArray, Opened
from nctool.core.notice import Notice
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.msgpack_scan import Scanner, Span
from nctool.readers.shared.region import Region, checked_shape, held, numpy_code, packed
from nctool.readers.shared.stitched import stitched

if TYPE_CHECKING:
    from numpy import ndarray

ARRAY, COMPLEX, SCALAR = 1, 2, 3
CHUNKED = "__msgpack_chunked_array__"
# What numpy calls an item of two bytes that it has no name for.
NAMELESS = frozenset({"V2", "void16"})
MOMENTS = frozenset({"step", "epoch", "global_step"})
MOST_FACTS = 10_000
LONGEST_TEXT = 4096
MOST_TEXT_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class Packed:
    """An array as it lies in the file; ``single`` is a numpy number that was saved as one."""

    shape: tuple[int, ...]
    dtype: str
    data: Span
    single: bool


def extension(scanner: Scanner, span: Span) -> object:
    """An array's description, or the span as it is."""
    if span.code not in (ARRAY, SCALAR):
        return span
    found = scanner.within(span)
    if not isinstance(found, list) or len(found) != 3:
        raise ValueError(f"the array at byte {span.start} is not a shape, a type and bytes")
    shape, name, data = found
    if not isinstance(data, Span) or data.kind != "bytes" or not isinstance(shape, list):
        raise ValueError(f"the array at byte {span.start} is not a shape, a type and bytes")
    sizes = tuple(size for size in shape if type(size) is int and size >= 0)
    if len(sizes) != len(shape) or not isinstance(name, str):
        raise ValueError(f"the array at byte {span.start} has no shape or no type")
    return Packed(sizes, "bfloat16" if name in NAMELESS else name, data, span.code == SCALAR)


@dataclass(slots=True)
class Tree:
    """One walk through the maps of a file; keys are joined by ``separator``."""

    path: Path
    format: str
    separator: str = "."
    arrays: dict[str, LazyArray] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)

    def opened(self, root: object) -> Opened:
        self.visit(root, "")
        return Opened(
            self.path, self.format, tuple(self.arrays.values()), self.facts, self.notices()
        )

    def visit(self, value: object, key: str) -> None:
        match value:
            case None:
                pass
            case dict() if CHUNKED in value:
                self.chunked(value, key or "value")
            case dict():
                for name, one in value.items():
                    self.visit(one, self.joined(key, name))
            case list():
                self.items(value, key)
            case Packed():
                self.packed(value, key or "value")
            case Span():
                complex_number = value.kind == "extension" and value.code == COMPLEX
                self.ignored["complex number" if complex_number else _kind(value)] += 1
            case _:
                self.state(value, key or "value")

    def joined(self, key: str, name: str) -> str:
        return f"{key}{self.separator}{name}" if key else name

    def items(self, values: list[object], key: str) -> None:
        array = as_array(values)
        if array is not None:
            self.keep(held(key or "value", array, self.path, self.format))
            return
        for number, value in enumerate(values):
            self.visit(value, self.joined(key, str(number)))

    def packed(self, value: Packed, key: str) -> None:
        region = self.region(value, key)
        if region is None:
            self.ignored[f"array of type {value.dtype}"] += 1
            return
        array = region.lazy(key, self.format)
        if not value.single:
            self.keep(array)
        if value.dtype in FLOATS | INTEGERS and not value.shape:
            if value.single or key in MOMENTS:
                self.state(array.whole().item(), key)
        elif value.single:
            self.ignored[f"number of type {value.dtype}"] += 1

    def region(self, value: Packed, key: str) -> Region | None:
        if value.dtype not in ITEM_BYTES:
            return None
        sizes = checked_shape(value.shape, key, self.path)
        expected = prod(sizes) * ITEM_BYTES[value.dtype]
        if value.data.length != expected:
            found = (
                f"'{shown(key)}' of shape {sizes} and type {value.dtype} needs {expected} bytes "
                f"but has {value.data.length}"
            )
            raise corrupt(self.path, self.format, found)
        code = numpy_code(value.dtype)
        return Region(self.path, value.data.start, code, value.dtype, sizes, packed(sizes))

    def chunked(self, value: Mapping[str, object], key: str) -> None:
        """An array of more than a gibibyte, which Flax cuts into flat ones."""
        shape, chunks = _ordered(value.get("shape")), _ordered(value.get("chunks"))
        sizes = checked_shape(shape, key, self.path)
        found = [chunk for chunk in chunks if isinstance(chunk, Packed) and len(chunk.shape) == 1]
        types = {chunk.dtype for chunk in found}
        if not found or not sizes or len(found) != len(chunks) or len(types) != 1:
            raise corrupt(self.path, self.format, f"'{shown(key)}' is not an array in chunks")
        if sum(chunk.shape[0] for chunk in found) != prod(sizes):
            raise corrupt(self.path, self.format, f"the chunks of '{shown(key)}' do not fill it")
        regions = [region for chunk in found if (region := self.region(chunk, key)) is not None]
        if regions:
            self.keep(stitched(key, sizes, regions, self.format))
        else:
            self.ignored[f"array of type {found[0].dtype}"] += 1

    def state(self, value: object, key: str) -> None:
        long = isinstance(value, str) and len(value) > LONGEST_TEXT
        if long or len(self.facts) >= MOST_FACTS:
            self.ignored["overlong value"] += 1
        else:
            self.facts[key] = value

    def keep(self, array: LazyArray) -> None:
        if array.key in self.arrays:
            self.ignored[f"second array named {array.key}"] += 1
        else:
            self.arrays[array.key] = array

    def notices(self) -> tuple[Notice, ...]:
        if not self.ignored:
            return ()
        count, names = sum(self.ignored.values()), [shown(name, 80) for name in self.ignored]
        listed = ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
        noun = "object was" if count == 1 else "objects were"
        message = f"{count} {noun} not loaded: {listed}"
        hint = "only arrays, numbers and text are read"
        return (Notice("objects-ignored", message, hint, {"count": count, "names": names[:50]}),)


def as_array(values: list[object]) -> ndarray | None:
    """Two or more numbers or texts in a list as an array."""
    import numpy

    kinds = {type(value) for value in values}
    if len(values) < 2 or not kinds <= {bool, int, float, str}:
        return None
    if kinds == {str}:
        longest = max(len(str(value)) for value in values)
        return numpy.array(values) if 4 * longest * len(values) <= MOST_TEXT_BYTES else None
    if kinds == {bool}:
        return numpy.array(values, dtype="bool")
    try:
        if kinds == {int}:
            return numpy.array(values, dtype="int64")
        return numpy.array(values, dtype="float64") if kinds <= {int, float} else None
    except OverflowError:
        return None


def _kind(span: Span) -> str:
    return f"extension of type {span.code}" if span.kind == "extension" else span.kind


def _ordered(value: object) -> list[object]:
    """Flax writes a tuple as a map from its positions."""
    found = value if isinstance(value, dict) else {}
    return [found.get(str(position)) for position in range(len(found))]
