"""What a server has: one file that can be read by ranges, or a folder with the names in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nctool.readers.remote.address import Address

FIRST = 2**17
"""Bytes of the first request: enough for most headers, and for all of a small file."""


class Ranges(Protocol):
    """Exactly these bytes of a file that is still what it was; every problem is an InputError."""

    def __call__(self, begin: int, size: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file. Without ``ranges`` its server gives it only as a whole, by ``stream``."""

    address: Address
    size: int
    head: bytes = field(repr=False)
    ranges: Ranges | None
    stream: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a listing."""

    size: int
    folder: bool


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder: what lies directly in it, everything below it, and how to open one file of it."""

    address: Address
    entries: Mapping[str, Entry]
    below: Callable[[], Mapping[str, int]]
    file: Callable[[str], RemoteFile]
