"""Which files of a folder are one table, and what a saved dataset says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from nctool.core.errors import InputError
from nctool.core.text import natural
from nctool.readers.shared.edge import shown
from nctool.readers.shared.shards import inside, read_json

SHARD = re.compile(r"(.*?)[-_.]?(\d{1,9})-of-(\d{1,9})(-[0-9a-f]{16})?")
PIECE = re.compile(r"(part|chunk|shard|data|file|train|test|val|validation|)[-_.]?(\d+)([-.].*)?")
ANONYMOUS = frozenset(("", "part", "chunk", "shard", "data", "file"))
DEPTH, MOST_FOLDERS = 2, 256
LONGEST_TEXT = 4096


def files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The data files of a folder; without any, those of its sub-folders, two levels down."""
    level = [folder]
    for _ in range(DEPTH + 1):
        matching = [
            entry for inner in level for entry in _entries(inner) if entry.suffix in suffixes
        ]
        if matching:
            return matching
        level = [entry for inner in level for entry in _entries(inner) if entry.is_dir()]
        if len(level) > MOST_FOLDERS:
            break
    return []


def _entries(folder: Path) -> Iterator[Path]:
    """What is in a folder, apart from what is hidden or marked as no data; links are no rooms."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: natural(entry.name))
    except OSError:
        return
    for entry in entries:
        if entry.name[0] not in "._" and not (entry.is_symlink() and entry.is_dir()):
            yield entry


def groups(folder: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Files that follow one another, by the name they have in common; "" when it is the only."""
    tables: dict[str, list[Path]] = {}
    counts: dict[str, tuple[int, set[int]]] = {}
    for file in files:
        parts = [part for part in file.relative_to(folder).parts[:-1] if part != "data"]
        stem = file.name.removesuffix(file.suffix)
        shard, piece = SHARD.fullmatch(stem), PIECE.fullmatch(stem)
        name = shard[1] if shard else piece[1] if piece else stem
        key = ".".join([*parts, *([] if name in ANONYMOUS else [name])])
        tables.setdefault(key, []).append(inside(folder, str(file.relative_to(folder))))
        if shard is not None:
            counts.setdefault(key, (int(shard[3]), set()))[1].add(int(shard[2]))
    for key, (total, numbers) in counts.items():
        if len(numbers) != len(tables[key]) or len(numbers) != total:
            part = f"{len(tables[key])} of {total} files of '{shown(key or folder.name, 60)}'"
            hint = "download the missing files, or keep only those of one version"
            raise InputError("shard-missing", f"'{shown(folder)}' holds {part}", hint)
    return {"": next(iter(tables.values()))} if len(tables) == 1 else tables


def saved_files(folder: Path, state: Path) -> list[Path]:
    """The files that a dataset saved by save_to_disk consists of, in its order."""
    content = read_json(state)
    for name in ("_indices_data_files", "_indices_files"):
        if content.get(name):
            message = f"'{shown(folder)}' picks its rows through a separate list of indices"
            hint = "dataset.flatten_indices().save_to_disk(path)"
            raise InputError("dataset-indices", message, hint)
    entries = content.get("_data_files")
    names = [
        entry.get("filename") if isinstance(entry, dict) else None
        for entry in (entries if isinstance(entries, list) else [None])
    ]
    if not names or not all(isinstance(name, str) and name for name in names):
        message = f"'{shown(state)}' does not say which files the dataset consists of"
        hint = "save the dataset again: dataset.save_to_disk(path)"
        raise InputError("index-invalid", message, hint)
    return [inside(folder, str(name)) for name in names]


def splits(folder: Path) -> list[str] | None:
    """The splits of a saved DatasetDict; None when the folder is none."""
    index = folder / "dataset_dict.json"
    if not index.is_file():
        return None
    names = read_json(inside(folder, index.name)).get("splits")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        message = f"'{shown(index)}' does not say which splits there are"
        hint = "save the dataset again: dataset.save_to_disk(path)"
        raise InputError("index-invalid", message, hint)
    return list(dict.fromkeys(names))


def class_names(features: object, prefix: str = "", depth: int = 0) -> dict[str, tuple[str, ...]]:
    """Which columns are classes, and what those are called, as Hugging Face describes it."""
    classes: dict[str, tuple[str, ...]] = {}
    if not isinstance(features, dict) or depth > 8:
        return classes
    for key, feature in features.items():
        if not isinstance(feature, dict):
            continue
        names = feature.get("names")
        if feature.get("_type") == "ClassLabel" and isinstance(names, list) and names:
            if all(isinstance(name, str) for name in names):
                classes[f"{prefix}{key}"] = tuple(names)
        elif not isinstance(feature.get("_type"), str):
            classes.update(class_names(feature, f"{prefix}{key}.", depth + 1))
    return classes


def schema_facts(texts: Mapping[str, str]) -> tuple[dict[str, tuple[str, ...]], dict[str, object]]:
    """Class names and plain facts out of the texts that came along with a schema."""
    names: dict[str, tuple[str, ...]] = {}
    try:
        content = json.loads(texts.get("huggingface", "{}"))
        names = class_names(content["info"]["features"])
    except (ValueError, RecursionError, KeyError, TypeError):
        pass
    known = ("huggingface", "pandas", "ARROW:schema")
    facts: dict[str, object] = {
        key: text for key, text in texts.items() if key not in known and len(text) <= LONGEST_TEXT
    }
    return names, facts
