"""Models cut into several files, and the folder around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nctool.arrays import LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers.shared.edge import shown
from nctool.readers.shared.wording import ambiguous, escapes

MOST_JSON = 2**26
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt")
PLAIN = ("*.safetensors", "*.safetensors.index.json", "*.bin.index.json", "*.npy", "*.npz")
SINGLE = "pytorch_model.bin"
CONFIG_FACTS = ("id2label", "num_labels", "tie_word_embeddings", "architectures")
DATA_SUFFIXES = frozenset({".safetensors", ".npy", ".npz", ".pt", ".pth", ".bin", ".ckpt", ".pkl"})
COMPANIONS = frozenset({"training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt"})


def holds_arrays(folder: Path) -> bool:
    """Are there arrays in plain files here, which come before what lies in folders below?"""
    return (folder / SINGLE).is_file() or any(any(folder.glob(pattern)) for pattern in PLAIN)


def find_index(folder: Path, suffix: str) -> Path | None:
    """The index of a sharded set in this folder; several of them are a question for the user."""
    indexes = sorted(folder.glob(f"*{suffix}.index.json"))
    if len(indexes) > 1:
        hint = "name one of the index files instead of the folder"
        raise ambiguous(folder, "sharded models", [index.name for index in indexes], hint)
    return indexes[0] if indexes else None


def only_file(folder: Path, suffix: str, what: str) -> Path:
    """The one file of this suffix; there is one at least."""
    files = sorted(entry for entry in folder.iterdir() if entry.suffix == suffix)
    if len(files) > 1:
        hint = "name one of the files instead of the folder"
        raise ambiguous(folder, what, [file.name for file in files], hint)
    return inside(folder, files[0].name)


def is_index(path: Path, head: bytes, suffix: str) -> bool:
    """Whether a file is the index of shards of this kind."""
    if not head.lstrip().startswith(b"{") or path.stat().st_size > MOST_JSON:
        return False
    try:
        shards = _weight_map(path).values()
    except (InputError, ValueError, RecursionError):
        return False
    return bool(shards) and all(shard.endswith(suffix) for shard in shards)


def open_sharded(
    path: Path, suffix: str, format: str, open_one: Callable[[Path], Opened]
) -> Opened:
    """Every array the index names, each from the shard it is said to be in."""
    index = find_index(path, suffix) if path.is_dir() else path
    if index is None:
        raise InputError("index-missing", f"'{shown(path)}' has no index", "name the index file")
    where = _weight_map(index)
    arrays: dict[str, LazyArray] = {}
    facts: dict[str, object] = {}
    notices: list[Notice] = []
    for shard in sorted(set(where.values())):
        opened = open_one(inside(index.parent, shard))
        facts.update(opened.metadata)
        notices.extend(opened.notices)
        arrays.update(
            (array.key, array) for array in opened.arrays if where.get(array.key) == shard
        )
    missing = [key for key in where if key not in arrays]
    if missing:
        key = missing[0]
        message = f"'{shown(index)}' says '{shown(key)}' is in '{shown(where[key])}', but it is not"
        if len(missing) > 1:
            message += f"; {len(missing) - 1} more are missing"
        hint = "download the index and its shards again, from one and the same version"
        raise InputError("shard-key-missing", message, hint)
    return Opened(path, format, tuple(arrays[key] for key in where), facts, tuple(notices))


def inside(folder: Path, name: str) -> Path:
    """A file of this folder by name; it may not lead out of the folder, by dots or by a link."""
    target = folder / name
    home = folder.resolve()
    rooms = [home]
    if home.parent.name == "snapshots":  # a model cache keeps the bytes of a snapshot in blobs
        rooms.append(home.parent.parent / "blobs")
    try:
        # Links are followed before the folder is compared: a link may lead somewhere else.
        real = target.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        message = f"'{shown(folder)}' has no file '{shown(name)}', which its index names"
        hint = "download the missing file, or save the model again"
        raise InputError("shard-missing", message, hint) from error
    if not any(real.is_relative_to(room) for room in rooms) or ".." in Path(name).parts:
        raise escapes(name, folder, "put the file itself into the folder")
    if not real.is_file():
        message = f"'{shown(name)}' in '{shown(folder)}' is not a file"
        hint = "download the missing file, or save the model again"
        raise InputError("shard-missing", message, hint)
    return target


def with_config(opened: Opened, folder: Path, used: Iterable[Path] = ()) -> Opened:
    """Add what the folder's config.json says, and a word about data files that were not read."""
    facts, notices = dict(opened.metadata), list(opened.notices)
    config = folder / "config.json"
    if config.is_file() and config.stat().st_size <= MOST_JSON:
        try:
            content = read_json(inside(folder, config.name))
            facts.update((name, content[name]) for name in CONFIG_FACTS if name in content)
        except (ValueError, RecursionError, UnicodeDecodeError) as error:
            notices.append(Notice("config-unreadable", f"config.json was not used: {shown(error)}"))
    read = {array.path for array in opened.arrays} | {str(path) for path in used}
    left = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.suffix in DATA_SUFFIXES and entry.name not in COMPANIONS and str(entry) not in read
    )
    if left:
        listed = ", ".join(shown(name, 60) for name in left[:4])
        message = f"{len(left)} other data files in the folder were not read: {listed}"
        hint = "name a file instead of the folder to read it"
        data = {"names": [shown(name) for name in left[:50]]}
        notices.append(Notice("files-ignored", message, hint, data))
    return replace(opened, path=folder, metadata=facts, notices=tuple(notices))


def read_json(path: Path) -> Mapping[str, object]:
    if path.stat().st_size > MOST_JSON:
        raise ValueError(f"{shown(path.name)} is too large to be a description")
    content: object = json.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise ValueError(f"{shown(path.name)} is not a JSON object")
    return content


def _weight_map(index: Path) -> Mapping[str, str]:
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        message = f"'{shown(index)}' has no weight_map from names to files"
        raise InputError("index-invalid", message, "download the index again")
    return shards
