"""Arrow: an IPC file (Feather), a stream, a folder of them, or a saved Hugging Face dataset.

The layout is read here, message by message; pyarrow is asked only to unpack compressed buffers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path

from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers import Reader
from nctool.readers.shared.arrow.body import Opener
from nctool.readers.shared.arrow.columns import columns
from nctool.readers.shared.arrow.messages import MAGIC, NAME, contents, is_stream
from nctool.readers.shared.edge import edge, shown
from nctool.readers.shared.parts import (
    class_names,
    described,
    files,
    groups,
    json_object,
    saved_files,
    splits,
)
from nctool.readers.shared.shards import inside, with_config
from nctool.readers.shared.tables import Part, gathered_part, opened, side_by_side

SUFFIXES = frozenset((".arrow", ".feather", ".ipc"))
OTHERS = ("*.safetensors", "*.npy", "*.npz", "*.parquet")
STATE, INFO = "state.json", "dataset_info.json"


def recognises(path: Path, head: bytes) -> bool:
    if not path.is_dir():
        return head.startswith(MAGIC) or is_stream(head)
    if (path / "dataset_dict.json").is_file() or _saved(path):
        return True
    return not any(any(path.glob(other)) for other in OTHERS) and bool(files(path, SUFFIXES))


def _saved(folder: Path) -> bool:
    return (folder / STATE).is_file() and (folder / INFO).is_file()


def open_arrow(path: Path) -> Opened:
    if not path.is_dir():
        return opened(path, NAME, {"": [_part(path)]})
    return with_config(opened(path, NAME, _groups(path)), path)


def _groups(folder: Path) -> Mapping[str, Sequence[Part]]:
    names = splits(folder)
    if names is not None:
        return {name: _dataset(_split(folder, name)) for name in names}
    if _saved(folder):
        return {"": _dataset(folder)}
    found = groups(folder, files(folder, SUFFIXES))
    known = _names(folder)
    return {
        name: [_part(inside(folder, str(file.relative_to(folder))), known) for file in paths]
        for name, paths in found.items()
    }


def _split(folder: Path, name: str) -> Path:
    """The sub-folder of a split, which may not lead anywhere else."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise InputError(
            "path-escapes",
            f"'{shown(name)}' leads out of the folder '{shown(folder)}'",
            "put the split itself into the folder",
        )
    return inside(folder, f"{name}/{STATE}").parent


def _dataset(folder: Path) -> list[Part]:
    known = _names(folder)
    return [_part(file, known) for file in saved_files(folder, inside(folder, STATE))]


def _names(folder: Path) -> dict[str, tuple[str, ...]]:
    """Class names out of the description beside the data; it may be missing or unreadable."""
    if not (folder / INFO).is_file():
        return {}
    try:
        return class_names(json_object(inside(folder, INFO)).get("features"))
    except (ValueError, RecursionError):
        return {}


def _part(path: Path, known: Mapping[str, tuple[str, ...]] | None = None) -> Part:
    with edge(path, NAME):
        held = contents(path)
        found, odd = columns(path, held, Opener(path))
        names, facts = described(held.schema.texts)
        bounds = tuple(accumulate((batch.rows for batch in held.batches), initial=0))
        part = Part(
            path, NAME, bounds[-1], tuple(found), tuple(odd),
            {**(known or {}), **names}, facts,
        )  # fmt: skip
        if not held.ended:
            part = replace(part, notices=(_open_ended(path),))
        return gathered_part(part, partial(side_by_side, bounds))


def _open_ended(path: Path) -> Notice:
    return Notice(
        "stream-without-end",
        f"'{shown(path.name)}' has no mark of its end: whether batches are missing cannot be told",
        "compare its rows with the original; pyarrow's writers set the mark when closed",
    )


READER = Reader(
    "arrow",
    recognises,
    open_arrow,
    covers="Arrow and Feather files, streams and folders, saved Hugging Face datasets",
)
