"""The buffers of one Arrow batch, each checked against the bytes that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.arrays import ITEM_BYTES
from nctool.core.errors import InputError
from nctool.core.extras import Extra
from nctool.readers.shared.arrow.flatbuffer import Table
from nctool.readers.shared.arrow.messages import CODECS, NAME, Batch, Message, described
from nctool.readers.shared.arrow.schema import Field
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.region import numpy_code
from nctool.readers.shared.tables import MOST_RATIO, MOST_TEXT_BYTES, Odd, too_long

if TYPE_CHECKING:
    from numpy import ndarray

EXTRA = Extra("arrow", ("pyarrow",))
FREE_BYTES = 2**28
PAIR = "<i8, <i8"
NULL = "has no value"


class Opener:
    """Batches of one file; the file is mapped once, when rows are first asked for.

    The last two batches are kept, so that columns that are read side by side share them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recent: dict[int, Body] = {}

    @cached_property
    def mapped(self) -> ndarray:
        import numpy

        return numpy.memmap(self.path, dtype="u1", mode="c").view(numpy.ndarray)

    def body(self, batch: Batch) -> Body:
        start = batch.message.start
        if start not in self.recent:
            table = described(self.path, batch.message).table(2)
            body = self._body(batch.message, table)
            if body.rows != batch.rows:
                raise body.wrong("a batch changed after it was opened")
            while len(self.recent) > 1:
                del self.recent[next(iter(self.recent))]
            self.recent[start] = body
        return self.recent[start]

    def dictionary(self, message: Message) -> Body:
        table = described(self.path, message).table(2)
        return self._body(message, None if table is None else table.table(1))

    def _body(self, message: Message, table: Table | None) -> Body:
        if table is None:
            raise corrupt(self.path, NAME, "a batch is empty")
        packed = table.table(3)
        codec = None
        if packed is not None:
            EXTRA.demand(f"'{shown(self.path)}' holds compressed Arrow; reading it")
            number = packed.number(0, "b")
            if not 0 <= number < len(CODECS):
                raise corrupt(self.path, NAME, f"it is compressed by the unknown method {number}")
            codec = CODECS[number]
        nodes, buffers = table.structs(1, PAIR), table.structs(2, PAIR)
        views = table.structs(4, "<i8").tolist()
        body = Body(self, message, table.number(0, "q"), nodes, buffers, views, codec, {})
        low, high = buffers["f0"], buffers["f1"]
        if len(buffers) and (
            low.min() < 0 or high.min() < 0 or (high > message.body_length - low).any()
        ):
            raise corrupt(self.path, NAME, "a buffer lies outside of its batch")
        return body


