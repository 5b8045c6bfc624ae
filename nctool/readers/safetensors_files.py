"""Safetensors: one file, a set of shards with an index, or a model folder.

The header is checked here before anything is mapped: a length, a JSON object of names, and
tensors that lie gap-free one after another up to the last byte of the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TypeAlias

from nctool.arrays import ITEM_BYTES, LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers import Reader
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.region import Elsewhere, Region, checked_shape, numpy_code, packed
from nctool.readers.shared.section import beginning
from nctool.readers.shared.shards import find_index, inside, is_index, open_sharded, with_config
from nctool.readers.shared.wording import truncated

NAME = "safetensors"
SUFFIX = ".safetensors"
LONGEST_HEADER = 100_000_000  # the format's own limit

DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
    "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
}  # fmt: skip


Bringers: TypeAlias = Callable[[Path], Elsewhere | None]


def nobody(path: Path) -> None:
    """Every byte of a local file is here."""


def recognises(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return any(path.glob(f"*{SUFFIX}")) or find_index(path, SUFFIX) is not None
    return is_single(head) or is_index(path, head, SUFFIX)


def is_single(head: bytes) -> bool:
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= LONGEST_HEADER


def open_safetensors(path: Path, elsewhere: Bringers = nobody) -> Opened:
    """A file or folder; the bytes of some files may have to be brought from elsewhere."""

    def open_one(file: Path) -> Opened:
        return open_file(file, elsewhere(file))

    if path.is_dir():
        return with_config(_open_folder(path, open_one), path)
    single = is_single(beginning(path, 9))
    return open_one(path) if single else open_sharded(path, SUFFIX, NAME, open_one)


def _open_folder(folder: Path, open_one: Callable[[Path], Opened]) -> Opened:
    if find_index(folder, SUFFIX) is not None:
        return open_sharded(folder, SUFFIX, NAME, open_one)
    files = sorted(folder.glob(f"*{SUFFIX}"))
    parts = [open_one(inside(folder, file.name)) for file in files]
    if len(parts) == 1:
        return parts[0]
    arrays: list[LazyArray] = []
    facts: dict[str, object] = {}
    for opened in parts:
        stem = opened.path.stem
        arrays += (replace(array, key=f"{stem}.{array.key}") for array in opened.arrays)
        facts.update((f"{stem}.{name}", fact) for name, fact in opened.metadata.items())
    notices = tuple(notice for opened in parts for notice in opened.notices)
    return Opened(folder, NAME, tuple(arrays), facts, notices)


def open_file(path: Path, elsewhere: Elsewhere | None = None) -> Opened:
    with edge(path, NAME):
        header, start = _header(path)
        metadata = header.pop("__metadata__", {})
        facts = metadata if isinstance(metadata, dict) else {}
        length = path.stat().st_size - start
        entries = sorted(
            (_entry(path, key, entry, length) for key, entry in header.items()),
            key=lambda entry: entry[1:],
        )
        position = 0
        for key, begin, end in entries:
            # No gap and no overlap, as the format demands: a gap could carry another file.
            if begin != position:
                raise corrupt(path, NAME, f"'{shown(key)}' starts at {begin}, expected {position}")
            position = end
        if position != length:
            raise _wrong_size(path, start + position)
        arrays, odd = [], []
        for key, begin, end in entries:
            region = _region(path, key, header[key], start + begin, end - begin)
            if region is None:
                odd.append(key)
            else:
                arrays.append(replace(region, elsewhere=elsewhere).lazy(key, NAME))
    return Opened(path, NAME, tuple(arrays), facts, _left_out(odd))


def _header(path: Path) -> tuple[dict[str, object], int]:
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or length > min(size - 8, LONGEST_HEADER):
            raise _wrong_size(path, 8 + length)
        content = file.read(length)
    header: object = json.loads(content, object_pairs_hook=_unique)
    if not isinstance(header, dict):
        raise corrupt(path, NAME, "its header is not a JSON object")
    return header, 8 + length


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    # Of two equal keys JSON readers keep either; the tensors would depend on the reader.
    if len(entries) != len(pairs):
        raise ValueError("a name is in the header twice")
    for key in entries:
        key.encode()  # half a surrogate pair is no text anybody could print
    return entries


def _entry(path: Path, key: str, entry: object, length: int) -> tuple[str, int, int]:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not isinstance(offsets, list) or [type(offset) for offset in offsets] != [int, int]:
        raise corrupt(path, NAME, f"'{shown(key)}' does not say where its data is")
    begin, end = offsets
    if not 0 <= begin <= end:
        raise corrupt(path, NAME, f"'{shown(key)}' lies from byte {begin} to {end}")
    if end > length:
        raise _wrong_size(path, path.stat().st_size - length + end)
    return key, begin, end


def _region(path: Path, key: str, entry: object, start: int, nbytes: int) -> Region | None:
    assert isinstance(entry, dict)
    name, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(name, str) or not isinstance(shape, list):
        raise corrupt(path, NAME, f"'{shown(key)}' has no type or no shape")
    dtype = DTYPES.get(name)
    if dtype is None:
        return None
    sizes = checked_shape(shape, key, path)
    expected = prod(sizes) * ITEM_BYTES[dtype]
    if nbytes != expected:
        needs = f"'{shown(key)}' of shape {sizes} and type {name} needs {expected} bytes"
        raise corrupt(path, NAME, f"{needs} but has {nbytes}")
    return Region(path, start, numpy_code(dtype), dtype, sizes, packed(sizes))


def _wrong_size(path: Path, expected: int) -> InputError:
    size = path.stat().st_size
    if size < expected:
        return truncated(path, f"has {size} bytes, its header announces {expected}")
    return corrupt(path, NAME, f"it has {size} bytes, its header accounts for {expected}")


def _left_out(keys: list[str]) -> tuple[Notice, ...]:
    if not keys:
        return ()
    names = [shown(key) for key in keys]
    message = f"{len(names)} arrays of a type torch has no plain form of: {', '.join(names[:4])}"
    return (Notice("objects-ignored", message, "", {"count": len(names), "names": names[:50]}),)


READER = Reader(
    NAME,
    recognises,
    open_safetensors,
    covers="safetensors (a file, a sharded set or a model folder)",
)
