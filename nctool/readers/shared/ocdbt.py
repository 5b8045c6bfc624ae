"""The database that Orbax keeps its arrays in: every key, and the bytes that belong to it.

Its tree names the files that hold its parts. All of them are walked here first, so that none
leads out of the folder before tensorstore is allowed to follow them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.shards import inside
from nctool.readers.shared.wording import truncated
from nctool.readers.shared.zstd_size import bombs

MANIFEST = "manifest.ocdbt"
MOST_KEYS = 2**22
DEEPEST = 32
LARGEST_NODE = 2**28
NODE_HEADER = 4 + 8  # magic and length; version and compression follow
NODE_FOOTER = 4  # checksum


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes of one key: right here, or ``length`` of them in a file from ``start`` on."""

    length: int
    path: Path | None = None
    start: int = 0
    content: bytes = b""

    def read(self, at_most: int) -> bytes:
        if self.length > at_most:
            raise ValueError(f"a description in it has {self.length} bytes")
        if self.path is None:
            return self.content
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.length)


@dataclass(slots=True)
class Database:
    """One walk through the newest version of the tree."""

    folder: Path
    format: str
    base: Any
    files: dict[str, tuple[Path, int]] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    by_key: dict[str, Stored] = field(default_factory=dict)

    def keys(self) -> Mapping[str, Stored]:
        from tensorstore import ocdbt

        manifest = inside(self.folder, MANIFEST)
        self.fits(Stored(manifest.stat().st_size, manifest), MANIFEST)
        content = ocdbt.dump(self.base).result()
        if content["config"].get("manifest_kind", "single") != "single":
            raise corrupt(self.folder, self.format, "its manifest is not in one piece")
        versions = content.get("versions") or [{}]
        newest = max(versions, key=lambda version: version.get("generation_number", 0))
        root = newest.get("root", {}).get("location")
        if root is not None:
            self.walk(root, newest.get("root_height", 0), "")
        return self.by_key

    def walk(self, location: str, height: int, prefix: str) -> None:
        from tensorstore import ocdbt

        # A tree may name a node again, even one above it; each is followed once.
        if location in self.nodes or not 0 <= height <= DEEPEST:
            raise corrupt(self.folder, self.format, "its tree runs in a circle")
        self.nodes.add(location)
        self.fits(self.stored(location, "btreenode"), location)
        node = ocdbt.dump(self.base, location).result()
        if node["height"] != height:
            raise corrupt(self.folder, self.format, "a node of its tree is at the wrong height")
        for entry in node["entries"]:
            if height:
                below = prefix + _text(entry["subtree_common_prefix"])
                self.walk(entry["location"], height - 1, below)
            else:
                self.keep(prefix + _text(entry["key"]), entry)

    def keep(self, key: str, entry: Mapping[str, Any]) -> None:
        if key in self.by_key or len(self.by_key) >= MOST_KEYS:
            raise corrupt(self.folder, self.format, f"'{shown(key)}' is in it twice")
        if "indirect_value" in entry:
            self.by_key[key] = self.stored(entry["indirect_value"], "value")
        else:
            content = bytes(entry["inline_value"])
            self.by_key[key] = Stored(len(content), content=content)

    def stored(self, location: str, kind: str) -> Stored:
        """What a reference like ``kind:folder:file:start:length`` points at."""
        parts = location.split(":")
        if len(parts) != 5 or parts[0] != kind:
            raise corrupt(self.folder, self.format, f"'{shown(location)}' is no reference")
        start, length = int(parts[3]), int(parts[4])
        path, size = self.file(unquote(parts[1]) + unquote(parts[2]))
        if start + length > size:
            problem = f"has {size} bytes, the checkpoint announces {start + length}"
            raise truncated(path, problem, "copy the whole checkpoint folder again")
        return Stored(length, path, start)

    def file(self, name: str) -> tuple[Path, int]:
        if name not in self.files:
            path = inside(self.folder, name)
            self.files[name] = (path, path.stat().st_size)
        return self.files[name]

    def fits(self, node: Stored, name: str) -> None:
        """A small node may not unpack into more than any memory holds."""
        content = node.read(LARGEST_NODE)
        position = NODE_HEADER
        for _ in range(2):  # numbers of seven bits a byte
            while position < len(content) and content[position] & 0x80:
                position += 1
            position += 1
        if bombs(content[position:-NODE_FOOTER]):
            raise corrupt(self.folder, self.format, f"'{shown(name)}' unpacks without end")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")


def folders(keys: Mapping[str, Stored], names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Every array by name, with the name of its description: ``a.b/.zarray`` is of ``a.b``."""
    for key in keys:
        folder, _, name = key.rpartition("/")
        if name in names and folder:
            yield folder, name
