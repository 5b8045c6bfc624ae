"""The end of a Parquet file, and the headers of its pages, believed only where they fit the file.

The library takes the sizes in them at their word: a page of a few bytes may claim two gibibytes.
It was seen to crash on a schema that is nested deeply enough, and where it is asked for what the
end says of a column with damaged statistics. So it is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nctool.core.errors import InputError
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.parquet.thrift import LIST, NUMBERS, STRUCT, Numbers, Thrift

NAME = "parquet"
MAGIC, ENCRYPTED = b"PAR1", b"PARE"
DEEPEST = 32
LONGEST_HEADER = 2**16
# What a byte can become at best, by method: none, Snappy, Gzip, LZ4. Others know no bound.
RATIOS = {0: 1, 1: 64, 2: 1032, 5: 256, 7: 256}
FREE_BYTES, MOST_RATIO = 2**26, 1000
# Data pages: where in the header of a page its counts are, and there the encoding.
PAGES = {0: (5, 2), 3: (8, 4)}
DELTA_TEXT = 7


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one group: ``stored`` bytes from ``start`` on, packed by the method."""

    codec: int
    values: int
    start: int
    stored: int


@dataclass(frozen=True, slots=True)
class Group:
    """Some rows of all columns."""

    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Footer:
    """How many rows and columns there are, and where they lie."""

    rows: int
    columns: int
    groups: tuple[Group, ...]


def encrypted(path: Path) -> InputError:
    return InputError(
        "parquet-encrypted",
        f"'{shown(path)}' is an encrypted Parquet file",
        "decrypt it first, where the keys are: pyarrow.parquet.write_table(table, path)",
    )


def look(path: Path) -> Footer:
    """What the end of the file says; a stop where it is cut off, encrypted or contradictory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(0, size - 8))
        tail = file.read()
        length = int.from_bytes(tail[:4], "little")
        if ENCRYPTED in (head, tail[4:]):
            raise encrypted(path)
        if size < 12 or tail[4:] != MAGIC:
            raise InputError(
                "file-truncated",
                f"'{shown(path)}' starts as a Parquet file but does not end as one",
                "download or copy the file again",
            )
        if length > size - 12:
            raise corrupt(path, NAME, f"its description claims {length} of {size} bytes")
        file.seek(size - 8 - length)
        try:
            footer = _footer(path, Thrift(file.read(length)))
        except IndexError as error:
            raise corrupt(path, NAME, "its description ends too early") from error
    rows = sum(group.rows for group in footer.groups)
    if rows != footer.rows or any(group.rows < 0 for group in footer.groups):
        raise corrupt(path, NAME, f"{footer.rows} rows, but {rows} in its groups")
    if any(len(group.chunks) != footer.columns for group in footer.groups):
        raise corrupt(path, NAME, "a group has not as many columns as the table")
    return footer


def _footer(path: Path, thrift: Thrift) -> Footer:
    columns, rows, groups = 0, 0, list[Group]()
    last, kind = thrift.field(0)
    while kind:
        if last in (8, 9):
            raise encrypted(path)
        if last == 2 and kind == LIST:
            columns = _leaves(thrift)
        elif last == 3 and kind in NUMBERS:
            rows = thrift.number()
        elif last == 4 and kind == LIST:
            count, kind = thrift.items()
            groups = [_group(path, thrift, kind) for _ in range(count)]
        else:
            thrift.skip(kind)
        last, kind = thrift.field(last)
    return Footer(rows, columns, tuple(groups))


def _leaves(thrift: Thrift) -> int:
    """How many columns a schema has: a tree in the order of a walk, each with its children."""
    count, kind = thrift.items()
    levels: list[int] = []
    leaves = 0
    for _ in range(count):
        children = thrift.struct().get((5, 0), 0) if kind == STRUCT else 0
        while levels and levels[-1] == 0:
            levels.pop()
        if levels:
            levels[-1] -= 1
        if children > 0:
            levels.append(children)
        else:
            leaves += 1
        if len(levels) > DEEPEST:
            raise ValueError("its columns are nested without end")
    return leaves


def _group(path: Path, thrift: Thrift, kind: int) -> Group:
    rows, chunks = -1, list[Chunk]()
    last, kind = thrift.field(0) if kind == STRUCT else (0, 0)
    while kind:
        if last == 1 and kind == LIST:
            count, kind = thrift.items()
            chunks = [_chunk(path, thrift, kind) for _ in range(count)]
        elif last == 3 and kind in NUMBERS:
            rows = thrift.number()
        else:
            thrift.skip(kind)
        last, kind = thrift.field(last)
    return Group(rows, tuple(chunks))


def _chunk(path: Path, thrift: Thrift, kind: int) -> Chunk:
    found = thrift.struct(frozenset((3,))) if kind == STRUCT else {}
    if found.get((1, 0)):
        raise InputError(
            "path-escapes",
            f"'{shown(path)}' keeps its columns in other files",
            "name the folder, or the files that hold the rows",
        )
    if (3, 5) not in found or (8, 0) in found or (9, 0) in found:
        raise encrypted(path)
    data, dictionary = found.get((3, 9), -1), found.get((3, 11), -1)
    start = dictionary if 4 <= dictionary < data else data
    return Chunk(found.get((3, 4), -1), found[3, 5], start, found.get((3, 7), -1))


def check_pages(path: Path, chunk: Chunk, text: bool) -> None:
    """Walk over the pages of one column: each fits in, and none grows out of proportion."""
    at, end = chunk.start, chunk.start + chunk.stored
    if not 4 <= at <= end <= path.stat().st_size:
        raise corrupt(path, NAME, "a column lies outside of the file")
    seen = 0
    with path.open("rb", buffering=0) as file:
        while at < end:
            header, at = _header(file, at, end)
            packed, size = header.get((3, 0), -1), header.get((2, 0), -1)
            if packed < 0 or size < 0 or at + packed > end:
                raise corrupt(path, NAME, "a page lies outside of its column")
            most = RATIOS.get(chunk.codec, MOST_RATIO if size > FREE_BYTES else None)
            if most is not None and size > most * packed + 64:
                raise corrupt(path, NAME, f"a page claims {size} bytes from {packed} stored ones")
            at += packed
            part, encoding = PAGES.get(header.get((1, 0), -1), (0, 0))
            seen += header.get((part, 1), 0)
            if text and header.get((part, encoding)) == DELTA_TEXT:
                raise InputError(
                    "format-unsupported",
                    f"'{shown(path)}' stores text as differences (DELTA_BYTE_ARRAY)",
                    "save it again with the defaults: pyarrow.parquet.write_table(table, path)",
                )
    if seen != chunk.values:
        raise corrupt(path, NAME, f"a column of {chunk.values} values has pages with {seen}")


def _header(file: BinaryIO, at: int, end: int) -> tuple[Numbers, int]:
    """The header of the page at this place, and where its content starts."""
    length = 256
    while True:
        file.seek(at)
        thrift = Thrift(file.read(min(length, end - at)))
        try:
            return thrift.struct(frozenset((5, 7, 8))), at + thrift.at
        except (IndexError, ValueError):
            if length >= min(end - at, LONGEST_HEADER):
                raise
            length *= 16
