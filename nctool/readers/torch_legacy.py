"""Torch files from before the zip format, and plain pickles of numpy or torch arrays.

Read with the same machine as the zip format: as data, nothing is imported and nothing is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from nctool.arrays import ITEM_BYTES, Opened
from nctool.readers import Reader
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.pickle_calls import Storage, Unfit, storage_reference
from nctool.readers.shared.pickle_data import Blob, Made, Outside, Table, read_pickle
from nctool.readers.shared.pickle_walk import Walk
from nctool.readers.shared.section import beginning

LEGACY, PICKLE = "torch-legacy", "pickle"
MAGIC = 0x1950A86A20F9469CFC6C
MAGIC_PICKLE = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# Another library's arrays lie between the opcodes there, so it is no plain pickle.
FOREIGN = b"joblib.numpy_pickle"


def recognises(path: Path, head: bytes) -> bool:
    # An empty msgpack map starts like a pickle; the protocol and a first opcode tell them apart.
    begins = head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    return begins and FOREIGN not in head


def open_pickle(path: Path) -> Opened:
    legacy = beginning(path, len(MAGIC_PICKLE)) == MAGIC_PICKLE
    format = LEGACY if legacy else PICKLE
    with edge(path, format), path.open("rb") as file:
        end = path.stat().st_size
        if legacy:
            value, storages = _legacy(file, end)
        else:
            value, storages = read_pickle(file, end), {}

        def locate(path: Path, reference: object) -> Storage:
            if isinstance(reference, Made):
                return _nested(path, reference)
            dtype, key, count = storage_reference(reference)
            if key not in storages:
                raise corrupt(path, format, f"storage '{shown(key)}' is missing")
            if storages[key].nbytes < count * ITEM_BYTES[dtype]:
                raise corrupt(path, format, f"storage '{shown(key)}' is shorter than promised")
            return storages[key]

        return Walk(path, format, locate).opened(value)


def _legacy(file: BinaryIO, end: int) -> tuple[object, dict[str, Storage]]:
    """Five pickles one after another, then each storage: a count of items and the items."""
    magic, protocol, system = (read_pickle(file, end) for _ in range(3))
    if magic != MAGIC or protocol != 1001:
        raise ValueError(f"it is of version {shown(protocol)}, expected 1001")
    facts = system.texts() if isinstance(system, Table) else {}
    if facts.get("little_endian") is not True:
        raise ValueError("it was written on a big-endian machine")
    value = read_pickle(file, end)
    keys = read_pickle(file, end)
    if not isinstance(keys, list):
        raise ValueError("its list of storages is missing")
    types = _types(value)
    storages: dict[str, Storage] = {}
    for key in map(str, keys):
        count = int.from_bytes(file.read(8), "little", signed=True)
        if key not in types:
            raise ValueError(f"nothing says of which type storage '{shown(key)}' is")
        dtype = types[key]
        # Counts are signed in the file: a negative one would seek back into the pickles.
        start, nbytes = file.tell(), count * ITEM_BYTES[dtype]
        if count < 0 or nbytes > end - start:
            raise ValueError(f"storage '{shown(key)}' claims {count} items, the file ends earlier")
        storages[key] = Storage(start, nbytes, dtype)
        file.seek(nbytes, 1)
    return value, storages


def _types(value: object) -> dict[str, str]:
    """The type of every storage the value refers to: their sizes in the file depend on it."""
    types: dict[str, str] = {}
    seen: set[int] = set()
    todo = [value]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        match item:
            case Outside(id=("module", *_)):
                pass  # the class of a whole module, with a copy of its source
            case Outside():
                try:
                    dtype, key, _ = storage_reference(item)
                except Unfit as reason:
                    raise ValueError(f"it holds a {reason}") from reason
                types[key] = dtype
            case list() | tuple():
                todo.extend(item)
            case Table():
                todo.extend(part for pair in item.pairs for part in pair)
            case Made():
                todo.extend((item.maker, item.state, *item.args, *item.items))
                todo.extend(part for pair in item.pairs for part in pair)
            case _:
                continue
        seen.add(id(item))
    return types


def _nested(path: Path, made: Made) -> Storage:
    """A storage that a plain pickle holds as a whole torch file inside a byte string."""
    content = made.args[0] if made.args else None
    if made.name != "torch.storage._load_from_bytes" or not isinstance(content, Blob):
        raise Unfit("tensor in a storage that is no torch file")
    with path.open("rb") as file:
        file.seek(content.offset)
        if file.read(len(MAGIC_PICKLE)) != MAGIC_PICKLE:
            raise Unfit("tensor in a storage that is no torch file")
        file.seek(content.offset)
        value, storages = _legacy(file, content.offset + content.length)
    if not isinstance(value, Outside):
        raise Unfit("tensor in a storage that is no torch file")
    return storages[storage_reference(value)[1]]


READER = Reader("torch-legacy", recognises, open_pickle, covers="pickles of numpy or torch arrays")
