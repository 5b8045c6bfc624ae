"""Torch checkpoints: a zip with one pickle for the structure and one member per storage.

The pickle is read as data, so no class of it is imported and no call of it is made; torch's own
loader would still allocate whatever a call in the pickle asks for. Storages are mapped in place.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from nctool.arrays import ITEM_BYTES, Opened
from nctool.readers import Reader
from nctool.readers.shared.archive import Member, bytes_of, is_zip, members, names
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.pickle_calls import Storage, storage_reference
from nctool.readers.shared.pickle_data import read_pickle
from nctool.readers.shared.pickle_walk import Walk
from nctool.readers.shared.section import beginning
from nctool.readers.shared.shards import (
    SINGLE,
    find_index,
    inside,
    is_index,
    open_sharded,
    with_config,
)

NAME = "torch"


def recognises(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return find_index(path, ".bin") is not None or (path / SINGLE).is_file()
    if not is_zip(head):
        return is_index(path, head, ".bin")
    member_names = names(path)
    return _pickle_name(member_names) is not None and not is_script(member_names)


def is_script(member_names: frozenset[str]) -> bool:
    """A compiled program rather than a checkpoint."""
    return any(f"/{member}".endswith("/constants.pkl") for member in member_names)


def open_checkpoint(path: Path) -> Opened:
    if not path.is_dir():
        single = is_zip(beginning(path, 4))
        return open_zip(path) if single else open_sharded(path, ".bin", NAME, open_zip)
    if find_index(path, ".bin") is not None:
        return with_config(open_sharded(path, ".bin", NAME, open_zip), path)
    return with_config(open_zip(inside(path, SINGLE)), path)


def open_zip(path: Path, start: int = 0, length: int | None = None) -> Opened:
    """One archive: a file, or the given range of its bytes."""
    with edge(path, NAME):
        by_name = members(path, NAME, start, length)
        pickle_name = _pickle_name(frozenset(by_name))
        if pickle_name is None:
            raise corrupt(path, NAME, "it holds no data.pkl")
        root = pickle_name.removesuffix("data.pkl")
        order = _order(path, by_name.get(f"{root}byteorder"))

        def locate(path: Path, reference: object) -> Storage:
            dtype, key, count = storage_reference(reference)
            member = by_name.get(f"{root}data/{key}")
            claimed = count * ITEM_BYTES[dtype]
            if member is None:
                raise corrupt(path, NAME, f"storage '{shown(key)}' is missing")
            if member.compressed:
                raise corrupt(path, NAME, f"storage '{shown(key)}' is compressed, torch stores it")
            if member.size < claimed:
                problem = f"has {member.size} bytes, its pickle says {claimed}"
                raise corrupt(path, NAME, f"storage '{shown(key)}' {problem}")
            return Storage(member.offset, claimed, dtype, order)

        member = by_name[pickle_name]
        if member.compressed:
            raise corrupt(path, NAME, "data.pkl is compressed, torch stores it")
        content = io.BytesIO(bytes_of(member, path, NAME))
        value = read_pickle(content, member.size, member.offset)
        return Walk(path, NAME, locate).opened(value)


def _pickle_name(member_names: frozenset[str]) -> str | None:
    pickles = [name for name in member_names if f"/{name}".endswith("/data.pkl")]
    return min(pickles, key=len) if pickles else None


def _order(path: Path, member: Member | None) -> str:
    content = b"little" if member is None else bytes(bytes_of(member, path, NAME)).strip()
    orders: Mapping[bytes, str] = {b"little": "<", b"big": ">"}
    if content not in orders:
        raise corrupt(path, NAME, f"its byte order is {content[:16]!r}")
    return orders[content]


READER = Reader(NAME, recognises, open_checkpoint, covers="torch checkpoints (.pt .pth .bin .ckpt)")
