"""From the library's typed columns to arrays: what a type can become, and rows without gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from nctool.arrays import ITEM_BYTES
from nctool.readers.shared.tables import Odd, text_array

if TYPE_CHECKING:
    from numpy import ndarray

FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
NULL = "has no value"
DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Target:
    """One column: where its numbers lie in the file, and through how many structs to go to it.

    ``sizes`` are the lengths of the lists at each level, None where the type does not tell;
    ``tensor`` is the shape that the column says its lists of one fixed size have.
    """

    key: str
    leaf: int
    steps: int
    dtype: str
    sizes: tuple[int | None, ...] = ()
    tensor: tuple[int, ...] = ()
    odd: str = ""

    @property
    def known(self) -> tuple[int, ...] | None:
        found = tuple(size for size in self.sizes if size is not None)
        return found if len(found) == len(self.sizes) else None

    @property
    def inner(self) -> tuple[int, ...]:
        return self.tensor or self.known or ()

    @property
    def row_bytes(self) -> int:
        return max(1, prod(self.known or ()) * ITEM_BYTES.get(self.dtype, 64))


def targets(fields: Any) -> Iterator[Target]:
    """Every column of a schema, in the order of the file; ``odd`` says why one is no array."""
    leaf = 0
    for field in fields:
        yield from _of(field.name, field.type, leaf, 0)
        leaf += leaves_of(field.type)


def leaves_of(kind: Any) -> int:
    """How many columns of the file one column of the table takes."""
    import pyarrow

    kind = _plain(kind)
    if pyarrow.types.is_struct(kind) or pyarrow.types.is_map(kind):
        parts = [kind.key_type, kind.item_type] if pyarrow.types.is_map(kind) else list(kind)
        return sum(leaves_of(getattr(part, "type", part)) for part in parts)
    return leaves_of(kind.value_type) if _is_list(kind) else 1


def _of(key: str, kind: Any, leaf: int, steps: int) -> Iterator[Target]:
    import pyarrow

    tensor = _tensor(kind)
    kind = _plain(kind)
    if pyarrow.types.is_struct(kind) and steps < DEEPEST:
        for child in kind:
            yield from _of(f"{key}.{child.name}", child.type, leaf, steps + 1)
            leaf += leaves_of(child.type)
        return
    sizes: list[int | None] = []
    inner = kind
    while _is_list(inner):
        fixed = pyarrow.types.is_fixed_size_list(inner)
        sizes.append(inner.list_size if fixed else None)
        inner = _plain(inner.value_type)
    values = inner.value_type if not sizes and pyarrow.types.is_dictionary(inner) else inner
    dtype = _dtype(values)
    if not dtype or (dtype == "str" and sizes):
        yield Target(key, leaf, steps, "", odd=f"lists of {inner}" if sizes else str(inner))
    else:
        yield Target(key, leaf, steps, dtype, tuple(sizes), tensor if sizes else ())


def _tensor(kind: Any) -> tuple[int, ...]:
    import pyarrow

    if not isinstance(kind, pyarrow.FixedShapeTensorType):
        return ()
    order = kind.permutation
    same = order is None or list(order) == list(range(len(order)))
    return tuple(kind.shape) if same and prod(kind.shape) == kind.storage_type.list_size else ()


def _plain(kind: Any) -> Any:
    import pyarrow

    return kind.storage_type if isinstance(kind, pyarrow.BaseExtensionType) else kind


def _is_list(kind: Any) -> bool:
    import pyarrow

    types = pyarrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _dtype(kind: Any) -> str:
    import pyarrow

    types = pyarrow.types
    if types.is_string(kind) or types.is_large_string(kind):
        return "str"
    if types.is_floating(kind):
        return FLOATS[str(kind)]
    return str(kind) if types.is_integer(kind) or types.is_boolean(kind) else ""


def narrowed(array: Any, steps: int) -> Any:
    """The column inside so many structs, of which only the one leading to it was read."""
    for _ in range(steps):
        _present(array)
        (array,) = array.flatten()
    return array


def first_sizes(array: Any) -> tuple[int, ...]:
    """How long the lists of the first row are."""
    found: list[int] = []
    array = _storage(array)
    while _is_list(array.type):
        count = len(array[0]) if len(array) and array[0].is_valid else 0
        found.append(count)
        array = _storage(array[:1].flatten())
    return tuple(found)


def dense(array: Any, sizes: Sequence[int], key: str) -> ndarray:
    """Numbers or texts, a row for each; a null or a list of another length stops with its place."""
    import numpy
    import pyarrow

    array = _storage(array)
    _present(array)
    if sizes:
        if not pyarrow.types.is_fixed_size_list(array.type):
            lengths = numpy.diff(array.offsets.to_numpy())
            if (lengths != sizes[0]).any():
                place = int((lengths != sizes[0]).argmax())
                raise Odd(place, f"has {int(lengths[place])} values, expected {sizes[0]}")
        try:
            inner = dense(array.flatten(), sizes[1:], key)
        except Odd as odd:
            raise Odd(odd.place // sizes[0], odd.found) from odd
        return inner.reshape(len(array), sizes[0], *inner.shape[1:])
    if pyarrow.types.is_dictionary(array.type):
        index = array.indices.to_numpy(zero_copy_only=False)
        if _dtype(array.type.value_type) == "str":
            _present(array.dictionary)
            return text_array(array.dictionary.to_pylist(), index, key)
        values: ndarray = dense(array.dictionary, (), key)[index]
        return values
    if _dtype(array.type) == "str":
        return text_array(array.to_pylist(), None, key)
    numbers: ndarray = array.to_numpy(zero_copy_only=False)
    return numbers


def _storage(array: Any) -> Any:
    import pyarrow

    return array.storage if isinstance(array, pyarrow.ExtensionArray) else array


def _present(array: Any) -> None:
    if array.null_count:
        missing = array.is_null().to_numpy(zero_copy_only=False)
        raise Odd(int(missing.argmax()), NULL)