@dataclass(slots=True)
class Body:
    """One batch: lengths, and rows of a field with every null named."""

    opener: Opener
    message: Message
    rows: int
    nodes: ndarray
    buffers: ndarray
    views: Sequence[int]
    codec: str | None
    unpacked: dict[int, ndarray]

    def wrong(self, found: str) -> InputError:
        return corrupt(self.opener.path, NAME, found)

    def length(self, field: Field) -> int:
        return self._node(field)[0]

    def _node(self, field: Field) -> tuple[int, int]:
        if field.node >= len(self.nodes):
            raise self.wrong("a batch has fewer columns than the table")
        length, nulls = self.nodes[field.node].tolist()
        if not 0 <= length < 2**62:
            raise self.wrong(f"a column claims {length} rows")
        return length, nulls

    def index(self, field: Field, number: int) -> int:
        index = field.buffer + number + sum(self.views[: field.views])
        if min(self.views, default=0) < 0 or index >= len(self.buffers):
            raise self.wrong("a batch has fewer buffers than the table needs")
        return index

    def taken(self, field: Field, number: int, start: int, stop: int) -> ndarray:
        """Bytes from ``start`` to ``stop`` of one buffer of a field."""
        index = self.index(field, number)
        offset, length = self.buffers[index].tolist()
        if self.codec is not None and length:
            whole = self._unpacked(index, offset, length)
        else:
            begin = self.message.body + offset
            # Touching a mapping behind the end of a file that shrank would kill the process.
            if self.opener.path.stat().st_size < begin + length:
                raise InputError(
                    "file-changed",
                    f"'{shown(self.opener.path)}' became shorter after it was opened",
                    "wait until the file is written, then run again",
                )
            whole = self.opener.mapped[begin : begin + length]
        if not 0 <= start <= stop <= len(whole):
            raise self.wrong(f"a buffer has {len(whole)} bytes, byte {stop} was looked for")
        return whole[start:stop]

    def _unpacked(self, index: int, offset: int, length: int) -> ndarray:
        if index in self.unpacked:
            return self.unpacked[index]
        import numpy
        import pyarrow

        begin = self.message.body + offset
        with self.opener.path.open("rb") as file:
            file.seek(begin)
            packed = file.read(length)
        size = int.from_bytes(packed[:8], "little", signed=True)
        if size == -1:
            found = numpy.frombuffer(packed, "u1", offset=8)
        elif length < 8 or size < 0 or (size > FREE_BYTES and size > MOST_RATIO * length):
            raise self.wrong(f"a buffer claims {size} bytes from {length} compressed ones")
        else:
            try:
                raw = pyarrow.decompress(packed[8:], size, self.codec) if size else b""
            except OSError as error:  # so it calls damage
                raise self.wrong(f"a buffer does not unpack: {shown(error)}") from error
            found = numpy.frombuffer(raw, "u1")
        self.unpacked[index] = found
        return found

    def present(self, field: Field, start: int, stop: int) -> None:
        """Stop at the first null of these rows."""
        if not self._node(field)[1] or start >= stop:
            return
        here = self._bits(field, 0, start, stop)
        if not here.all():
            raise Odd(int(here.argmin()), NULL)

    def _bits(self, field: Field, number: int, start: int, stop: int) -> ndarray:
        import numpy

        packed = self.taken(field, number, start // 8, -(-stop // 8))
        bits = numpy.unpackbits(packed, bitorder="little")
        return bits[start % 8 : start % 8 + stop - start].view("bool")

    def numbers(self, field: Field, start: int, stop: int) -> ndarray:
        self.present(field, start, stop)
        if field.dtype == "bool":
            return self._bits(field, 1, start, stop)
        item = ITEM_BYTES[field.dtype]
        return self.taken(field, 1, start * item, stop * item).view(numpy_code(field.dtype))

    def ends(self, field: Field, start: int, stop: int) -> ndarray:
        """Where each of these lists begins, and where the last of them ends."""
        import numpy

        if start < 0:
            raise self.wrong("a list begins before its numbers")
        if field.kind == "fixed list":
            return numpy.arange(start, stop + 1) * field.size
        item = 8 if field.kind.startswith("large") else 4
        if start == stop:
            return numpy.zeros(1, "i8")
        return self.taken(field, 1, start * item, (stop + 1) * item).view(f"<i{item}")

    def texts(self, field: Field, start: int, stop: int) -> list[str]:
        self.present(field, start, stop)
        if field.kind == "text view":
            return self._viewed(field, start, stop)
        ends = self.ends(field, start, stop).tolist()
        if sorted(ends) != ends or ends[0] < 0:
            raise self.wrong("a text ends before it begins")
        data = self.taken(field, 2, ends[0], ends[-1]).tobytes()
        low = ends[0]
        return [data[first - low : last - low].decode("utf-8") for first, last in pairwise(ends)]

    def _viewed(self, field: Field, start: int, stop: int) -> list[str]:
        """A text of up to twelve bytes lies in its place; a longer one in a further buffer."""
        own = self.views[field.views] if field.views < len(self.views) else 0
        found, total = [], 0
        for view in self.taken(field, 1, 16 * start, 16 * stop).reshape(-1, 16):
            count = int.from_bytes(view[:4].tobytes(), "little")
            if count <= 12:
                data = view[4 : 4 + count]
            else:
                number, offset = view[8:].view("<i4").tolist()
                if not 0 <= number < own:
                    raise self.wrong("a text lies outside of its batch")
                data = self.taken(field, 2 + number, offset, offset + count)
            total += count
            if total > MOST_TEXT_BYTES:
                raise too_long(field.name, count, stop - start)
            found.append(data.tobytes().decode("utf-8"))
        return found
