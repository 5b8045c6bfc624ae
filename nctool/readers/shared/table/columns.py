"""Which columns of a pyarrow schema can be arrays, and their rows as numpy arrays without gaps.

This runs in the guarded child: pyarrow is imported in no other process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

import numpy
import pyarrow
from numpy import ndarray
from pyarrow import types

from nctool.arrays import ITEM_BYTES
from nctool.readers.shared.pile import text_array

FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
NULL = "has no value"
Rows: TypeAlias = Callable[[int, int], Iterator[Any]]
# Rows of lists that are looked at to name the first one of another length.
SCANNED = 2**16
# Schemas are trees; one that is deeper than this was made to exhaust the stack.
DEEPEST = 32


class OddRow(Exception):
    """A row that is not like the others: its place, what is odd, and in which column."""

    def __init__(self, place: int, reason: str, key: str = "") -> None:
        super().__init__(reason)
        self.place, self.reason, self.key = place, reason, key


@dataclass(frozen=True, slots=True)
class Target:
    """One column that may become an array.

    ``top`` is its number in the table, ``inside`` names the fields of the structs around it, and
    ``leaf`` is its number where every field that holds values counts, as in Parquet. ``sizes`` are
    the lengths of its lists at each level, None where the type does not tell; ``tensor`` is the
    shape that it says its lists have. ``odd`` says why it is no array.
    """

    key: str
    top: int
    inside: tuple[str, ...]
    leaf: int
    dtype: str = ""
    sizes: tuple[int | None, ...] = ()
    tensor: tuple[int, ...] = ()
    odd: str = ""

    @property
    def known(self) -> tuple[int, ...] | None:
        """The lengths of its lists, once all are known."""
        known = tuple(size for size in self.sizes if size is not None)
        return known if len(known) == len(self.sizes) else None

    @property
    def inner(self) -> tuple[int, ...]:
        """The shape of one row."""
        return self.tensor or self.known or ()

    @property
    def row_bytes(self) -> int:
        return max(1, prod(self.known or ()) * ITEM_BYTES.get(self.dtype, 64))


def targets(schema: Any) -> Iterator[Target]:
    """Every column of a schema in its order, those inside a struct under the struct's name."""
    leaf = 0
    for top, field in enumerate(schema):
        yield from _targets(field.name, field.type, top, (), leaf)
        leaf += _leaves(field.type)


def _leaves(kind: Any) -> int:
    """How many columns of a Parquet file one column of the table takes."""
    kind = _storage_type(kind)
    if types.is_map(kind):
        return _leaves(kind.key_type) + _leaves(kind.item_type)
    if types.is_struct(kind):
        return sum(_leaves(field.type) for field in kind)
    return _leaves(kind.value_type) if is_list(kind) else 1


def _targets(key: str, kind: Any, top: int, inside: tuple[str, ...], leaf: int) -> Iterator[Target]:
    tensor, kind = _tensor_shape(kind), _storage_type(kind)
    if types.is_struct(kind) and len(inside) < DEEPEST:
        for field in kind:
            yield from _targets(f"{key}.{field.name}", field.type, top, (*inside, field.name), leaf)
            leaf += _leaves(field.type)
        return
    sizes: list[int | None] = []
    inner = kind
    while is_list(inner):
        sizes.append(inner.list_size if types.is_fixed_size_list(inner) else None)
        inner = _storage_type(inner.value_type)
    values = inner.value_type if not sizes and types.is_dictionary(inner) else inner
    dtype = _dtype(values)
    if not dtype or (dtype == "str" and sizes):
        odd = f"lists of {inner}" if sizes else str(inner)
        yield Target(key, top, inside, leaf, odd=odd)
    else:
        yield Target(key, top, inside, leaf, dtype, tuple(sizes), tensor if sizes else ())


def _tensor_shape(kind: Any) -> tuple[int, ...]:
    """The shape of a canonical tensor type; () where its numbers do not lie in that order."""
    if not isinstance(kind, pyarrow.FixedShapeTensorType):
        return ()
    order = kind.permutation
    plain = order is None or list(order) == list(range(len(order)))
    return tuple(kind.shape) if plain and prod(kind.shape) == kind.storage_type.list_size else ()


def _storage_type(kind: Any) -> Any:
    return kind.storage_type if isinstance(kind, pyarrow.BaseExtensionType) else kind


def is_list(kind: Any) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _dtype(kind: Any) -> str:
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "str"
    if types.is_floating(kind):
        return FLOATS[str(kind)]
    return str(kind) if types.is_integer(kind) or types.is_boolean(kind) else ""


def storage(array: Any) -> Any:
    """The plain array behind one of an extension type."""
    return array.storage if isinstance(array, pyarrow.ExtensionArray) else array


def within(array: Any, inside: Sequence[str], strict: bool = True) -> Any:
    """The column that these fields of structs lead to; a struct without a value stops if strict."""
    for name in inside:
        array = storage(array)
        if strict:
            present(array)
        array = array.field(name)
    return array


