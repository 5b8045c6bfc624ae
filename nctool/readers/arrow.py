"""Arrow: an IPC file (Feather), a stream, a folder of them, or a saved Hugging Face dataset."""

from __future__ import annotations

from pathlib import Path

from nctool.arrays import Opened
from nctool.readers import Reader
from nctool.readers.shared.shards import inside, read_json, with_config
from nctool.readers.shared.table.dataset_files import (
    class_names,
    files,
    groups,
    saved_files,
    splits,
)
from nctool.readers.shared.table.guarded import EXTRA, open_tables
from nctool.readers.shared.wording import escapes

NAME = "arrow"
MAGIC = b"ARROW1"
MARK = b"\xff\xff\xff\xff"
SUFFIXES = frozenset((".arrow", ".feather", ".ipc"))
OTHERS = ("*.safetensors", "*.npy", "*.npz", "*.parquet")
STATE, INFO = "state.json", "dataset_info.json"


def recognises(path: Path, head: bytes) -> bool:
    if not path.is_dir():
        return head.startswith(MAGIC) or _is_stream(head)
    if (path / "dataset_dict.json").is_file() or _saved(path):
        return True
    return not any(any(path.glob(other)) for other in OTHERS) and bool(files(path, SUFFIXES))


def _saved(folder: Path) -> bool:
    return (folder / STATE).is_file() and (folder / INFO).is_file()


def _is_stream(head: bytes) -> bool:
    """Does a file begin as a stream does: a mark, a length, and a reference within that?"""
    length, place = int.from_bytes(head[4:8], "little"), int.from_bytes(head[8:12], "little")
    return head.startswith(MARK) and not length % 8 and 4 <= place < length


def open_arrow(path: Path) -> Opened:
    if not path.is_dir():
        return open_tables(path, NAME, {"": [path]})
    split_names = splits(path)
    if split_names is not None:
        folders = {split: _split(path, split) for split in split_names}
    elif _saved(path):
        folders = {"": path}
    else:
        tables = groups(path, files(path, SUFFIXES))
        names = dict.fromkeys(tables, _class_names(path))
        return with_config(open_tables(path, NAME, tables, names), path)
    saved = {name: saved_files(folder, inside(folder, STATE)) for name, folder in folders.items()}
    names = {name: _class_names(folder) for name, folder in folders.items()}
    return with_config(open_tables(path, NAME, saved, names), path)


def _split(folder: Path, name: str) -> Path:
    """The sub-folder of a split, which may not lead anywhere else."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise escapes(name, folder, "put the split itself into the folder")
    return inside(folder, f"{name}/{STATE}").parent


def _class_names(folder: Path) -> dict[str, tuple[str, ...]]:
    """Class names out of the description beside the data; it may be missing or unreadable."""
    if not (folder / INFO).is_file():
        return {}
    try:
        return class_names(read_json(inside(folder, INFO)).get("features"))
    except (ValueError, RecursionError):
        return {}


READER = Reader(
    "arrow",
    recognises,
    open_arrow,
    covers="Arrow and Feather files, streams and folders, saved Hugging Face datasets",
    extra=EXTRA,
)
