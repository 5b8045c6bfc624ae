"""The type of the items in an HDF5 dataset, as far as torch or numpy has one like it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
from h5py import h5t

# Sign, exponent place and size, mantissa place and size, exponent bias.
FLOATS: dict[tuple[int, ...], str] = {
    (15, 10, 5, 0, 10, 15): "float16", (31, 23, 8, 0, 23, 127): "float32",
    (63, 52, 11, 0, 52, 1023): "float64", (15, 7, 8, 0, 7, 127): "bfloat16",
    (7, 3, 4, 0, 3, 7): "float8_e4m3fn", (7, 2, 5, 0, 2, 15): "float8_e5m2",
}  # fmt: skip
OTHERS = {
    h5t.TIME: "times", h5t.BITFIELD: "bit fields", h5t.OPAQUE: "opaque items",
    h5t.COMPOUND: "records of several fields", h5t.REFERENCE: "references to other objects",
    h5t.VLEN: "lists of any length", h5t.ARRAY: "items that are arrays themselves",
    h5t.STRING: "overlong texts",
}  # fmt: skip
COMPLEX_CLASS = getattr(h5t, "COMPLEX", None)  # new in HDF5 2.0
COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}
PARTS = ({b"r", b"i"}, {b"real", b"imag"}, {b"re", b"im"})
BYTE_ORDERS = {h5t.ORDER_LE: "<", h5t.ORDER_BE: ">"}
LONGEST_TEXT = 2**16
DEEPEST = 4


class Unreadable(Exception):
    """A dataset that is left out; the text says what it is."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of nctool's, and how items of it are read.

    ``memory`` is the HDF5 type to read them as; that of the file itself where bytes are passed on
    as they are, so that nothing is converted and what is mapped and what is read agree.
    """

    dtype: str
    order: str
    width: int
    memory: h5t.TypeID
    as_stored: bool = True
    variable: bool = False


def kind_of(kind: h5t.TypeID, depth: int = 0) -> Kind:
    """The type like this one; :class:`Unreadable` says what it is when there is none."""
    group, size = kind.get_class(), kind.get_size()
    if group == h5t.INTEGER:
        return _integer(kind, size)
    if group == h5t.FLOAT:
        return _float(kind, size)
    if group == h5t.STRING and kind.is_variable_str():
        return Kind("str", "<", size, kind, as_stored=False, variable=True)
    if group == h5t.STRING and size <= LONGEST_TEXT:
        return Kind("str", "<", size, kind)
    if group == h5t.ENUM and depth < DEEPEST:
        return _enumeration(kind, depth)
    if group == h5t.COMPOUND and kind.get_nmembers() == 2 and depth < DEEPEST:
        return _compound(kind, depth)
    if group == COMPLEX_CLASS and depth < DEEPEST:
        return _complex(kind, kind_of(kind.get_super(), depth + 1))
    raise Unreadable(f"array of {OTHERS.get(group, 'no type')}")


def _integer(kind: h5t.TypeID, size: int) -> Kind:
    order = BYTE_ORDERS.get(kind.get_order())
    if size not in (1, 2, 4, 8) or order is None:
        raise Unreadable(f"array of integers of {8 * size} bits")
    signed = kind.get_sign() == h5t.SGN_2
    dtype = f"{'' if signed else 'u'}int{8 * size}"
    if (kind.get_offset(), kind.get_precision()) == (0, 8 * size):
        return Kind(dtype, order, size, kind)
    # Fewer bits than bytes have, as the n-bit filter packs them: the library spreads them.
    wide = h5t.py_create(numpy.dtype(f"<{'i' if signed else 'u'}{size}"))
    return Kind(dtype, "<", size, wide, as_stored=False)


def _float(kind: h5t.TypeID, size: int) -> Kind:
    dtype = FLOATS.get((*kind.get_fields(), kind.get_ebias()))
    order = BYTE_ORDERS.get(kind.get_order())
    plain = kind.get_norm() == h5t.NORM_IMPLIED and kind.get_offset() == 0
    if dtype is None or order is None or not plain or kind.get_precision() != 8 * size:
        raise Unreadable(f"array of unusual floats of {8 * size} bits")
    return Kind(dtype, order, size, kind)


def _enumeration(kind: h5t.TypeID, depth: int) -> Kind:
    """Numbers with names; h5py writes true and false so."""
    base = kind_of(kind.get_super(), depth + 1)
    if not base.dtype.startswith(("int", "uint")) or not base.as_stored:
        raise Unreadable("array of an enumeration")
    members = range(kind.get_nmembers())
    if base.width == 1 and len(members) == 2:
        named = [(kind.get_member_name(place), kind.get_member_value(place)) for place in members]
        if named == [(b"FALSE", 0), (b"TRUE", 1)]:
            return Kind("bool", "<", 1, kind)
    return Kind(base.dtype, base.order, base.width, kind)


def _compound(kind: h5t.TypeID, depth: int) -> Kind:
    """Two floats side by side, real and imaginary."""
    names = {kind.get_member_name(place) for place in range(2)}
    offsets = [kind.get_member_offset(place) for place in range(2)]
    first, second = (kind_of(kind.get_member_type(place), depth + 1) for place in range(2))
    alike = (first.dtype, first.order) == (second.dtype, second.order)
    if names not in PARTS or not alike or offsets != [0, first.width]:
        raise Unreadable("array of records of several fields")
    return _complex(kind, first)


def _complex(kind: h5t.TypeID, part: Kind) -> Kind:
    dtype = COMPLEX_OF.get(part.dtype)
    if dtype is None or kind.get_size() != 2 * part.width:
        raise Unreadable("array of unusual complex numbers")
    return Kind(dtype, part.order, 2 * part.width, kind)


def bfloat16(kind: h5t.TypeID) -> Kind:
    """Two bytes without a type, of which an attribute says what they are."""
    if kind.get_size() != 2:
        raise Unreadable("array of opaque items")
    return Kind("bfloat16", "<", 2, kind)
