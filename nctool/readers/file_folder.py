"""A folder of data files that belong together: each is opened by its own reader.

Keys of a file that holds several arrays begin with its stem: ``more.npz`` gives ``more.labels``.
Embeddings may lie in folders of their own beside that of their tables: ``img_emb/img_emb_0.npy``
and ``metadata/metadata_0.parquet``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from nctool import readers
from nctool.arrays import LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.text import natural
from nctool.readers import LAST, Reader
from nctool.readers.parquet import NAME as PARQUET
from nctool.readers.shared.edge import shown
from nctool.readers.shared.shards import COMPANIONS, inside, with_config
from nctool.readers.shared.table.guarded import EXTRA, open_tables

NAME, TORCH_NAME = "numpy-folder", "torch-folder"
NUMPY, TORCH, TABLES = (".npy", ".npz"), (".pt", ".pth"), (".parquet", ".pq")
OTHERS = "*.safetensors"
MOST_FOLDERS = 64
# Each file is a header to read and a description to keep: half a minute and 500 MB in all.
MOST_FILES = 50_000


def recognises(path: Path, head: bytes) -> bool:
    return path.is_dir() and not any(path.glob(OTHERS)) and bool(_data_files(path))


def _data_files(folder: Path) -> list[Path]:
    """Arrays of numpy with tables beside them, or else torch files that only a number tells apart.

    Torch files of different names are checkpoints more often than parts of one data set, and
    opening all of them would not say which one is meant.
    """
    files = _with_suffix(folder.iterdir(), NUMPY + TORCH + TABLES)
    if not files:
        folders = [entry for entry in folder.iterdir() if entry.is_dir()][: MOST_FOLDERS + 1]
        if len(folders) <= MOST_FOLDERS:
            inner = (entry for below in sorted(folders) for entry in below.iterdir())
            files = _with_suffix(inner, NUMPY + TABLES)
    arrays = _with_suffix(files, NUMPY)
    if arrays:
        return [*arrays, *_with_suffix(files, TABLES)]
    torch = [file for file in _with_suffix(files, TORCH) if file.name not in COMPANIONS]
    shapes = Counter(re.sub(r"\d+", "#", file.name) for file in torch)
    return torch if max(shapes.values(), default=0) > 1 else []


def _with_suffix(files: Iterable[Path], suffixes: Sequence[str]) -> list[Path]:
    chosen = [file for file in files if file.suffix in suffixes and file.name[0] != "."]
    return sorted(chosen, key=lambda file: natural(str(file)))


def open_folder(path: Path) -> Opened:
    files = [inside(path, str(file.relative_to(path))) for file in _data_files(path)]
    if len(files) > MOST_FILES:
        message = f"'{shown(path)}' holds {len(files):,} data files, more than {MOST_FILES:,}"
        raise InputError("too-many-shards", message, "join them into fewer, larger files first")
    tables = _with_suffix(files, TABLES)
    opened = [_prefixed(readers.open_path(file)) for file in files if file not in tables]
    if tables:
        EXTRA.demand(f"reading '{shown(tables[0])}'")
        # One process reads them all: a hundred files would start a hundred otherwise.
        opened.append(open_tables(path, PARQUET, {file.stem: [file] for file in tables}))
    arrays: dict[tuple[str, str], LazyArray] = {}
    for part in opened:
        for array in part.arrays:
            place = str(Path(array.path).parent), array.key
            if place in arrays:
                message = f"'{shown(path)}' holds two arrays named '{shown(array.key)}'"
                raise InputError("folder-ambiguous", message, "rename one of the files")
            arrays[place] = array
    name = NAME if _with_suffix(files, NUMPY) else TORCH_NAME
    facts = {key: fact for part in opened for key, fact in part.metadata.items()}
    notices = tuple(notice for part in opened for notice in part.notices)
    return with_config(Opened(path, name, tuple(arrays.values()), facts, notices), path, files)


def _prefixed(opened: Opened) -> Opened:
    stem = opened.path.stem
    if opened.path.suffix == ".npy":
        return opened
    arrays = tuple(replace(array, key=f"{stem}.{array.key}") for array in opened.arrays)
    return replace(opened, arrays=arrays)


READER = Reader(
    NAME, recognises, open_folder, covers="folders of .npy, or of numbered .npz or .pt", turn=LAST
)
