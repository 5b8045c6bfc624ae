"""The description of one Zarr array, version 2 or 3, believed only as far as it can be true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from nctool.arrays import ITEM_BYTES
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.region import TYPE_OF_CODE, checked_shape

V2, V3 = ".zarray", "zarr.json"
LONGEST = 2**20
COMPRESSORS = frozenset({"zstd", "gzip", "zlib", "bz2", "blosc"})
CODECS = frozenset({"bytes", "transpose", "zstd", "gzip", "blosc", "crc32c"})
SHARDED = "sharding_indexed"


class Unread(Exception):
    """A kind of array that is well described but not read; the text says which."""


@dataclass(frozen=True, slots=True)
class Grid:
    """An array cut into ``chunks``; ``driver`` is what tensorstore calls its version."""

    driver: str
    dtype: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    parts: int = 1

    @property
    def counts(self) -> tuple[int, ...]:
        """How many chunks there are along each axis."""
        return tuple(-(-size // chunk) for size, chunk in zip(self.shape, self.chunks, strict=True))

    @property
    def nbytes(self) -> int:
        """What all chunks take when they are unpacked, the margins included."""
        return prod(self.counts) * prod(self.chunks) * ITEM_BYTES[self.dtype]

    @property
    def band(self) -> int:
        """What the chunks of one row take."""
        return self.nbytes // self.counts[0] if self.nbytes and self.counts else self.nbytes


def described(content: bytes, name: str, key: str, path: Path, format: str) -> Grid:
    """The grid that the file ``name`` of an array describes."""
    fields: object = json.loads(content)
    if not isinstance(fields, dict):
        raise corrupt(path, format, f"the description of '{shown(key)}' is not a JSON object")
    chunks, dtype, parts = _second(fields) if name == V2 else _third(fields)
    shape = checked_shape(fields.get("shape"), key, path)
    sizes = checked_shape(chunks, key, path)
    # A chunk without elements would make their number infinite.
    if len(shape) != len(sizes) or 0 in sizes or parts < 1:
        raise corrupt(path, format, f"'{shown(key)}' of shape {shape} has chunks of {sizes}")
    return Grid("zarr" if name == V2 else "zarr3", dtype, shape, sizes, parts)


def _second(fields: Mapping[str, object]) -> tuple[object, str, int]:
    code, compressor = fields.get("dtype"), fields.get("compressor")
    dtype = TYPE_OF_CODE.get(code[1:]) if isinstance(code, str) and code[:1] in "<>|" else None
    if dtype is None and isinstance(code, str) and code in ITEM_BYTES:
        dtype = code  # tensorstore's own names, such as bfloat16
    if dtype is None:
        raise Unread(f"array of type {shown(code, 60)}")
    if fields.get("filters") or not (compressor is None or _named(compressor, "id", COMPRESSORS)):
        raise Unread("array packed in an unusual way")
    return fields.get("chunks"), dtype, 1


def _third(fields: Mapping[str, object]) -> tuple[object, str, int]:
    dtype, grid = fields.get("data_type"), fields.get("chunk_grid")
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise Unread(f"array of type {shown(dtype, 60)}")
    if fields.get("storage_transformers") or not _named(grid, "name", frozenset({"regular"})):
        raise Unread("array cut in an unusual way")
    outer = _settings(grid).get("chunk_shape")
    codecs = fields.get("codecs")
    if not isinstance(codecs, list):
        raise Unread("array packed in an unusual way")
    shards = [codec for codec in codecs if _named(codec, "name", frozenset({SHARDED}))]
    parts = 1
    if shards:
        inner, packed = _settings(shards[0]).get("chunk_shape"), _settings(shards[0]).get("codecs")
        if len(shards) > 1 or not isinstance(packed, list) or not _divides(inner, outer):
            raise Unread("array cut in an unusual way")
        parts = prod(size // part for size, part in zip(outer, inner, strict=True))  # type: ignore[call-overload]
        codecs = [codec for codec in codecs if codec is not shards[0]] + packed
    if not all(_named(codec, "name", CODECS) for codec in codecs):
        raise Unread("array packed in an unusual way")
    return outer, dtype, parts


def _divides(inner: object, outer: object) -> bool:
    if not isinstance(inner, list) or not isinstance(outer, list) or len(inner) != len(outer):
        return False
    sizes = [*inner, *outer]
    return all(type(size) is int and size > 0 for size in sizes) and not any(
        size % part for size, part in zip(outer, inner, strict=True)
    )


def _named(value: object, field: str, names: frozenset[str]) -> bool:
    if not isinstance(value, dict):
        return False
    name = value.get(field)
    return isinstance(name, str) and name in names


def _settings(value: object) -> Mapping[str, object]:
    settings = value.get("configuration") if isinstance(value, dict) else None
    return settings if isinstance(settings, dict) else {}
