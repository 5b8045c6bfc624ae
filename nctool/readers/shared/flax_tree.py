"""What Flax puts into MessagePack: arrays, numbers of numpy, complex numbers, arrays in chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from nctool.arrays import FLOATS, INTEGERS, ITEM_BYTES, Opened
from nctool.readers.shared.collection import Collection, array_of
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.joined import stitched
from nctool.readers.shared.msgpack_scan import Scanner, Span
from nctool.readers.shared.region import Region, checked_shape, held, numpy_code, packed
from nctool.readers.shared.wording import left_out

ARRAY, COMPLEX, SCALAR = 1, 2, 3
CHUNKED = "__msgpack_chunked_array__"
# What numpy calls an item of two bytes that it has no name for.
NAMELESS = frozenset({"V2", "void16"})
MOMENTS = frozenset({"step", "epoch", "global_step"})


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
    parts = scanner.within(span)
    shape, name, data = parts if isinstance(parts, list) and len(parts) == 3 else [None] * 3
    if not isinstance(data, Span) or data.kind != "bytes" or not isinstance(shape, list):
        raise ValueError(f"the array at byte {span.start} is not a shape, a type and bytes")
    sizes = tuple(size for size in shape if type(size) is int and size >= 0)
    if len(sizes) != len(shape) or not isinstance(name, str):
        raise ValueError(f"the array at byte {span.start} has no shape or no type")
    return Packed(sizes, "bfloat16" if name in NAMELESS else name, data, span.code == SCALAR)


class Tree:
    """One walk through the maps of a file; keys are joined by ``separator``."""

    def __init__(self, path: Path, format: str, separator: str = ".") -> None:
        self.path, self.format, self.separator = path, format, separator
        self.collection = Collection(path, format)
        self.ignored = self.collection.ignored

    def opened(self, root: object) -> Opened:
        self.visit(root, "")
        hint = "only arrays, numbers and text are read"
        return self.collection.opened(left_out(self.ignored, "object", hint))

    def visit(self, value: object, key: str) -> None:
        match value:
            case None:
                pass
            case dict() if CHUNKED in value:
                self.chunked(value, key or "value")
            case dict():
                for name, inner in value.items():
                    self.visit(inner, self.joined(key, name))
            case list():
                self.items(value, key)
            case Packed():
                self.packed(value, key or "value")
            case Span(kind="extension", code=code):
                kind = "complex number" if code == COMPLEX else f"extension of type {code}"
                self.ignored[kind] += 1
            case Span():
                self.ignored[value.kind] += 1
            case _:
                self.collection.state(key, value)

    def joined(self, key: str, name: str) -> str:
        return f"{key}{self.separator}{name}" if key else name

    def items(self, values: list[object], key: str) -> None:
        kinds = {type(value) for value in values}
        array = array_of(values, kinds) if len(values) > 1 else None
        if array is not None:
            self.collection.keep(held(key or "value", array, self.path, self.format))
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
            self.collection.keep(array)
        if value.dtype in FLOATS | INTEGERS and not value.shape:
            if value.single or key in MOMENTS:
                self.collection.state(key, array.whole().item())
        elif value.single:
            self.ignored[f"number of type {value.dtype}"] += 1

    def region(self, value: Packed, key: str) -> Region | None:
        dtype, data = value.dtype, value.data
        if dtype not in ITEM_BYTES:
            return None
        sizes = checked_shape(value.shape, key, self.path)
        expected = prod(sizes) * ITEM_BYTES[dtype]
        if data.length != expected:
            needs = f"'{shown(key)}' of shape {sizes} and type {dtype} needs {expected} bytes"
            raise corrupt(self.path, self.format, f"{needs} but has {data.length}")
        return Region(self.path, data.start, numpy_code(dtype), dtype, sizes, packed(sizes))

    def chunked(self, value: Mapping[str, object], key: str) -> None:
        """An array of more than a gibibyte, which Flax cuts into flat ones."""
        # Chunks are numbered keys of a map, whose order in the file means nothing.
        shape, chunks = _ordered(value.get("shape")), _ordered(value.get("chunks"))
        sizes = checked_shape(shape, key, self.path)
        flat = [chunk for chunk in chunks if isinstance(chunk, Packed) and len(chunk.shape) == 1]
        types = {chunk.dtype for chunk in flat}
        if not flat or not sizes or len(flat) != len(chunks) or len(types) != 1:
            raise corrupt(self.path, self.format, f"'{shown(key)}' is not an array in chunks")
        if sum(chunk.shape[0] for chunk in flat) != prod(sizes):
            raise corrupt(self.path, self.format, f"the chunks of '{shown(key)}' do not fill it")
        regions = [region for chunk in flat if (region := self.region(chunk, key)) is not None]
        if regions:
            self.collection.keep(stitched(key, sizes, regions, self.format))
        else:
            self.ignored[f"array of type {flat[0].dtype}"] += 1


def _ordered(value: object) -> list[object]:
    """Flax writes a tuple as a map from its positions."""
    entries = value if isinstance(value, dict) else {}
    return [entries.get(str(position)) for position in range(len(entries))]
