"""Small Orbax checkpoints of every layout, written by tensorstore as Orbax has it write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import tensorstore

LAYOUTS = ("ocdbt-zarr", "ocdbt-zarr3", "files-zarr", "files-zarr3")


def kvstore(folder: Path, layout: str, name: str, config: Mapping[str, object] | None) -> Any:
    file = {"driver": "file", "path": f"{folder}/"}
    if layout.startswith("files"):
        return {"driver": "file", "path": f"{folder}/{name}/"}
    settings = {"config": config} if config else {}
    return {"driver": "ocdbt", "base": file, "path": f"{name}/", **settings}


def layout_of(array: numpy.ndarray, layout: str, chunks: list[int]) -> dict[str, object]:
    """How Orbax describes an array to tensorstore."""
    if layout.endswith("zarr"):
        return {"compressor": {"id": "zstd", "level": 1}, "chunks": chunks}
    inner = {
        "chunk_shape": chunks,
        "codecs": [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 3}}],
    }
    return {
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
        "codecs": [{"name": "sharding_indexed", "configuration": inner}],
    }


def write(
    folder: Path,
    arrays: Mapping[str, numpy.ndarray],
    layout: str = "ocdbt-zarr",
    *,
    rows: int | None = None,
    config: Mapping[str, object] | None = None,
    listed: bool = True,
    together: bool = False,
) -> Path:
    """Arrays by dotted name, at most ``rows`` rows to a chunk; ``together`` in one data file."""
    transaction = tensorstore.Transaction() if together else None
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        chunks = list(array.shape)
        if rows is not None and chunks:
            chunks[0] = min(rows, chunks[0])
        spec = {
            "driver": layout.split("-")[1],
            "kvstore": kvstore(folder, layout, name, config),
            "metadata": layout_of(array, layout, [max(1, size) for size in chunks]),
            "store_data_equal_to_fill_value": True,
        }
        kind = array.dtype.name
        store = tensorstore.open(
            spec, create=True, dtype=kind, shape=array.shape, transaction=transaction
        ).result()
        store.write(array).result()
    if transaction is not None:
        transaction.commit_sync()
    if listed:
        describe(folder, {name: "jax.Array" for name in arrays}, layout)
    return folder


def describe(folder: Path, kinds: Mapping[str, str], layout: str = "ocdbt-zarr") -> None:
    """The checkpoint's own list of what is in it."""
    entries = {
        str(tuple(name.split("."))): {
            "key_metadata": [{"key": part, "key_type": 2} for part in name.split(".")],
            "value_metadata": {"value_type": kind, "skip_deserialize": kind == "None"},
        }
        for name, kind in kinds.items()
    }
    content = {
        "tree_metadata": entries,
        "use_ocdbt": layout.startswith("ocdbt"),
        "use_zarr3": layout.endswith("3"),
        "store_array_data_equal_to_fill_value": True,
        "custom_metadata": None,
    }
    (folder / "_METADATA").write_text(json.dumps(content))


def root_of(folder: Path) -> tuple[int, int]:
    """Where the root of a database's tree begins in its file, and how long it is."""
    base = tensorstore.KvStore.open({"driver": "file", "path": f"{folder}/"}).result()
    newest = tensorstore.ocdbt.dump(base).result()["versions"][-1]
    _, _, start, length = newest["root"]["location"].rsplit(":", 3)
    return int(start), int(length)


def sealed(node: bytes) -> bytes:
    """A node of the database with the checksum that belongs to it."""
    return node[:-4] + checksum(node[:-4]).to_bytes(4, "little")


def checksum(data: bytes) -> int:
    """CRC-32C, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
