"""The few calls in a pickle that mean an array: what torch and numpy write for theirs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeAlias

from nctool.arrays import ITEM_BYTES, NumpyArray
from nctool.readers.shared.pickle_data import Blob, Global, Made, Outside, Table
from nctool.readers.shared.region import (
    MOST_REPEATED_BYTES,
    Region,
    checked_shape,
    numpy_code,
    packed,
    span,
)

STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8",
}  # fmt: skip
TORCH_NAMES = {"double": "float64", "float": "float32", "half": "float16", "long": "int64"}
ARRAY_CODE = re.compile(r"[fiu][1248]|b1|c8|c16|[US][1-9][0-9]{0,6}")


class Unfit(Exception):
    """An array nctool cannot hand on; the text says what it is. The rest of the file is fine."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the bytes behind a tensor lie, and the type it was saved under."""

    offset: int
    nbytes: int
    dtype: str
    order: str = "<"


Locate: TypeAlias = Callable[[Path, object], Storage]


def storage_type(kind: object) -> str:
    name = kind.dotted.rpartition(".")[2] if isinstance(kind, Global) else ""
    if name not in STORAGES:
        raise Unfit("tensor in a quantized or unknown storage")
    return STORAGES[name]


def tensor_of(made: Made, path: Path, key: str, locate: Locate) -> Region | None:
    """The region behind a rebuilt tensor; None when the call makes no tensor."""
    for _ in range(8):  # a subclass of a parameter of a tensor; nothing honest goes deeper
        if made.name in _WRAPPERS and made.args and isinstance(made.args[0], Made):
            made = made.args[0]
        elif made.name.startswith("torch._tensor._rebuild_from_type") and len(made.args) >= 3:
            inner = made.args[2]
            made = Made(made.args[0], inner if isinstance(inner, tuple) else ())
    if made.name in _ODD:
        raise Unfit(_ODD[made.name])
    if made.name not in _REBUILD or len(made.args) < 4:
        return None
    storage = locate(path, made.args[0])
    dtype = storage.dtype
    if made.name.endswith("_v3"):
        name = made.args[6] if len(made.args) > 6 else None
        dtype = name.dotted.rpartition(".")[2] if isinstance(name, Global) else ""
        dtype = TORCH_NAMES.get(dtype, dtype)
    if dtype not in ITEM_BYTES:
        raise Unfit(f"tensor of type {dtype}")
    metadata = made.args[-1]
    if isinstance(metadata, Table) and any(value is True for _, value in metadata.pairs):
        raise Unfit("conjugated or negated view of a tensor")
    return _region(path, key, storage, dtype, made.args[1:4])


_WRAPPERS = frozenset(f"torch._utils._rebuild_parameter{end}" for end in ("", "_with_state"))
_REBUILD = frozenset(f"torch._utils._rebuild_tensor{end}" for end in ("", "_v2", "_v3"))
_ODD = {
    "torch._utils._rebuild_sparse_tensor": "sparse tensor",
    "torch._utils._rebuild_qtensor": "quantized tensor",
    "torch._utils._rebuild_nested_tensor": "nested tensor",
    "torch._utils._rebuild_wrapper_subclass": "wrapped tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "meta tensor without data",
}


def _region(
    path: Path, key: str, storage: Storage, dtype: str, where: tuple[object, ...]
) -> Region:
    offset, size, steps = where
    shape = checked_shape(size.args[0] if isinstance(size, Made) else size, key, path)
    strides = steps if isinstance(steps, tuple) else ()
    numbers = (offset, *strides)
    # torch writes no negative strides; with one, the span would begin before the storage.
    if len(strides) != len(shape) or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("a tensor's offset or strides are no non-negative integers")
    first, item = int(str(offset)), ITEM_BYTES[dtype]
    walk = tuple(int(str(step)) for step in strides)
    # The furthest element decides, not the product of the sizes: strides may overlap or leave gaps.
    if (first + span(shape, walk)) * item > storage.nbytes:
        raise ValueError(
            f"a tensor of shape {shape} reaches behind its storage of {storage.nbytes} bytes"
        )
    region = Region(
        path, storage.offset + first * item, numpy_code(dtype, storage.order), dtype, shape, walk
    )
    if prod(shape) * item > max(storage.nbytes, MOST_REPEATED_BYTES):
        raise Unfit("tensor that repeats a small storage many times")
    return region


