"""The variables of a MATLAB 4 file: a short header and the elements, one after another."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nctool.readers.shared.matlab_bytes import Bytes
from nctool.readers.shared.matlab_tree import Numbers, Unread, Value, of_texts
from nctool.readers.shared.region import TYPE_OF_CODE

HEADER = struct.Struct("5i")
# The first number of a header is 1000 M + 10 P + T: machine, precision and kind. Machines that
# are no longer built (VAX, Cray) are not read.
CODES = ("f8", "f4", "i4", "i2", "u2", "u1")
FULL, TEXT = 0, 1
LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Variable:
    """What the header of a variable says."""

    order: str
    code: str
    kind: int
    dims: tuple[int, int]
    complex: bool
    named: int

    @property
    def size(self) -> int:
        return self.dims[0] * self.dims[1] * int(self.code[1]) * (2 if self.complex else 1)


def variable(head: bytes) -> Variable | None:
    """The header at the start of these bytes, or None when it is none."""
    for order, machine in (("<", 0), (">", 1)):
        kind, rows, columns, imaginary, named = struct.unpack(f"{order}5i", head[: HEADER.size])
        # Read in the wrong byte order, the number is far outside of these ranges.
        code, kind = divmod(kind - 1000 * machine, 10)
        if (
            0 <= code < len(CODES)
            and 0 <= kind <= 2
            and min(rows, columns) >= 0
            and imaginary in (0, 1)
            and 1 < named <= LONGEST_NAME
        ):
            return Variable(order, CODES[code], kind, (rows, columns), imaginary == 1, named)
    return None


def name_of(content: bytes) -> str:
    """The name of a variable, or nothing when it could not be one."""
    name, end, rest = content.partition(b"\0")
    text = name.decode("ascii", "replace")
    return text if end and not rest.strip(b"\0") and text.isidentifier() else ""


def variables(file: BinaryIO, path: Path, size: int) -> Iterator[tuple[str, Value]]:
    """Every variable of the file, by name."""
    bytes = Bytes(file, path, 0, size)
    while bytes.at < size:
        header = variable(bytes.take(HEADER.size))
        name = name_of(bytes.take(header.named)) if header is not None else ""
        if header is None or not name:
            raise bytes.damaged("a variable in it has no header")
        start = bytes.at
        bytes.skip(header.size)
        yield name, _value(bytes, header, start)


def _value(bytes: Bytes, header: Variable, start: int) -> Value:
    if header.kind not in (FULL, TEXT):
        return Unread("sparse matrix")
    if header.complex:
        return Unread("complex matrix")
    code = header.order + header.code
    if header.kind == FULL and header.dims != (1, 1):
        return Numbers(header.dims, TYPE_OF_CODE[header.code], code, start)
    import numpy

    bytes.at = start
    flat = numpy.frombuffer(bytes.take(header.size), dtype=code)
    if header.kind == FULL:
        number: int | float = flat[0].item()
        return number
    if flat.size and not ((flat >= 0) & (flat < 0x110000)).all():
        raise bytes.damaged("a text in it has no characters")
    rows = flat.reshape(header.dims, order="F")
    return of_texts(["".join(map(chr, row.astype("u4"))).rstrip() for row in rows] or [""])
