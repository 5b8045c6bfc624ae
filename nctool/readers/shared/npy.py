"""The header of one .npy array, checked against the bytes that follow it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path

from nctool.core.errors import InputError
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.region import TYPE_OF_CODE, checked_shape

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000  # numpy's own limit for text it is willing to parse
CODE = re.compile(r"[<>|=]?([fiucbSU])([0-9]{1,7})")

KIND_SLUGS = frozenset({"npy-object", "npy-bfloat16", "npy-structured", "npy-dtype"})


@dataclass(frozen=True, slots=True)
class Header:
    """``start`` is where the elements begin, counted from the magic."""

    start: int
    code: str
    dtype: str
    shape: tuple[int, ...]
    fortran: bool


def parse(head: bytes, size: int, key: str, path: Path) -> Header:
    """The header at the start of ``head``, for an array file of ``size`` bytes in all."""
    if not head.startswith(MAGIC) or len(head) < 10 or head[6] not in (1, 2, 3):
        raise corrupt(path, "npy", f"'{shown(key)}' does not start with a numpy header")
    width = 2 if head[6] == 1 else 4
    start = 8 + width
    length = int.from_bytes(head[8:start], "little")
    if length > LONGEST_HEADER or len(head) < start + length:
        raise corrupt(path, "npy", f"the header of '{shown(key)}' claims {length} bytes")
    text = head[start : start + length].decode("latin-1" if head[6] < 3 else "utf-8")
    try:
        # literal_eval builds constants only; its text is no longer than numpy's own limit.
        fields: object = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise corrupt(path, "npy", f"the header of '{shown(key)}' is not a literal") from error
    if not isinstance(fields, dict) or fields.keys() != {"descr", "fortran_order", "shape"}:
        raise corrupt(path, "npy", f"the header of '{shown(key)}' lacks a field")
    shape, fortran = fields["shape"], fields["fortran_order"]
    if not isinstance(shape, tuple) or type(fortran) is not bool:
        raise corrupt(path, "npy", f"the header of '{shown(key)}' has no shape or no order")
    code, dtype, item = _dtype(fields["descr"], key, path)
    sizes = checked_shape(shape, key, path)
    expected = start + length + prod(sizes) * item
    if size != expected:
        raise InputError(
            "file-truncated" if size < expected else "file-corrupt",
            f"'{shown(key)}' in '{shown(path)}' has {size} bytes, "
            f"its header of shape {sizes} and type {code} announces {expected}",
            "copy the file again, or save the array again with numpy.save, one array per file",
        )
    return Header(start + length, code, dtype, sizes, fortran)


def _dtype(code: object, key: str, path: Path) -> tuple[str, str, int]:
    """The numpy type string, our name for it, and the bytes of one item."""
    where = f"'{shown(key)}' in '{shown(path)}'"
    if code in ("|O", "O", "|O8"):
        raise InputError(
            "npy-object",
            f"{where} holds Python objects, expected numbers or text; reading it would run code",
            "save it again as numbers: numpy.save(path, numpy.array(x.tolist(), dtype='float32'))",
        )
    if isinstance(code, str) and re.fullmatch(r"[<>|=]?V2", code):
        raise InputError(
            "npy-bfloat16",
            f"{where} holds 2-byte items without a type, as bfloat16 arrays are saved by numpy",
            "save it again: numpy.save(path, x.astype('float32')), or use safetensors",
        )
    if isinstance(code, list):
        message = f"{where} is a structured array with {len(code)} fields, expected a plain one"
        hint = "save each field by itself: numpy.savez(path, **{name: x[name] for name in ...})"
        raise InputError("npy-structured", message, hint)
    match = CODE.fullmatch(code) if isinstance(code, str) else None
    if match is not None and isinstance(code, str):
        kind, width = match[1], int(match[2])
        if kind in "SU" and width:
            return code, "str", width if kind == "S" else 4 * width
        if dtype := TYPE_OF_CODE.get(f"{kind}{width}"):
            return code, dtype, width
    message = f"{where} is of type {shown(code, 60)}, expected floats, integers, booleans or text"
    raise InputError("npy-dtype", message, "save it again: numpy.save(path, x.astype('float32'))")
