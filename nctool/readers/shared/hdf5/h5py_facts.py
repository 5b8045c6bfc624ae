"""What the child asks h5py about one object: its attributes, its filters, its chunks."""

from __future__ import annotations

from contextlib import suppress
from math import prod
from typing import Any

import numpy
from h5py import h5a, h5d, h5p, h5s, h5z

from nctool.readers.shared.hdf5.h5py_types import Unreadable, kind_of

MOST_ATTRIBUTES = 1000
MOST_ITEMS = 10_000
FILTERS = {
    4: "szip", 307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp",
    32015: "zstandard", 32017: "sz", 32024: "sz3", 32026: "blosc2", 32028: "fcidecomp",
}  # fmt: skip
# Rows are asked for in slices, and a chunk at their border is wanted twice.
CACHE_BYTES, MOST_CACHE_BYTES = 2**26, 2**29
CHECKED_CHUNKS = 2**17


def attributes_of(item: Any, names: frozenset[bytes] | None = None) -> dict[str, object]:
    """The numbers, lists of numbers and texts of these names, or of all, that hang on an object."""
    values: dict[str, object] = {}
    if not h5a.get_num_attrs(item):
        return values
    there: list[bytes] = []

    def add(name: bytes) -> bool | None:
        there.append(name)
        return len(there) >= MOST_ATTRIBUTES or None

    h5a.iterate(item, add)
    for name in there:
        if names is None or name in names:
            with suppress(Unreadable, TypeError):  # of a type that numpy has none for
                value = _value(h5a.open(item, name))
                if value is not None:
                    values[name.decode("utf-8", "backslashreplace")] = value
    return values


def _value(attribute: h5a.AttrID) -> object:
    """A number, a text or a list of numbers; lists of texts may name one long text many times."""
    space, kind = attribute.get_space(), kind_of(attribute.get_type())
    if space.get_simple_extent_type() == h5s.NULL:
        return None
    shape = space.get_simple_extent_dims()
    listed = bool(shape) and kind.variable
    unlike = kind.dtype.startswith(("complex", "bfloat", "float8"))
    if prod(shape) > MOST_ITEMS or listed or unlike:
        return None
    out = numpy.empty(shape, attribute.dtype)
    attribute.read(out)
    value: object = out.tolist()
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
        return text if kind.variable else text.rstrip()
    return value if kind.dtype != "str" else None


def missing_filter(plan: h5p.PropDCID) -> str:
    """The filter of this dataset that nobody here can undo."""
    for place in range(plan.get_nfilters()):
        number, _, _, name = plan.get_filter(place)
        if not _can_undo(number):
            with suppress(ImportError):
                import hdf5plugin  # noqa: F401  it registers its filters
            if not _can_undo(number):
                given = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
                return FILTERS.get(number) or f"{number} {given}".strip()
    return ""


def _can_undo(number: int) -> bool:
    if not h5z.filter_avail(number):
        return False
    return bool(h5z.get_filter_info(number) & h5z.FILTER_CONFIG_DECODE_ENABLED)


def cache_bytes(shape: tuple[int, ...], chunk: tuple[int, ...], width: int) -> int:
    """Room for the chunks that hold one row, so that the next rows find them unpacked."""
    across = [-(-size // step) for size, step in zip(shape, chunk, strict=True)]
    band = prod(chunk) * width * prod(across) // max(1, min(across))
    return min(max(CACHE_BYTES, band), MOST_CACHE_BYTES)


def check_chunks(
    dataset: h5d.DatasetID, shape: tuple[int, ...], chunk: tuple[int, ...], width: int
) -> None:
    """Refuse chunks beside the grid, outside of the array, there twice, or too short.

    The library looks chunks up by where they should begin: those that begin elsewhere would be
    zeros without a word, and what a short one lacks would be whatever lies in memory. Only the
    oldest kind of index needs this, the others have checksums. Without a ``width`` items have
    another size in the file.
    """
    if dataset.get_num_chunks() > CHECKED_CHUNKS:
        return
    seen = set[tuple[int, ...]]()
    size = 0 if dataset.get_create_plist().get_nfilters() else prod(chunk) * width

    def check(info: Any) -> None:
        begin = info.chunk_offset
        places = zip(begin, shape, chunk, strict=True)
        if begin in seen or any(at >= most or at % step for at, most, step in places):
            raise ValueError(f"a chunk of it begins at {begin}, where none belongs")
        if size and info.size != size:
            raise ValueError(f"a chunk of it has {info.size:,} bytes, its shape needs {size:,}")
        seen.add(begin)

    dataset.chunk_iter(check)
