"""The columns of an Arrow table as the file declares them, and where each keeps its buffers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

from nctool.readers.shared.arrow.flatbuffer import Table

KINDS = (
    "", "null", "int", "float", "binary", "text", "bool", "decimal", "date", "time", "timestamp",
    "interval", "list", "struct", "union", "fixed binary", "fixed list", "map", "duration",
    "large binary", "large text", "large list", "run-end encoded", "binary view", "text view",
    "list view", "large list view",
)  # fmt: skip
OWN_BUFFERS = {
    "null": 0, "run-end encoded": 0, "struct": 1, "fixed list": 1, "list": 2, "large list": 2,
    "map": 2, "list view": 3, "large list view": 3, "binary": 3, "large binary": 3, "text": 3,
    "large text": 3,
}  # fmt: skip
LISTS = frozenset(("fixed list", "list", "large list"))
TEXTS = frozenset(("text", "large text", "text view"))
VIEWS = frozenset(("text view", "binary view"))
PRECISIONS = ("float16", "float32", "float64")
DEEPEST, MOST_FIELDS = 32, 2**17
TENSOR = "arrow.fixed_shape_tensor"


@dataclass(frozen=True, slots=True)
class Field:
    """One column or part of one. ``dtype`` is set for numbers, ``size`` for lists of a fixed size.

    ``node`` and ``buffer`` count how many nodes and buffers of a batch lie before its own;
    ``views`` counts the fields before it that bring a number of buffers of their own choosing.
    """

    name: str
    kind: str
    dtype: str
    size: int
    children: tuple[Field, ...]
    dictionary: int | None
    tensor: tuple[int, ...]
    node: int = 0
    buffer: int = 0
    views: int = 0


@dataclass(frozen=True, slots=True)
class Schema:
    """All columns, the values of dictionaries by their number, and the texts that came along."""

    fields: tuple[Field, ...]
    dictionaries: Mapping[int, Field]
    texts: Mapping[str, str]


def read_schema(table: Table, version: int) -> Schema:
    if table.number(0, "h"):
        raise ValueError("its numbers are big-endian")
    dictionaries: dict[int, Field] = {}
    fields = [_field(one, 0, dictionaries) for one in table.tables(1)]
    texts = {pair.text(0): pair.text(1) for pair in table.tables(2)}
    return Schema(placed(fields, version), dictionaries, texts)


def _field(table: Table, depth: int, dictionaries: dict[int, Field]) -> Field:
    if depth > DEEPEST:
        raise ValueError("its columns are nested without end")
    number = table.number(2, "B")
    kind = KINDS[number] if 0 < number < len(KINDS) else ""
    made = table.table(3)
    if not kind or made is None:
        raise ValueError(f"a column is of the unknown type {number}")
    dtype, size = _numbers(kind, made)
    if kind == "union":
        size = made.number(0, "h")
    children = tuple(_field(one, depth + 1, dictionaries) for one in table.tables(5))
    expected = 1 if kind in LISTS or kind in ("list view", "large list view", "map") else None
    if size < 0 or (expected is not None and len(children) != expected):
        raise ValueError("a column of lists has no items")
    texts = {pair.text(0): pair.text(1) for pair in table.tables(6)}
    field = Field(
        table.text(0), kind, dtype, size, children, None,
        _tensor(texts, size) if kind == "fixed list" else (),
    )  # fmt: skip
    encoding = table.table(4)
    if encoding is None:
        return field
    index = encoding.table(1)
    code, _ = ("int32", 0) if index is None else _numbers("int", index)
    name = encoding.number(0, "q")
    dictionaries[name] = placed([replace(field, name="")], 4)[0]
    return replace(field, kind="int", dtype=code, size=0, children=(), dictionary=name, tensor=())


def _numbers(kind: str, made: Table) -> tuple[str, int]:
    if kind == "int":
        width = made.number(0, "i")
        if width not in (8, 16, 32, 64):
            raise ValueError(f"a column holds integers of {width} bits")
        return f"{'int' if made.number(1, '?') else 'uint'}{width}", 0
    if kind == "float":
        precision = made.number(0, "h")
        if not 0 <= precision < len(PRECISIONS):
            raise ValueError(f"a column holds floats of the unknown precision {precision}")
        return PRECISIONS[precision], 0
    return (
        ("bool", 0) if kind == "bool" else ("", made.number(0, "i") if kind == "fixed list" else 0)
    )


def _tensor(texts: Mapping[str, str], size: int) -> tuple[int, ...]:
    """The shape of the tensors that a column says its lists are; () where it says none."""
    if texts.get("ARROW:extension:name") != TENSOR:
        return ()
    try:
        found = json.loads(texts.get("ARROW:extension:metadata", ""))
    except (ValueError, RecursionError):
        return ()
    shape = tensor_shape(found)
    return shape if prod(shape) == size else ()


def tensor_shape(found: object) -> tuple[int, ...]:
    shape = found.get("shape") if isinstance(found, dict) else None
    if not isinstance(shape, list) or not all(type(one) is int and one >= 0 for one in shape):
        return ()
    order = found.get("permutation") if isinstance(found, dict) else None
    return tuple(shape) if order in (None, list(range(len(shape)))) else ()


def placed(fields: list[Field], version: int) -> tuple[Field, ...]:
    """The same fields with the places of their nodes and buffers."""
    counts = [0, 0, 0]

    def place(field: Field) -> Field:
        node, buffer, views = counts
        if node > MOST_FIELDS:
            raise ValueError("it has more columns than anybody would")
        counts[0] += 1
        if field.kind == "union":
            counts[1] += 1 + (field.size == 1) + (version < 4)
        else:
            counts[1] += OWN_BUFFERS.get(field.kind, 2)
        counts[2] += field.kind in VIEWS
        children = tuple(place(one) for one in field.children)
        return replace(field, children=children, node=node, buffer=buffer, views=views)

    return tuple(place(one) for one in fields)


def leaves(
    field: Field, key: str, above: tuple[Field, ...] = ()
) -> Iterator[tuple[str, Field, tuple[Field, ...]]]:
    """Columns by key, those inside a struct under its name, each with the structs around it."""
    if field.kind == "struct" and field.dictionary is None:
        for child in field.children:
            yield from leaves(child, f"{key}.{child.name}", (*above, field))
    else:
        yield key, field, above
