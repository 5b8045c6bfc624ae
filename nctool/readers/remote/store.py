"""Stores that fsspec reads: buckets, model hubs, its memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from nctool.readers.remote import retry
from nctool.readers.remote.address import LIBRARIES, Address, require_libraries
from nctool.readers.remote.served import FIRST, Entry, RemoteFile, RemoteFolder

BLOCK = 2**24
# What changes with the content, the most telling first.
STAMPS = ("ETag", "generation", "etag", "blob_id", "md5Hash", "mtime", "LastModified", "created")


def look(address: Address) -> RemoteFile | RemoteFolder:
    """The file or the folder at this place."""
    require_libraries(address)
    return retry.with_retries(address, lambda: _Store.at(address)).look()


@dataclass(frozen=True, slots=True)
class _Store:
    """One place in one store."""

    address: Address
    system: Any
    path: str

    @staticmethod
    def at(address: Address) -> _Store:
        import fsspec

        for library in LIBRARIES[address.protocol]:  # what matters of their words is in our errors
            logging.getLogger(library).addHandler(logging.NullHandler())
        # No listing is kept, so that every question is answered by the server.
        system = fsspec.filesystem(
            address.protocol, use_listings_cache=False, skip_instance_cache=True
        )
        return _Store(address, system, system._strip_protocol(address.text))

    def look(self) -> RemoteFile | RemoteFolder:
        info = retry.with_retries(self.address, self._info)
        if info.get("type") == "directory":
            return self._folder(str(info.get("name", self.path)))
        return self._file(info)

    def _folder(self, known: str) -> RemoteFolder:
        listed = retry.with_retries(self.address, lambda: self.system.ls(self.path, detail=True))
        raw: dict[str, Mapping[str, Any]] = {}
        for entry in listed:
            name = entry["name"].rpartition("/")[2]
            if name and entry["name"].strip("/") != known.strip("/"):
                raw[name] = entry
        entries = {
            name: Entry(int(entry.get("size") or 0), entry.get("type") == "directory")
            for name, entry in raw.items()
        }
        below, inside = partial(self._below, known), partial(self._inside, raw)
        return RemoteFolder(self.address, entries, below, inside)

    def _below(self, known: str) -> Mapping[str, int]:
        listed = retry.with_retries(self.address, lambda: self.system.find(self.path, detail=True))
        start = known.strip("/") + "/"
        return {
            name.lstrip("/").removeprefix(start): int(entry.get("size") or 0)
            for name, entry in listed.items()
            if not name.endswith("/")
        }

    def _inside(self, raw: Mapping[str, Mapping[str, Any]], name: str) -> RemoteFile:
        path = f"{self.path.rstrip('/')}/{name}"
        inner = _Store(self.address.inner(name), self.system, path)
        return inner._file(raw.get(name) or retry.with_retries(inner.address, inner._info))

    def _info(self) -> Mapping[str, Any]:
        self.system.invalidate_cache(self.path)
        info: Mapping[str, Any] = self.system.info(self.path)
        return info

    def _file(self, info: Mapping[str, Any]) -> RemoteFile:
        length = info.get("size")
        if not isinstance(length, int):
            raise retry.unreachable(self.address, "its size is not known")

        def ranges(begin: int, size: int) -> bytes:
            content = retry.with_retries(self.address, lambda: self._read(begin, size), size)
            # Stores have no handle on one version: asking again finds a file that was replaced.
            if not _same(info, retry.with_retries(self.address, self._info)):
                raise retry.changed(self.address)
            return content

        def stream() -> Iterator[bytes]:
            for begin in range(0, length, BLOCK):
                yield ranges(begin, min(BLOCK, length - begin))

        head = retry.with_retries(self.address, lambda: self._read(0, min(FIRST, length)))
        return RemoteFile(self.address, length, head, ranges, stream)

    def _read(self, begin: int, length: int) -> bytes:
        if not length:
            return b""
        # Buffers that read ahead would fetch more than was asked for.
        plain = {} if getattr(self.system, "async_impl", False) else {"cache_type": "none"}
        content = self.system.cat_file(self.path, start=begin, end=begin + length, **plain)
        if len(content) != length:
            if int(self._info().get("size") or 0) < begin + length:
                raise retry.changed(self.address)
            raise retry.ConnectionLost(f"{len(content)} bytes came instead of {length}")
        return bytes(content)


def _same(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether it is the file that was opened: its size and its stamp are the same."""
    if before.get("size") != now.get("size"):
        return False
    stamps = ((before.get(name), now.get(name)) for name in STAMPS)
    known = ((first, second) for first, second in stamps if first and second)
    return all(_plain(first) == _plain(second) for first, second in islice(known, 1))


def _plain(stamp: Any) -> str:
    return str(stamp.timestamp() if hasattr(stamp, "timestamp") else stamp)