def present(array: Any) -> None:
    """Stop at the first null: dropping it would shift all rows after it."""
    if array.null_count:
        missing = array.is_null().to_numpy(zero_copy_only=False)
        raise OddRow(int(missing.argmax()), NULL)


def count_of(array: Any) -> int:
    """How many values lie in the lists of a column, by the lengths of its parts alone."""
    array = storage(array)
    count = len(array)
    while is_list(array.type):
        values = storage(array.values)
        fixed = types.is_fixed_size_list(array.type)
        count = count * array.type.list_size if fixed else len(values)
        array = values
    return count


def with_sizes(target: Target, bounds: Sequence[int], counts: Sequence[int], rows: Rows) -> Target:
    """The column with the lengths of its lists, if the counts of values bear them out.

    The file lies in pieces (batches or groups of rows) between ``bounds``; ``counts`` are their
    values. ``rows(piece, most)`` gives the column from a piece on, at most so many rows at a time.
    Values are looked at only to tell the first lengths, and to name the first row that differs.
    """
    total = bounds[-1]
    if target.odd or not target.sizes or not total:
        return replace(target, sizes=tuple(size or 0 for size in target.sizes))
    even, rest = divmod(sum(counts), total)
    if target.known is None and len(target.sizes) == 1 and not rest and even > 1:
        target = replace(target, sizes=(even,))
    if target.known is None:
        first = next(piece for piece, end in enumerate(bounds[1:]) if end)
        try:
            sizes = first_sizes(within(next(rows(first, 1)), target.inside))
        except (OddRow, StopIteration):
            sizes = tuple(0 for _ in target.sizes)
        target = replace(target, sizes=sizes)
    width = prod(target.known or ())
    for piece, (begin, end) in enumerate(pairwise(bounds)):
        if counts[piece] != width * (end - begin):
            return replace(target, odd=_ragged(target, begin, end, rows(piece, SCANNED)))
    return target


def _ragged(target: Target, begin: int, end: int, rows: Iterator[Any]) -> str:
    """Which row is the first of another length, or has none; only so many are looked at."""
    done, end = begin, min(end, begin + SCANNED)
    for array in rows:
        try:
            rows_of(array, target, done)
        except OddRow as odd:
            return f"row {odd.place} {odd.reason}"
        done += len(array)
        if done >= end:
            break
    return f"lists of several lengths, from row {done} on"


def first_sizes(array: Any) -> tuple[int, ...]:
    """How long the lists of the first row are."""
    sizes: list[int] = []
    array = storage(array)
    while is_list(array.type):
        sizes.append(len(array[0]) if len(array) and array[0].is_valid else 0)
        array = storage(array[:1].flatten())
    return tuple(sizes)


def rows_of(array: Any, target: Target, start: int) -> ndarray:
    """Rows of one column; ``start`` is the number of the first, by which an odd one is named."""
    try:
        rows = dense(within(array, target.inside), target.known or (), target.key)
    except OddRow as odd:
        raise OddRow(start + odd.place, odd.reason, target.key) from odd
    return rows.reshape(len(array), *target.inner)


def dense(array: Any, sizes: Sequence[int], key: str) -> ndarray:
    """Numbers or texts, one for each row; a null or a list of another length stops."""
    array = storage(array)
    present(array)
    if sizes:
        if not types.is_fixed_size_list(array.type):
            lengths = numpy.diff(array.offsets.to_numpy())
            if (lengths != sizes[0]).any():
                place = int((lengths != sizes[0]).argmax())
                raise OddRow(place, f"has {int(lengths[place])} values, expected {sizes[0]}")
        try:
            inner = dense(array.flatten(), sizes[1:], key)
        except OddRow as odd:
            raise OddRow(odd.place // sizes[0], odd.reason) from odd
        return inner.reshape(len(array), sizes[0], *inner.shape[1:])
    if types.is_dictionary(array.type):
        return _coded(array, key)
    if _dtype(array.type) == "str":
        return text_array(array.to_pylist(), None, key)
    numbers: ndarray = array.to_numpy(zero_copy_only=False)
    return numbers


def _coded(array: Any, key: str) -> ndarray:
    """Rows that are numbers of entries in a dictionary."""
    index = array.indices.to_numpy(zero_copy_only=False)
    values = array.dictionary
    # Arrow codes may point at an entry without a value; the row is as empty as a null of its own.
    if values.null_count:
        missing = values.is_null().to_numpy(zero_copy_only=False)[index]
        if missing.any():
            raise OddRow(int(missing.argmax()), NULL)
    if _dtype(values.type) == "str":
        # The size is checked before the texts are repeated: one long entry may stand in each row.
        return text_array([text or "" for text in values.to_pylist()], index, key)
    numbers: ndarray = values.fill_null(0).to_numpy(zero_copy_only=False)[index]
    return numbers
