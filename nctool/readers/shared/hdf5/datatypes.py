"""The type of the items in an HDF5 dataset, as far as torch or numpy has one like it."""

from __future__ import annotations

from dataclasses import dataclass

from nctool.readers.shared.hdf5.source import Cursor
from nctool.readers.shared.known_calls import Unfit
from nctool.readers.shared.region import numpy_code

INTEGER, FLOAT, _TIME, TEXT, BITS, OPAQUE, COMPOUND, REFERENCE, ENUM, VARIABLE, ARRAY, COMPLEX = (
    range(12)
)
OTHERS = {
    _TIME: "times", BITS: "bit fields", OPAQUE: "opaque items", COMPOUND: "records of several "
    "fields", REFERENCE: "references to other objects", VARIABLE: "lists of any length",
    ARRAY: "items that are arrays themselves", ENUM: "an enumeration",
}  # fmt: skip
# Precision, exponent place and size, mantissa place and size, exponent bias.
FLOATS: dict[tuple[int, ...], str] = {
    (16, 10, 5, 0, 10, 15): "float16", (32, 23, 8, 0, 23, 127): "float32",
    (64, 52, 11, 0, 52, 1023): "float64", (16, 7, 8, 0, 7, 127): "bfloat16",
    (8, 3, 4, 0, 3, 7): "float8_e4m3fn", (8, 2, 5, 0, 2, 15): "float8_e5m2",
}  # fmt: skip
COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}
PARTS = ({"r", "i"}, {"real", "imag"}, {"re", "im"})
LONGEST_TEXT = 2**16
DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """``code`` is the numpy type of the stored bytes; a text of any length is 16 other bytes."""

    dtype: str
    code: str
    size: int
    variable: bool = False
    opaque: bool = False


def kind_of(cursor: Cursor, depth: int = 0) -> Kind:
    """The type described here; :class:`Unfit` says what it is when nothing fits it."""
    mark, bits, size = cursor.number(1), cursor.number(3), cursor.number(4)
    group, version = mark & 15, mark >> 4
    if not 1 <= version <= 5 or not size or depth > DEEPEST:
        raise ValueError("a type of it is none that HDF5 knows")
    if group == INTEGER:
        return _integer(cursor, bits, size)
    if group == FLOAT:
        return _float(cursor, bits, size)
    if group == TEXT and size <= LONGEST_TEXT:
        return Kind("str", f"S{size}", size)
    if group == VARIABLE and bits & 15 == 1 and size == 8 + cursor.widths[0]:
        return Kind("str", f"V{size}", size, variable=True)
    if group == ENUM:
        return _enum(cursor, bits, version, depth)
    if group == COMPLEX:
        return _pair(kind_of(cursor, depth + 1), size)
    if group == COMPOUND and bits & 0xFFFF == 2:
        return _compound(cursor, version, size, depth)
    if group == OPAQUE and size == 2:  # bfloat16, if an attribute says so
        return Kind("uint16", "<u2", 2, opaque=True)
    raise Unfit(f"array of {OTHERS.get(group, 'overlong texts' if group == TEXT else 'no type')}")


def _integer(cursor: Cursor, bits: int, size: int) -> Kind:
    if (cursor.number(2), cursor.number(2)) != (0, 8 * size) or size not in (1, 2, 4, 8):
        raise Unfit(f"array of integers of {8 * size} bits, or packed into them")
    dtype = f"{'' if bits & 8 else 'u'}int{8 * size}"
    return Kind(dtype, numpy_code(dtype, "><"[not bits & 1]), size)


def _float(cursor: Cursor, bits: int, size: int) -> Kind:
    offset, precision = cursor.number(2), cursor.number(2)
    shape = (precision, *(cursor.number(1) for _ in range(4)), cursor.number(4))
    implied = bits >> 4 & 3 == 2 and bits >> 8 & 0xFF == precision - 1
    dtype = FLOATS.get(shape) if implied and not offset and not bits & 0x40 else None
    if dtype is None or precision != 8 * size:
        raise Unfit(f"array of unusual floats of {8 * size} bits")
    return Kind(dtype, numpy_code(dtype, "><"[not bits & 1]), size)


def _enum(cursor: Cursor, bits: int, version: int, depth: int) -> Kind:
    """Numbers with names; h5py writes true and false so."""
    base = kind_of(cursor, depth + 1)
    names = []
    for _ in range(bits & 0xFFFF):
        name = cursor.text()
        if version < 3:
            cursor.take(-(len(name) + 1) % 8)
        names.append(name)
    if not base.dtype.startswith(("int", "uint")):
        raise Unfit("array of an enumeration")
    if base.size == 1 and names == [b"FALSE", b"TRUE"] and cursor.take(2) == b"\0\1":
        return Kind("bool", "b1", 1)
    return base


def _compound(cursor: Cursor, version: int, size: int, depth: int) -> Kind:
    """Two floats side by side, real and imaginary."""
    names, places, kinds = set(), [], []
    for _ in range(2):
        name = cursor.text()
        if version < 3:
            cursor.take(-(len(name) + 1) % 8)
        names.add(name.decode("utf-8", "backslashreplace"))
        places.append(cursor.number(4 if version < 3 else (size.bit_length() + 7) // 8))
        if version == 1:
            cursor.take(28)
        kinds.append(kind_of(cursor, depth + 1))
    if names in PARTS and kinds[0] == kinds[1] and places == [0, kinds[0].size]:
        return _pair(kinds[0], size)
    raise Unfit("array of records of several fields")


def _pair(part: Kind, size: int) -> Kind:
    dtype = COMPLEX_OF.get(part.dtype)
    if dtype is None or size != 2 * part.size:
        raise Unfit("array of unusual complex numbers")
    return Kind(dtype, numpy_code(dtype, part.code[0]), size)
