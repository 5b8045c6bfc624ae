"""Parquet: one file, or a folder of files that are one table, or one for each split."""

from __future__ import annotations

from pathlib import Path

from nctool.arrays import Opened
from nctool.readers import Reader
from nctool.readers.shared.shards import with_config
from nctool.readers.shared.table.dataset_files import files, groups
from nctool.readers.shared.table.guarded import EXTRA, open_tables

NAME = "parquet"
MAGIC, ENCRYPTED = b"PAR1", b"PARE"
SUFFIXES = frozenset((".parquet", ".pq"))
OTHERS = ("*.safetensors", "*.npy", "*.npz", "*/*.npy")


def recognises(path: Path, head: bytes) -> bool:
    if not path.is_dir():
        return head.startswith((MAGIC, ENCRYPTED))
    return not any(any(path.glob(other)) for other in OTHERS) and bool(files(path, SUFFIXES))


def open_parquet(path: Path) -> Opened:
    if not path.is_dir():
        return open_tables(path, NAME, {"": [path]})
    return with_config(open_tables(path, NAME, groups(path, files(path, SUFFIXES))), path)


READER = Reader(
    "parquet", recognises, open_parquet, covers="Parquet files and folders", extra=EXTRA
)
