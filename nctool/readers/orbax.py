"""Orbax: the folder of one step, one item of it, or the folder that holds a single step.

tensorstore reads the arrays, but only after every file that the checkpoint names was found to
lie in its folder. JAX is not needed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from nctool.arrays import LazyArray, Opened
from nctool.core.errors import InputError
from nctool.core.extras import Extra
from nctool.readers import FIRST, Reader
from nctool.readers.shared.edge import shown
from nctool.readers.shared.ocdbt import MANIFEST
from nctool.readers.shared.orbax_item import METADATA, Item, moments, plain
from nctool.readers.shared.shards import MOST_JSON, inside, read_json
from nctool.readers.shared.wording import ambiguous, escapes, left_out

NAME = "orbax"
STEP_METADATA = "_CHECKPOINT_METADATA"
JSON_ITEM = "metadata"
MARKS = (STEP_METADATA, METADATA, MANIFEST)
USUAL_ITEMS = ("default", "state", "params", "items")
NUMBERED = re.compile(r"(?:.*[_-])?([0-9]{1,18})")
MOST_ENTRIES = 4096  # a folder with more entries is something else


def recognises(path: Path, head: bytes) -> bool:
    return path.is_dir() and (_is_item(path) or _is_step(path) or bool(_steps(path)))


def _is_item(folder: Path) -> bool:
    return (folder / METADATA).is_file() or (folder / MANIFEST).is_file()


def _is_step(folder: Path) -> bool:
    if (folder / STEP_METADATA).is_file():
        return True
    return any(_is_item(entry) and not NUMBERED.fullmatch(entry.name) for entry in _folders(folder))


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in islice(folder.iterdir(), MOST_ENTRIES) if entry.is_dir())


def _steps(path: Path) -> list[Path]:
    """The folders of a run's steps, in order; looked for by name, as a folder may hold anything."""
    numbers = {
        entry: int(match[1])
        for entry in _folders(path)
        if (match := NUMBERED.fullmatch(entry.name)) and _looks_like_step(entry)
    }
    return sorted(numbers, key=lambda entry: numbers[entry])


def _looks_like_step(folder: Path) -> bool:
    return any((folder / mark).is_file() for mark in MARKS) or any(
        _is_item(folder / name) for name in USUAL_ITEMS
    )


def open_orbax(path: Path) -> Opened:
    if _is_item(path):
        return _open_items(path, {"": path})
    if _is_step(path):
        return _open_items(path, {item.name: item for item in _folders(path) if _is_item(item)})
    steps = _steps(path)
    if len(steps) > 1:
        names = [step.name for step in steps]
        raise ambiguous(path, "checkpoints", names, f"name one of them: {shown(steps[-1])}")
    return open_orbax(steps[0])


def _open_items(path: Path, items: Mapping[str, Path]) -> Opened:
    """Their arrays; with several items, keys begin with the item's name."""
    if not items:
        message = f"'{shown(path)}' is an Orbax checkpoint without arrays"
        hint = "name a checkpoint that was saved with its state"
        raise InputError("arrays-missing", message, hint)
    arrays: dict[str, LazyArray] = {}
    facts: dict[str, object] = dict(_json_items(path))
    ignored: Counter[str] = Counter()
    for name, folder in items.items():
        # tensorstore follows links as the system does: a linked item is refused beforehand.
        if not folder.resolve().is_relative_to(path.resolve()):
            raise escapes(name, path, "put the folder itself there")
        item = Item(folder, NAME)
        loaded = item.arrays()
        facts.update({**moments(loaded), **item.facts()})
        ignored.update(item.ignored)
        for key, array in loaded.items():
            full = f"{name}.{key}" if len(items) > 1 else key
            arrays[full] = replace(array, key=full)
    facts.setdefault("step", _step(path))
    known = {name: fact for name, fact in facts.items() if fact is not None}
    return Opened(path, NAME, tuple(arrays.values()), known, left_out(ignored, "array"))


def _step(path: Path) -> int | None:
    """The step that a folder is named for, or the folder around an item."""
    named = path.parent if _is_item(path) and _is_step(path.parent) else path
    return int(named.name) if re.fullmatch("[0-9]{1,18}", named.name) else None


def _json_items(path: Path) -> Iterator[tuple[str, object]]:
    """Plain values that were saved beside the arrays."""
    for folder in _folders(path):
        file = folder / JSON_ITEM
        if file.is_file() and not _is_item(folder) and file.stat().st_size <= MOST_JSON:
            yield from plain(read_json(inside(path, f"{folder.name}/{JSON_ITEM}"))).items()


READER = Reader(
    NAME,
    recognises,
    open_orbax,
    covers="Orbax checkpoints (a step's folder)",
    turn=FIRST,
    extra=Extra("jax", ("tensorstore",)),
)
