"""One tensor of an ONNX file: what it says of itself, and where its elements lie.

Elements are raw bytes in the file, raw bytes in another file of the same folder, or numbers in
fields of their own. Floats in such fields lie one after another and are mapped like raw bytes;
integers are packed and decoded when somebody asks for rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath

from nctool.arrays import INTEGERS, ITEM_BYTES, LazyArray, NumpyArray
from nctool.core.errors import InputError
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.protobuf import BYTES, LONGEST_VARINT, VARINT, Field, Wire, signed
from nctool.readers.shared.region import (
    CARRIERS,
    Region,
    checked_shape,
    numpy_code,
    packed,
    unpacked,
)
from nctool.readers.shared.shards import inside
from nctool.readers.shared.wording import truncated

ONNX = "onnx"
FLOATS, INT32S, STRINGS, INT64S, DOUBLES, UINT64S = 4, 5, 6, 7, 10, 11
# The number of a type → its name here, and the field where its elements stand if not raw.
TYPES = {
    1: ("float32", FLOATS), 2: ("uint8", INT32S), 3: ("int8", INT32S), 4: ("uint16", INT32S),
    5: ("int16", INT32S), 6: ("int32", INT32S), 7: ("int64", INT64S), 9: ("bool", INT32S),
    10: ("float16", INT32S), 11: ("float64", DOUBLES), 12: ("uint32", UINT64S),
    13: ("uint64", UINT64S), 14: ("complex64", FLOATS), 15: ("complex128", DOUBLES),
    16: ("bfloat16", INT32S), 17: ("float8_e4m3fn", INT32S), 19: ("float8_e5m2", INT32S),
}  # fmt: skip
OTHERS = {
    8: "text", 18: "float8_e4m3fnuz", 20: "float8_e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4_e2m1", 24: "float8_e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip
MOST_DIMS_BYTES = 32 * LONGEST_VARINT
MOST_CHUNKS = 4096


@dataclass(slots=True)
class Tensor:
    """A tensor as described; ``chunks`` are the pieces of its elements in the file."""

    name: str = ""
    dims: list[int] = field(default_factory=list)
    type: int = 0
    raw: tuple[int, int] | None = None
    chunks: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    external: dict[str, str] = field(default_factory=dict)
    outside: bool = False
    segmented: bool = False
    constant: bool = False

    @property
    def integral(self) -> bool:
        return TYPES.get(self.type, ("",))[0] in INTEGERS

    @property
    def unreadable(self) -> str:
        """What kind of tensor it is, if one that is not read."""
        if self.segmented:
            return "tensor in segments"
        return "" if self.type in TYPES else OTHERS.get(self.type, f"type {self.type}")


def described(wire: Wire, start: int, stop: int) -> Tensor:
    """The tensor between two positions."""
    tensor = Tensor()
    for part in wire.fields(start, stop):
        _take(wire, tensor, part)
    return tensor


def _take(wire: Wire, tensor: Tensor, part: Field) -> None:
    match part.number, part.wire:
        case 1, w if w == VARINT:
            tensor.dims.append(signed(part.value))
        case 1, w if w == BYTES:
            if part.stop - part.start > MOST_DIMS_BYTES:
                raise wire.damaged("a tensor in it has too many dimensions")
            tensor.dims += wire.varints(part.start, part.stop)
        case 2, w if w == VARINT:
            tensor.type = part.value
        case 3, _:
            tensor.segmented = True
        case ((4 | 5 | 7 | 10 | 11 as number), _):
            chunks = tensor.chunks.setdefault(number, [])
            chunks.append((part.start, part.stop))
            if len(chunks) > MOST_CHUNKS:
                raise wire.damaged("a tensor in it is cut into too many pieces")
        case 8, w if w == BYTES:
            tensor.name = wire.text(part)
        case 9, w if w == BYTES:
            tensor.raw = (part.start, part.stop)
        case 13, w if w == BYTES:
            key, value = pair(wire, part)
            tensor.external[key] = value
        case 14, w if w == VARINT:
            tensor.outside = part.value == 1
        case ((1 | 2 | 8 | 9 | 13 | 14), _):
            raise wire.damaged("a tensor in it is described in an unknown way")
    if len(tensor.dims) > 32 or len(tensor.external) > 32:
        raise wire.damaged("a tensor in it has too many dimensions")


def pair(wire: Wire, part: Field) -> tuple[str, str]:
    """An entry of a table from text to text."""
    texts = {text.number: wire.text(text) for text in wire.fields(part.start, part.stop)}
    return texts.get(1, ""), texts.get(2, "")


def lazy(tensor: Tensor, key: str, path: Path) -> LazyArray:
    """The rows of a readable tensor; sizes are compared before anything is read."""
    dtype, number = TYPES[tensor.type]
    shape = checked_shape(tuple(tensor.dims), key, path)
    home, start = path, 0
    if tensor.outside:
        home, start = _outside(tensor, shape, dtype, key, path)
    else:
        chunks = [tensor.raw] if tensor.raw is not None else tensor.chunks.get(number, [])
        if tensor.raw is None and number in (INT32S, INT64S, UINT64S):
            return _decoded(chunks, shape, dtype, key, path)
        size = sum(stop - start for start, stop in chunks)
        expected = prod(shape) * ITEM_BYTES[dtype]
        if size != expected:
            raise _mismatch(key, path, f"has {size} bytes", shape, dtype, expected)
        if len(chunks) > 1:
            return _joined(chunks, shape, dtype, key, path)
        start = chunks[0][0] if chunks else 0
    region = Region(home, start, numpy_code(dtype), dtype, shape, packed(shape))
    return replace(region.lazy(key, ONNX), path=str(path))


def _mismatch(
    key: str, path: Path, said: str, shape: Sequence[int], dtype: str, expected: int
) -> InputError:
    problem = f"'{shown(key)}' {said}, its shape {tuple(shape)} of {dtype} needs {expected}"
    return corrupt(path, ONNX, problem)


def _outside(
    tensor: Tensor, shape: tuple[int, ...], dtype: str, key: str, path: Path
) -> tuple[Path, int]:
    """The file beside the model that holds the elements, and where they begin in it."""
    location = tensor.external.get("location", "")
    file = _beside(path, location)
    size, expected = file.stat().st_size, prod(shape) * ITEM_BYTES[dtype]
    start = _number(tensor, "offset", 0, key, path)
    length = _number(tensor, "length", expected, key, path)
    if length != expected:
        raise _mismatch(key, path, f"has {length} bytes", shape, dtype, expected)
    if start + length > size:
        place = f"'{shown(key)}' lies in its bytes {start} to {start + length}"
        hint = "copy the file again, together with the model it belongs to"
        raise truncated(file, f"has {size} bytes; {place}", hint)
    return file, start


def _beside(path: Path, location: str) -> Path:
    folder = path.parent
    # Read as a Windows path too: '..\\x' and 'C:x' are plain names here, not where it is copied.
    windows = PureWindowsPath(location)
    leaves = PurePosixPath(location).is_absolute() or windows.drive or windows.root
    if leaves or ".." in windows.parts:
        raise InputError(
            "path-escapes",
            f"'{shown(path)}' takes its weights from '{shown(location)}', out of its own folder",
            "put the file with the weights beside the model, and save the model again",
        )
    if location and "\0" not in location and not (folder / location).exists():
        raise InputError(
            "shard-missing",
            f"'{shown(path)}' keeps its weights in '{shown(location)}', which is not beside it",
            "copy that file too, under this name",
        )
    return inside(folder, location)


def _number(tensor: Tensor, name: str, default: int, key: str, path: Path) -> int:
    text = tensor.external.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise corrupt(path, ONNX, f"the {name} of '{shown(key)}' is '{shown(text, 40)}'")
    return int(text)


def _joined(
    chunks: Sequence[tuple[int, int]], shape: tuple[int, ...], dtype: str, key: str, path: Path
) -> LazyArray:
    """Floats in several pieces."""

    def whole() -> NumpyArray:
        import numpy

        return numpy.frombuffer(_bytes(chunks, path), dtype=numpy_code(dtype)).reshape(shape)

    return unpacked(key, shape, dtype, path, ONNX, whole)


def _decoded(
    chunks: Sequence[tuple[int, int]], shape: tuple[int, ...], dtype: str, key: str, path: Path
) -> LazyArray:
    """Integers, or floats written as integers, of one to ten bytes each."""
    size, count = sum(stop - start for start, stop in chunks), prod(shape)
    if not count <= size <= LONGEST_VARINT * count:
        raise _mismatch(key, path, f"has {size} bytes", shape, dtype, count)

    def whole() -> NumpyArray:
        import numpy

        values = varints(_bytes(chunks, path))
        code = numpy.dtype(CARRIERS.get(dtype) or ("u2" if dtype == "float16" else dtype))
        wide = values if code.kind == "u" else values.view("int64")
        if dtype == "bool":
            wide = values != 0
        # A cast wraps silently; comparing back finds numbers that do not fit the type.
        exact = wide.astype(code)
        if len(values) != count or (exact != wide).any():
            problem = f"the numbers of '{shown(key)}' do not fit its shape or type"
            raise corrupt(path, ONNX, problem)
        shaped: NumpyArray = exact.view("float16") if dtype == "float16" else exact
        return numpy.asarray(shaped.reshape(shape))

    return unpacked(key, shape, dtype, path, ONNX, whole)


def varints(content: bytes | bytearray) -> NumpyArray:
    """Every number of a packed list, as unsigned 64-bit ones."""
    import numpy

    data = numpy.frombuffer(content, dtype="u1")
    if not data.size:
        return numpy.empty(0, "u8")
    # All numbers at once: each ends at a byte below 0x80, and its seven-bit parts are added up by
    # reduceat over where numbers begin.
    last = numpy.flatnonzero(data < 0x80)
    first = numpy.concatenate([[0], last[:-1] + 1]) if last.size else last
    lengths = last - first + 1
    if not last.size or last[-1] != data.size - 1 or lengths.max() > LONGEST_VARINT:
        raise ValueError("a packed number does not end")
    place = numpy.arange(data.size) - numpy.repeat(first, lengths)
    parts = (data & 0x7F).astype("u8") << (7 * place).astype("u8")
    return numpy.asarray(numpy.add.reduceat(parts, first))


def _bytes(chunks: Sequence[tuple[int, int]], path: Path) -> bytes:
    with path.open("rb") as file:
        wire = Wire(file, path, ONNX)
        return b"".join(wire.read(start, stop) for start, stop in chunks)
