"""Lists of numbers in an Arrow batch: how long they are, and their numbers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from nctool.arrays import ITEM_BYTES
from nctool.readers.shared.arrow.body import Body
from nctool.readers.shared.arrow.schema import Field
from nctool.readers.shared.edge import shown
from nctool.readers.shared.tables import Odd

if TYPE_CHECKING:
    from numpy import ndarray

# What the place of one text takes, in bits.
PLACES = {"text": 32, "large text": 64, "text view": 128}


def agrees(body: Body, above: Sequence[Field], chain: Sequence[Field]) -> None:
    """Stop when the sizes of a column contradict one another."""
    if any(body.length(one) != body.rows for one in (*above, chain[0])):
        raise body.wrong(f"'{shown(chain[0].name)}' has not as many rows as its batch")
    for outer, inner in pairwise(chain):
        if outer.kind == "fixed list" and body.length(inner) < outer.size * body.length(outer):
            raise body.wrong(f"'{shown(chain[0].name)}' has fewer numbers than its lists")
    wide = bits(chain[-1].dtype) if chain[-1].dtype else PLACES.get(chain[-1].kind, 0)
    if wide and body.codec is None:
        needed = body.length(chain[-1]) * wide / 8
        stored = body.buffers[body.index(chain[-1], 1)][1]
        if stored < needed:
            raise body.wrong(f"'{shown(chain[0].name)}' needs {needed:.0f} bytes but has {stored}")


def sizes_of(body: Body, chain: Sequence[Field]) -> tuple[int, ...] | None:
    """How long the lists are at each level, if the counts do not speak against it."""
    found: tuple[int, ...] = ()
    for outer, inner in pairwise(chain):
        count = body.length(outer)
        found = (*found, body.length(inner) // count if count else 0)
        if body.length(inner) != count * found[-1]:
            return None
    return found


def first_sizes(body: Body, chain: Sequence[Field]) -> tuple[int, ...]:
    """How long the lists of the first row are."""
    found: list[int] = []
    at = 0
    for field in chain[:-1]:
        if 0 in found:
            found.append(0)
            continue
        start, stop = body.ends(field, at, at + 1).tolist()
        found.append(stop - start)
        at = start
    return tuple(found)


def check(body: Body, chain: Sequence[Field], sizes: Sequence[int], start: int, stop: int) -> int:
    """Where the numbers of these rows begin, if all lists are present and as long as said."""
    import numpy

    at, end = start, stop
    wide = 1
    for field, size in zip(chain, sizes, strict=False):
        try:
            body.present(field, at, end)
        except Odd as odd:
            raise Odd(odd.place // wide, odd.found) from odd
        if field.kind == "fixed list":
            wide, at, end = wide * size, at * size, end * size
            continue
        ends = body.ends(field, at, end)
        lengths = numpy.diff(ends)
        if (lengths != size).any():
            place = int((lengths != size).argmax())
            found = f"has {int(lengths[place])} values, expected {size}"
            raise Odd(place // wide, found)
        first = int(ends[0])
        wide *= size
        at, end = first, first + (end - at) * size
    return at


def nested(
    body: Body, chain: Sequence[Field], sizes: Sequence[int], start: int, stop: int
) -> ndarray:
    """The numbers of these rows, one after another."""
    at, wide = check(body, chain, sizes, start, stop), prod(sizes)
    try:
        return body.numbers(chain[-1], at, at + (stop - start) * wide)
    except Odd as odd:
        raise Odd(odd.place // wide, odd.found) from odd


class Flat:
    """Columns of plain numbers, whose sizes are compared all at once."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = fields
        self.nodes = [field.node for field in fields]
        self.bits = [bits(field.dtype) for field in fields]

    def check(self, body: Body) -> None:
        if not self.fields:
            return
        if any(body.views) or max(self.nodes) >= len(body.nodes):
            for field in self.fields:
                agrees(body, (), (field,))
            return
        import numpy

        places = numpy.array([field.buffer + 1 for field in self.fields])
        if places.max() >= len(body.buffers):
            raise body.wrong("a batch has fewer buffers than the table needs")
        wrong = body.nodes["f0"][self.nodes] != body.rows
        if body.codec is None:
            wrong |= body.buffers["f1"][places] * 8.0 < numpy.array(self.bits) * float(body.rows)
        if wrong.any():
            agrees(body, (), (self.fields[int(wrong.argmax())],))


def bits(dtype: str) -> int:
    return 1 if dtype == "bool" else 8 * ITEM_BYTES[dtype]
