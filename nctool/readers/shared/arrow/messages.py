"""The messages of an Arrow file or stream: where each lies, without reading what it carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nctool.core.errors import InputError
from nctool.readers.shared.arrow.flatbuffer import Table, root
from nctool.readers.shared.arrow.schema import Schema, read_schema
from nctool.readers.shared.edge import corrupt, shown

if TYPE_CHECKING:
    from numpy import ndarray

NAME = "arrow"
MAGIC = b"ARROW1"
MARK = b"\xff\xff\xff\xff"
SCHEMA, DICTIONARY, BATCH = 1, 2, 3
OLDEST = 3  # the layout of buffers before metadata version 4 was another
MOST_MESSAGES = 2**18
MOST_ROWS = 2**48
CODECS = ("lz4", "zstd")
BLOCK = "<i8, <i4, <i4, <i8"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its description lies from ``start`` on, its body from ``body`` on."""

    start: int
    length: int
    body: int
    body_length: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of all columns; ``dictionaries`` are those that hold for this batch."""

    message: Message
    rows: int
    dictionaries: Mapping[int, tuple[Message, ...]]


@dataclass(slots=True)
class Contents:
    """What a file holds, message by message. ``ended`` tells whether it says where it ends."""

    schema: Schema
    version: int
    batches: list[Batch] = field(default_factory=list)
    dictionaries: dict[int, tuple[Message, ...]] = field(default_factory=dict)
    ended: bool = True

    def take(self, message: Message, table: Table, path: Path) -> None:
        kind, header = table.number(1, "B"), table.table(2)
        if header is None or table.number(0, "h") != self.version:
            raise corrupt(path, NAME, "a message is empty or of another version")
        if kind == BATCH:
            rows = header.number(0, "q")
            if not 0 <= rows < MOST_ROWS:
                raise corrupt(path, NAME, f"a batch claims {rows} rows")
            self.batches.append(Batch(message, rows, self.dictionaries))
        elif kind == DICTIONARY:
            name, more = header.number(0, "q"), header.number(2, "?")
            before = self.dictionaries.get(name, ()) if more else ()
            self.dictionaries = {**self.dictionaries, name: (*before, message)}
        else:
            raise corrupt(path, NAME, f"it has a message of the unknown kind {kind}")


def is_stream(head: bytes) -> bool:
    """Whether these are the first bytes of a stream: a mark, a length, and a schema message."""
    if not head.startswith(MARK) or len(head) < 16 or int.from_bytes(head[4:8], "little") % 8:
        return False
    try:
        return root(head[8:]).number(1, "B") == SCHEMA
    except (ValueError, IndexError):
        return False


def contents(path: Path) -> Contents:
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            return _file(path, file, size)
        return _stream(path, file, size)


def described(path: Path, message: Message) -> Table:
    """The description of a message, read again."""
    with path.open("rb") as file:
        file.seek(message.start)
        return root(file.read(message.length))


def _truncated(path: Path, size: int, expected: int) -> InputError:
    return InputError(
        "file-truncated",
        f"'{shown(path)}' has {size} bytes, its description announces at least {expected}",
        "download or copy the file again",
    )


def _message(path: Path, file: BinaryIO, at: int, size: int) -> tuple[Message, Table] | None:
    """The message at this place; None at the mark of the end."""
    if at + 8 > size:
        raise _truncated(path, size, at + 8)
    file.seek(at)
    prefix = file.read(8)
    if prefix[:4] != MARK:
        raise corrupt(path, NAME, f"there is no message at byte {at}")
    length = int.from_bytes(prefix[4:], "little", signed=True)
    if length == 0:
        return None
    if length < 0 or at + 8 + length > size:
        raise _truncated(path, size, at + 8 + max(length, 0))
    table = root(file.read(length))
    body = table.number(3, "q")
    if body < 0:
        raise corrupt(path, NAME, f"the message at byte {at} has a body of {body} bytes")
    if at + 8 + length + body > size:
        raise _truncated(path, size, at + 8 + length + body)
    return Message(at + 8, length, at + 8 + length, body), table


def _start(path: Path, table: Table | None, version: int) -> Contents:
    if table is None or version < OLDEST:
        raise InputError(
            "format-unsupported",
            f"'{shown(path)}' was written by Arrow before version 0.8",
            "save it again with a recent version: pyarrow.feather.write_feather(table, path)",
        )
    return Contents(read_schema(table, version), version)


def _stream(path: Path, file: BinaryIO, size: int) -> Contents:
    first = _message(path, file, 0, size)
    if first is None or first[1].number(1, "B") != SCHEMA:
        raise corrupt(path, NAME, "it does not start with its columns")
    found = _start(path, first[1].table(2), first[1].number(0, "h"))
    at = first[0].body + first[0].body_length
    for _ in range(MOST_MESSAGES):
        if at == size:
            found.ended = False
            return found
        message = _message(path, file, at, size)
        if message is None:
            if at + 8 != size:
                raise corrupt(path, NAME, f"{size - at - 8} bytes follow its end")
            return found
        found.take(*message, path)
        at = message[0].body + message[0].body_length
    raise corrupt(path, NAME, "it is cut into more batches than anybody would")


def _file(path: Path, file: BinaryIO, size: int) -> Contents:
    file.seek(max(0, size - 10))
    tail = file.read()
    length = int.from_bytes(tail[:4], "little", signed=True)
    if size < 30 or tail[4:] != MAGIC:
        raise InputError(
            "file-truncated",
            f"'{shown(path)}' starts as an Arrow file but does not end as one",
            "download or copy the file again",
        )
    end = size - 10 - length
    if length <= 0 or end < 8:
        raise corrupt(path, NAME, f"its description claims {length} bytes")
    file.seek(end)
    footer = root(file.read(length))
    found = _start(path, footer.table(1), footer.number(0, "h"))
    for place in (2, 3):
        _blocks(path, file, footer.structs(place, BLOCK), found, end)
    return found


def _blocks(path: Path, file: BinaryIO, blocks: ndarray, found: Contents, end: int) -> None:
    if len(blocks) > MOST_MESSAGES:
        raise corrupt(path, NAME, "it is cut into more batches than anybody would")
    last = 0
    for start, length, _, body in blocks.tolist():
        if start < last:
            raise corrupt(path, NAME, "its batches overlap")
        message = _message(path, file, start, end)
        if message is None or (message[0].length + 8, message[0].body_length) != (length, body):
            raise corrupt(path, NAME, f"the batch at byte {start} is not as long as it should be")
        found.take(*message, path)
        last = message[0].body + message[0].body_length