def numpy_array(made: Made, path: Path, key: str) -> Region | NumpyArray | None:
    """The numpy array a call makes, in place when its bytes were left in the file."""
    name, args = made.name.replace("numpy._core.", "numpy.core."), made.args
    if name == "numpy.core.multiarray._reconstruct":
        if not isinstance(made.state, tuple) or len(made.state) != 5:
            raise Unfit("numpy array without content")
        _, shape, kind, fortran, data = made.state
    elif name == "numpy.core.numeric._frombuffer" and len(args) == 4:
        data, kind, shape, order = args
        fortran = order == "F"
    else:
        return None
    code = array_code(kind)
    sizes = checked_shape(shape, key, path)
    content = _content(data)
    import numpy

    item = numpy.dtype(code)
    length = content.length if isinstance(content, Blob) else len(content)
    if length != prod(sizes) * item.itemsize:
        raise ValueError(f"an array of shape {sizes} has {length} bytes of content")
    if isinstance(content, Blob):
        dtype = "str" if item.kind in "US" else item.name
        return Region(path, content.offset, code, dtype, sizes, packed(sizes, fortran is True))
    flat: NumpyArray = numpy.frombuffer(content, dtype=item)
    return flat.reshape(sizes, order="F" if fortran is True else "C")


def scalar_of(made: Made) -> bool | int | float | str | None:
    """The Python value of a numpy scalar; None when the call makes none."""
    if made.name.replace("numpy._core.", "numpy.core.") != "numpy.core.multiarray.scalar":
        return None
    import numpy

    kind, data = made.args
    content = _content(data)
    if isinstance(content, Blob):
        raise Unfit("long numpy scalar")
    value: object = numpy.frombuffer(content, dtype=array_code(kind))[0].item()
    return value if isinstance(value, bool | int | float | str) else None


def array_code(kind: object) -> str:
    """The numpy type string of a pickled dtype, if it is one of plain numbers or text."""
    if not isinstance(kind, Made) or kind.name != "numpy.dtype" or not kind.args:
        raise Unfit("numpy array of an unknown type")
    code, state = str(kind.args[0]), kind.state
    if not ARRAY_CODE.fullmatch(code):
        raise Unfit(f"numpy array of type {code[:20]}")
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
    return f"{order}{code}" if order in ("<", ">") else code


def _content(data: object) -> Blob | bytes:
    if isinstance(data, bytes | Blob):
        return data
    # Old protocols write bytes as a latin-1 string and ask for it to be encoded again.
    if isinstance(data, Made) and data.name == "_codecs.encode" and isinstance(data.args[0], str):
        return data.args[0].encode("latin-1")
    if isinstance(data, Made) and data.name.endswith((".bytes", ".bytearray")):
        return _content(data.args[0]) if data.args else b""
    raise Unfit("numpy array of Python objects")


def storage_reference(reference: object) -> tuple[str, str, int]:
    """Type, key and length of the storage a pickle points at."""
    id = reference.id if isinstance(reference, Outside) else None
    if not isinstance(id, tuple) or len(id) < 5 or id[0] != "storage":
        raise ValueError("a tensor does not say which storage it lives in")
    if len(id) > 5 and id[5] is not None:
        raise Unfit("view of a storage from a very old torch")
    dtype, key, count = storage_type(id[1]), str(id[2]), id[4]
    if type(count) is not int or count < 0:
        raise ValueError("a storage has no length")
    return dtype, key, count
