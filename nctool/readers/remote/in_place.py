"""Safetensors behind an address: the headers come, and later the bytes that somebody asks for."""

from __future__ import annotations

from pathlib import Path

from nctool.arrays import Opened
from nctool.readers import safetensors_files as safe
from nctool.readers.remote import copying
from nctool.readers.remote.copying import Downloads
from nctool.readers.remote.range_cache import RangeCache
from nctool.readers.remote.served import RemoteFile, RemoteFolder
from nctool.readers.remote.temporary import TemporaryFolder
from nctool.readers.shared.shards import MOST_JSON, VOCABULARIES, read_json

TEXTS = ("config.json", ".index.json")


def file(served: RemoteFile, path: Path, temporary: TemporaryFolder) -> Opened:
    """One file."""
    temporary.empty(path.name, served.size)
    return safe.open_file(path, _range_cache(served, path, temporary))


def shards(
    index: Path, parts: dict[str, RemoteFile], temporary: TemporaryFolder, downloads: Downloads
) -> Opened:
    """A set of shards by its index, which is here already."""
    for name, served in parts.items():
        if served.ranges is None:
            copying.file(served, name, temporary, downloads)
        else:
            temporary.empty(name, served.size)
    return safe.open_safetensors(
        index,
        lambda path: _range_cache(
            parts[path.relative_to(index.parent).as_posix()], path, temporary
        ),
    )


def named_by(index: Path) -> list[str]:
    """The shards that an index names."""
    weights = read_json(index)["weight_map"]
    assert isinstance(weights, dict)
    return sorted(set(weights.values()))


def model(served: RemoteFolder, root: Path, temporary: TemporaryFolder) -> Opened:
    """A model folder, whose names are here already: its small texts are copied."""
    words = next((name for name in VOCABULARIES if name in served.entries), None)
    for name, entry in served.entries.items():
        if entry.folder or name.endswith(safe.SUFFIX):
            continue
        if (name.endswith(TEXTS) or name == words) and entry.size <= MOST_JSON:
            (root / name).unlink()
            temporary.copy(served.file(name), f"{root.name}/{name}")
        elif name in (*VOCABULARIES, "config.json"):
            (root / name).unlink()  # its zeros must not be taken for names
    return safe.open_safetensors(
        root, lambda path: _range_cache(served.file(path.name), path, temporary)
    )


def _range_cache(served: RemoteFile, path: Path, temporary: TemporaryFolder) -> RangeCache | None:
    """The file with its header, so that the reader finds all that it looks at."""
    if served.ranges is None:
        return None
    cache = RangeCache(served, served.ranges, temporary, path)
    end = 8 + int.from_bytes(served.head[:8], "little")
    fits = len(served.head) < end <= min(served.size, 8 + safe.LONGEST_HEADER)
    if fits and safe.is_single(served.head):
        cache.hold(len(served.head), end)
    return cache
