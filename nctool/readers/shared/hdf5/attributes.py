"""The small facts that hang on a group or a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from math import prod

from nctool.readers.shared.hdf5 import objects
from nctool.readers.shared.hdf5.datasets import space_of
from nctool.readers.shared.hdf5.datatypes import kind_of
from nctool.readers.shared.hdf5.heaps import NAMED_ATTRIBUTES, Texts, heap_items
from nctool.readers.shared.hdf5.objects import Messages
from nctool.readers.shared.hdf5.source import Bytes, Cursor
from nctool.readers.shared.known_calls import Unfit

MOST_ATTRIBUTES = 1000
MOST_ITEMS = 10_000
MOST_BYTES = 2**24


def attribute(source: Bytes, messages: Messages, name: str) -> object:
    """The value under this name; None where there is none that is numbers or text."""
    return attributes(source, messages, frozenset((name,))).get(name)


def attributes(
    source: Bytes, messages: Messages, wanted: frozenset[str] | None = None
) -> dict[str, object]:
    """What is wanted of the numbers, texts and short lists of them."""
    texts, found = Texts(source), dict[str, object]()
    for number, cursor in enumerate(_all(source, messages)):
        if number >= MOST_ATTRIBUTES:
            break
        version = cursor.demand(1, 2, 3)
        flags, sizes = cursor.number(1), [cursor.number(2) for _ in range(3)]
        cursor.take(version == 3)
        parts = []
        for size in sizes:
            parts.append(Cursor(cursor.take(size), cursor.here - size, cursor.widths))
            cursor.take(-size % 8 if version == 1 else 0)
        name = parts[0].text().decode("utf-8", "backslashreplace")
        if wanted is None or name in wanted:
            if flags & 1:
                parts[1] = objects.shared(source, parts[1], objects.TYPE)
            with suppress(Unfit):
                value = None if flags & 2 else _value(parts[1], parts[2], cursor, texts)
                if value is not None:
                    found[name] = value
    return found


def _all(source: Bytes, messages: Messages) -> Iterator[Cursor]:
    near = (one for one in messages if one.kind == objects.ATTRIBUTE)
    plain = (one.cursor() for one in near if not one.flags & objects.SHARED)
    info = objects.first(messages, objects.ATTRIBUTE_INFO)
    if info is None:
        return plain
    cursor = info.cursor()
    cursor.demand(0)
    cursor.take(2 * (cursor.number(1) & 1))
    heap, tree = cursor.address(), cursor.address()
    return chain(plain, heap_items(source, heap, tree, NAMED_ATTRIBUTES, MOST_ATTRIBUTES))


def _value(kind: Cursor, space: Cursor, content: Cursor, texts: Texts) -> object:
    import numpy

    item, (shape, _) = kind_of(kind), space_of(space)
    count = prod(shape)
    if count > MOST_ITEMS or count * item.size > min(content.left, MOST_BYTES):
        return None
    data = content.take(count * item.size)
    if item.variable:
        values: list[object] = list(texts.all(data, item.size, MOST_BYTES))
    elif item.opaque or item.dtype.startswith(("complex", "bfloat", "float8")):
        return None
    else:
        values = numpy.frombuffer(data, item.code).tolist()
        if item.dtype == "str":
            values = [
                one.decode("utf-8", "replace").rstrip() for one in values if isinstance(one, bytes)
            ]
    return values[0] if not shape and values else values
