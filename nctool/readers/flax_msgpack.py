"""Flax: one .msgpack, a set of shards with an index, or a model folder.

Every array lies in the file as plain bytes behind a short description, so a walk over the
descriptions finds them all and each is mapped in place. No other library is needed.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

from nctool.arrays import Opened
from nctool.readers import Reader
from nctool.readers.shared.edge import edge
from nctool.readers.shared.flax_tree import Packed, Tree, extension
from nctool.readers.shared.msgpack_scan import Cut, Scanner, Span
from nctool.readers.shared.section import beginning
from nctool.readers.shared.shards import find_index, is_index, only_file, open_sharded, with_config
from nctool.readers.shared.wording import truncated

NAME = "flax-msgpack"
SUFFIX = ".msgpack"
SHARD_SEPARATOR = "/"  # between the names of a key in the index of a sharded model
STARTS = frozenset(bytes([mark]) for mark in (*range(0x81, 0x90), *range(0xC7, 0xCA), 0xDE, 0xDF))
WORDS = re.compile(rb"params|kernel")
OTHERS = frozenset({".safetensors", ".bin", ".npy", ".npz"})


def recognises(path: Path, head: bytes) -> bool:
    if path.is_dir():
        suffixes = {entry.suffix for entry in path.iterdir()}
        sharded = find_index(path, SUFFIX) is not None
        return (SUFFIX in suffixes or sharded) and not suffixes & OTHERS
    if head[:1] in STARTS:
        return _is_flax(head, path.stat().st_size)
    return is_index(path, head, SUFFIX)


def _is_flax(head: bytes, size: int) -> bool:
    """Whether an array of Flax's is among the first bytes, or at least its usual names."""
    arrays: list[Packed] = []

    def noted(scanner: Scanner, span: Span) -> object:
        content = extension(scanner, span)
        if isinstance(content, Packed):
            arrays.append(content)
        return content

    try:
        # The head is cut somewhere within: what it announces beyond that is no reason to refuse it.
        Scanner(io.BytesIO(head), size, noted).root()
    except Cut:
        return bool(arrays) or WORDS.search(head) is not None
    except ValueError:
        pass
    return bool(arrays)


def open_flax(path: Path) -> Opened:
    if not path.is_dir():
        return open_file(path) if beginning(path, 1) in STARTS else _open_shards(path)
    if find_index(path, SUFFIX) is not None:
        return with_config(_open_shards(path), path)
    return with_config(open_file(only_file(path, SUFFIX, "Flax files")), path)


def _open_shards(path: Path) -> Opened:
    opened = open_sharded(path, SUFFIX, NAME, lambda shard: open_file(shard, SHARD_SEPARATOR))
    arrays = (
        replace(array, key=array.key.replace(SHARD_SEPARATOR, ".")) for array in opened.arrays
    )
    return replace(opened, arrays=tuple(arrays))


def open_file(path: Path, separator: str = ".") -> Opened:
    size = path.stat().st_size
    with edge(path, NAME):
        try:
            with path.open("rb") as file:
                root = Scanner(file, size, extension).root()
        except Cut as error:
            problem = f"has {size} bytes, what is in it announces {error.needed}"
            raise truncated(path, problem) from error
        return Tree(path, NAME, separator).opened(root)


READER = Reader(
    NAME, recognises, open_flax, covers="Flax .msgpack (a file, a sharded set or a model folder)"
)
