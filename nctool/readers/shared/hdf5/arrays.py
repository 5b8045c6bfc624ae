"""From a described dataset to rows: mapped in place, or read by the child in slices."""

from __future__ import annotations

from math import prod

from nctool.arrays import LazyArray, NumpyArray, Rows
from nctool.core.errors import InputError
from nctool.readers.shared.edge import shown
from nctool.readers.shared.hdf5.tree import Home, Stored
from nctool.readers.shared.pile import MOST_TEXT_BYTES
from nctool.readers.shared.region import Region, as_rows, lazy_array, packed

# One slice through the pipe: large against its cost, small against the child's memory.
SLICE_BYTES = 2**26
TEXTS_AT_ONCE = 2**16


def lazy(home: Home, stored: Stored, key: str, matlab: bool = False) -> LazyArray:
    """The array; MATLAB's lie in the file turned around, and know no single dimension."""
    flat = matlab and len(stored.shape) == 2 and 1 in stored.shape
    shape = (prod(stored.shape),) if flat else stored.shape[:: -1 if matlab else 1]
    if flat and shape == (1,):
        shape = ()
    turned = matlab and not flat
    if stored.offset is not None and not turned:
        start = home.start + stored.offset
        region = Region(home.path, start, stored.code, stored.dtype, shape, packed(shape))
        return region.lazy(key, home.format)
    home.unmapped.append(key)
    axis = stored.shape.index(shape[0]) if flat and shape else -matlab % max(1, len(stored.shape))

    def read(low: int, high: int) -> Rows:
        import numpy

        if stored.variable:
            return as_rows(_texts(home, stored, key, low, high), stored.dtype)
        rows = _slab(home, stored, axis, low, high)
        if flat:
            rows = rows.reshape(-1 if shape else ())
        elif turned:  # sums over columns that lie one after another round in another order
            rows = numpy.ascontiguousarray(rows.T)
        return as_rows(rows, stored.dtype)

    return lazy_array(key, shape, stored.dtype, home.path, home.format, read)


def _slab(home: Home, stored: Stored, axis: int, low: int, high: int) -> NumpyArray:
    """These rows along this axis, in the order and type of the file."""
    import numpy

    if not stored.shape:
        content = home.guarded.read(stored.width, "rows", stored.number, 0, 0, 1)
        return numpy.frombuffer(content, stored.code).reshape(())
    shape = (*stored.shape[:axis], high - low, *stored.shape[axis + 1 :])
    out = numpy.empty(shape, stored.code)
    step = max(1, SLICE_BYTES // max(1, out.nbytes // max(1, high - low)))
    for start in range(low, high, step) if out.size else ():
        stop = min(start + step, high)
        part = (*shape[:axis], stop - start, *shape[axis + 1 :])
        size = prod(part) * stored.width
        content = home.guarded.read(size, "rows", stored.number, axis, start, stop)
        here = (slice(None),) * axis + (slice(start - low, stop - low),)
        out[here] = numpy.frombuffer(content, stored.code).reshape(part)
    return out


def _texts(home: Home, stored: Stored, key: str, low: int, high: int) -> NumpyArray:
    """These texts as one array, which is as wide as the longest of them."""
    import numpy

    texts: list[str] = []
    while len(texts) < high - low:
        start = low + len(texts)
        stop = min(start + TEXTS_AT_ONCE, high)
        answer = home.guarded.ask("texts", stored.number, start, stop)
        assert isinstance(answer, list) and len(answer) <= stop - start
        texts += map(str, answer)
        if not answer or 4 * max(map(len, texts)) * len(texts) > MOST_TEXT_BYTES:
            where, most = f"'{shown(key)}' in '{shown(home.path)}'", MOST_TEXT_BYTES >> 20
            message = f"the texts in {where} would need more than {most} MiB of memory"
            raise InputError("text-too-long", message, "name an array of short texts or of numbers")
    return numpy.array(texts, dtype="str").reshape((-1,) if stored.shape else ())
