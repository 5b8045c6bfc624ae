"""The header of one object: a list of messages, in one piece or in several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import TypeAlias

from nctool.readers.shared.hdf5.source import Bytes, Cursor

SPACE, LINK_INFO, TYPE, OLD_FILL, FILL, LINK = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE = 0x07, 0x08, 0x0B, 0x0C
CONTINUED, TABLE, ATTRIBUTE_INFO = 0x10, 0x11, 0x15
SHARED = 0x02
BEGINNING = Struct("<HHB3x")
"""Of a message of the older kind: what it is, how long, and its flags."""


@dataclass(frozen=True, slots=True)
class Message:
    """One fact about an object; ``at`` is where its body lies in the file."""

    kind: int
    flags: int
    at: int
    body: bytes
    widths: tuple[int, int]

    def cursor(self) -> Cursor:
        return Cursor(self.body, self.at, self.widths)


Messages: TypeAlias = tuple[Message, ...]


def header(source: Bytes, address: int) -> Messages:
    """The messages of the object at this address."""
    newer = source.read(address, 4) == b"OHDR"
    found = list(_newer(source, address) if newer else _older(source, address))
    return tuple(message for message in found if message.kind not in (0, CONTINUED))


def first(messages: Messages, kind: int) -> Message | None:
    return next((message for message in messages if message.kind == kind), None)


def needed(source: Bytes, messages: Messages, kind: int) -> Cursor:
    """The body of a message that must be there, fetched from where it is shared."""
    message = first(messages, kind)
    if message is None:
        raise ValueError("an object of it is only half described")
    if message.flags & SHARED:
        return shared(source, message.cursor(), kind)
    return message.cursor()


def shared(source: Bytes, cursor: Cursor, kind: int) -> Cursor:
    """What a message says that points at another object, as named types do."""
    version = cursor.demand(1, 2, 3)
    where = cursor.number(1)
    if version == 1:
        cursor.take(6)
    address = cursor.address()
    if address is None or (version == 3 and where != 2):
        raise ValueError("a description is kept in a place nctool does not know")
    message = first(header(source, address), kind)
    if message is None or message.flags & SHARED:
        raise ValueError("a shared description is not where it should be")
    return message.cursor()


def _older(source: Bytes, address: int) -> Iterator[Message]:
    start = source.cursor(address, 16)
    start.demand(1)
    start.take(7)
    blocks = [(address + 16, start.number(4))]
    seen: set[int] = set()
    while blocks:
        at, size = blocks.pop(0)
        if at in seen:
            raise ValueError("the description of an object leads back to itself")
        seen.add(at)
        cursor = source.cursor(at, size)
        while cursor.left >= 8:
            kind, length, flags = BEGINNING.unpack(cursor.take(BEGINNING.size))
            place = cursor.here
            message = Message(kind, flags, place, cursor.take(length), cursor.widths)
            if kind == CONTINUED:
                blocks.append(_next(message))
            yield message


def _newer(source: Bytes, address: int) -> Iterator[Message]:
    start = source.cursor(address, 6, b"OHDR")
    start.demand(2)
    flags = start.number(1)
    before = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
    width = 1 << (flags & 3)
    size = int.from_bytes(source.read(address + before, width), "little")
    blocks = [(address, before + width + size + 4, b"OHDR", before + width)]
    seen: set[int] = set()
    while blocks:
        at, size, mark, skipped = blocks.pop(0)
        if at in seen:
            raise ValueError("the description of an object leads back to itself")
        seen.add(at)
        cursor = source.sealed(at, size, mark)
        cursor.take(skipped - 4)
        while cursor.left >= 4 + 2 * bool(flags & 4):
            kind, length, own = cursor.number(1), cursor.number(2), cursor.number(1)
            cursor.take(2 * bool(flags & 4))
            place = cursor.here
            message = Message(kind, own, place, cursor.take(length), cursor.widths)
            if kind == CONTINUED:
                blocks.append((*_next(message), b"OCHK", 4))
            yield message


def _next(message: Message) -> tuple[int, int]:
    cursor = message.cursor()
    address, length = cursor.address(), cursor.length()
    if address is None:
        raise ValueError("the description of an object breaks off")
    return address, length
