"""From a described dataset to rows: mapped in place, or put together from its chunks."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import TYPE_CHECKING

from nctool.arrays import LazyArray
from nctool.core.errors import InputError
from nctool.readers.shared.edge import edge, shown
from nctool.readers.shared.hdf5.chunks import Chunks, chunks_of
from nctool.readers.shared.hdf5.datasets import EDGES_UNFILTERED, Stored
from nctool.readers.shared.hdf5.filters import unpacked
from nctool.readers.shared.hdf5.heaps import Texts
from nctool.readers.shared.hdf5.source import Bytes, Home
from nctool.readers.shared.known_calls import Unfit
from nctool.readers.shared.region import Region, as_rows, packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy import ndarray

    from nctool.arrays import Rows

    Raw = Callable[[int, int], ndarray]

MOST_TEXT_BYTES = 2**28
# Rows are asked for in blocks, and a chunk at their border is wanted twice.
REMEMBERED_BYTES = 2**26


def lazy(home: Home, stored: Stored, key: str, format: str, matlab: bool = False) -> LazyArray:
    """The array; MATLAB's lie in the file turned around, and know no single dimension."""
    flat = matlab and len(stored.shape) == 2 and 1 in stored.shape
    shape = (prod(stored.shape),) if flat else stored.shape[:: -1 if matlab else 1]
    if flat and shape == (1,):
        shape = ()
    kind, at = stored.kind, stored.layout.address
    turned = matlab and not flat
    if not (stored.layout.chunk or at is None or kind.variable or turned):
        region = Region(home.path, home.start + at, kind.code, kind.dtype, shape, packed(shape))
        return region.lazy(key, format)
    axis = stored.shape.index(shape[0]) if flat and shape else -matlab
    raw = raw_rows(home, stored, format, axis)

    def read(start: int, stop: int) -> Rows:
        import numpy

        with edge(home.path, format):
            rows = raw(start, stop) if shape else raw(0, 1)
            if flat:
                rows = rows.reshape(-1 if shape else ())
            elif turned:  # sums over columns that lie one after another round in another order
                rows = numpy.ascontiguousarray(rows.T)
            if kind.variable:
                rows = _texts(home, rows, key)
            return as_rows(rows, kind.dtype)

    return LazyArray(key, shape, kind.dtype, str(home.path), format, read)


def raw_rows(home: Home, stored: Stored, format: str, axis: int) -> Raw:
    """A way to read a range along this axis, in the order and type of the file."""
    if not stored.layout.chunk:
        return lambda start, stop: _plain(home, stored, axis, (start, stop))

    @cache
    def index() -> Chunks:
        with home.bytes() as source:
            return chunks_of(source, stored)

    recent: dict[int, ndarray] = {}
    return lambda start, stop: _slab(home, stored, index(), axis, (start, stop), recent)


def _part(stored: Stored, axis: int, rows: tuple[int, int]) -> tuple[tuple[int, ...], int]:
    """The shape of these rows, and the first of them."""
    if not stored.shape:
        return (), 0
    low, high, _ = slice(*rows).indices(stored.shape[axis])
    shape = list(stored.shape)
    shape[axis] = max(0, high - low)
    return tuple(shape), low


def _plain(home: Home, stored: Stored, axis: int, rows: tuple[int, int]) -> ndarray:
    """Rows of what lies in one piece but cannot be mapped, or was never written."""
    import numpy

    shape, low = _part(stored, axis, rows)
    if stored.layout.address is None:
        return _filled(stored, shape)
    item, at = stored.kind.size, stored.layout.address
    with home.bytes() as source:
        if axis == 0:
            begin = at + low * prod(shape[1:]) * item
            content = source.data(begin, prod(shape) * item)
        elif shape == stored.shape:
            content = source.data(at, prod(shape) * item)
        else:  # a piece of each of the columns
            whole, part = stored.shape[-1] * item, shape[-1] * item
            begins = range(at + low * item, at + low * item + prod(shape[:-1]) * whole, whole)
            content = b"".join(source.data(begin, part) for begin in begins)
    return numpy.frombuffer(bytearray(content), stored.kind.code).reshape(shape)


def _filled(stored: Stored, shape: tuple[int, ...]) -> ndarray:
    import numpy

    item = numpy.dtype(stored.kind.code)
    if not stored.fill:
        return numpy.zeros(shape, item)
    return numpy.full(shape, numpy.frombuffer(stored.fill, item)[0], item)


def _slab(
    home: Home,
    stored: Stored,
    chunks: Chunks,
    axis: int,
    rows: tuple[int, int],
    recent: dict[int, ndarray],
) -> ndarray:
    import numpy

    shape, low = _part(stored, axis, rows)
    high = low + shape[axis]
    out = _filled(stored, shape)
    begins = chunks.begins[:, axis]
    touched = (begins < high) & (begins + stored.layout.chunk[axis] > low)
    with home.bytes() as source:
        for number in numpy.flatnonzero(touched).tolist() if out.size else ():
            chunk = recent.get(number)
            if chunk is None:
                chunk = _chunk(source, stored, chunks, number)
                if (len(recent) + 1) * chunk.nbytes > REMEMBERED_BYTES:
                    recent.clear()
                recent[number] = chunk
            begin = chunks.begins[number].tolist()
            starts, ends = [0] * len(shape), list(stored.shape)
            starts[axis], ends[axis] = low, high
            bounds = [
                (max(one, start), min(one + size, end))
                for one, size, start, end in zip(
                    begin, stored.layout.chunk, starts, ends, strict=True
                )
            ]
            there = zip(bounds, starts, strict=True)
            here = zip(bounds, begin, strict=True)
            out[tuple(slice(a - one, b - one) for (a, b), one in there)] = chunk[
                tuple(slice(a - one, b - one) for (a, b), one in here)
            ]
    return out


def _chunk(source: Bytes, stored: Stored, chunks: Chunks, number: int) -> ndarray:
    import numpy

    content = source.data(int(chunks.addresses[number]), int(chunks.sizes[number]))
    filters = stored.filters
    ends = zip(chunks.begins[number].tolist(), stored.layout.chunk, stored.shape, strict=True)
    if stored.layout.flags & EDGES_UNFILTERED and any(a + size > end for a, size, end in ends):
        filters = ()
    found = unpacked(content, filters, int(chunks.skipped[number]), stored.chunk_bytes)
    return numpy.frombuffer(found, stored.kind.code).reshape(stored.layout.chunk)


def _texts(home: Home, references: ndarray, key: str) -> ndarray:
    """The texts behind these references, as one array as wide as the longest."""
    import numpy

    found: list[str] = []
    try:
        with home.bytes() as source:
            width = references.dtype.itemsize
            found += Texts(source).all(references.tobytes(), width, MOST_TEXT_BYTES)
    except Unfit:
        found.append("")
    longest = max(map(len, found), default=0)
    if len(found) != references.size or 4 * longest * len(found) > MOST_TEXT_BYTES:
        raise InputError(
            "text-too-long",
            f"the texts in '{shown(key)}' in '{shown(home.path)}' would need more than "
            f"{MOST_TEXT_BYTES >> 20} MiB of memory",
            "name an array of short texts or of numbers",
        )
    return numpy.array(found, dtype="str").reshape(references.shape)
