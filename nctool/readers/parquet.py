"""Parquet: one file, or a folder of files that are one table, or one for each split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from math import prod
from pathlib import Path

from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.core.extras import Extra
from nctool.readers import Reader
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.parquet.columns import Cursor, Source
from nctool.readers.shared.parquet.dense import Target, dense, first_sizes, narrowed, targets
from nctool.readers.shared.parquet.footer import ENCRYPTED, MAGIC, NAME, look
from nctool.readers.shared.parts import described, files, groups
from nctool.readers.shared.shards import inside, with_config
from nctool.readers.shared.tables import (
    Column,
    Odd,
    Part,
    Read,
    checked,
    gathered_part,
    opened,
)

EXTRA = Extra("arrow", ("pyarrow",))
OLDEST = 16
SUFFIXES = frozenset((".parquet", ".pq"))
OTHERS = ("*.safetensors", "*.npy", "*.npz")
SCANNED = 2**16


def recognises(path: Path, head: bytes) -> bool:
    if not path.is_dir():
        return head.startswith((MAGIC, ENCRYPTED))
    return not any(any(path.glob(other)) for other in OTHERS) and bool(files(path, SUFFIXES))


def open_parquet(path: Path) -> Opened:
    _check_version()
    if not path.is_dir():
        return opened(path, NAME, {"": [_part(path)]})
    found = {
        name: [_part(inside(path, str(file.relative_to(path)))) for file in paths]
        for name, paths in groups(path, files(path, SUFFIXES)).items()
    }
    return with_config(opened(path, NAME, found), path)


def _check_version() -> None:
    """Old versions ran code that a file brought along."""
    import pyarrow

    if int(pyarrow.__version__.split(".")[0]) < OLDEST:
        raise InputError(
            "extra-outdated",
            f"pyarrow {shown(pyarrow.__version__, 20)} is too old to open files of others safely",
            EXTRA.command,
        )


def _part(path: Path) -> Part:
    with edge(path, NAME):
        footer = look(path)
        with Source(path).file() as file:
            found, texts = list(targets(file.schema_arrow)), file.metadata.metadata or {}
            if any(target.leaf >= footer.columns for target in found):
                raise corrupt(path, NAME, "its columns are not those of its schema")
            words = [
                file.metadata.schema.column(one.leaf).path for one in found if one.dtype == "str"
            ]
        bounds = tuple(accumulate((group.rows for group in footer.groups), initial=0))
        source = Source(path, footer.groups, bounds, tuple(words))
        part = _table(source, found)
        names, facts = described({_text(key): _text(text) for key, text in texts.items()})
        return replace(part, names=names, facts=facts)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _table(source: Source, found: Sequence[Target]) -> Part:
    path, rows = source.path, source.bounds[-1]
    stored = path.stat().st_size
    columns: list[Column] = []
    odd: list[tuple[str, str]] = []
    flat: dict[str, Target] = {}
    for target in found:
        reason = target.odd
        if target.sizes and not reason:
            target, reason = _sized(source, target)
        if reason:
            odd.append((target.key, reason))
            continue
        flat[target.key] = target
        shape = (rows, *target.inner)
        column = Column(target.key, target.dtype, shape, Cursor(source, (target,)).read)
        columns.append(checked(path, NAME, column, stored))
    part = Part(path, NAME, rows, tuple(columns), tuple(odd))
    return gathered_part(part, partial(_side_by_side, source, flat, stored))


def _side_by_side(
    source: Source, flat: dict[str, Target], stored: int, columns: Sequence[Column]
) -> Read:
    found = tuple(flat[column.key] for column in columns)
    shape = (source.bounds[-1], len(found))
    key = f"{columns[0].key}:{columns[-1].key}"
    whole = Column(key, found[0].dtype, shape, Cursor(source, found).read)
    return checked(source.path, NAME, whole, stored).read


def _sized(source: Source, target: Target) -> tuple[Target, str]:
    """The lengths of its lists, which the counts of the groups have to bear out."""
    rows = source.bounds[-1]
    counts = [group.chunks[target.leaf].values for group in source.groups]
    if not rows:
        return replace(target, sizes=tuple(size or 0 for size in target.sizes)), ""
    even, rest = divmod(sum(counts), rows)
    if target.known is None and len(target.sizes) == 1 and not rest and even > 1:
        target = replace(target, sizes=(even,))
    if target.known is None:
        target = replace(target, sizes=_of_first(source, target))
    wide = prod(target.known or ())
    for number, count in enumerate(counts):
        if count != wide * (source.bounds[number + 1] - source.bounds[number]):
            return target, _ragged(source, target, number)
    return target, ""


def _of_first(source: Source, target: Target) -> tuple[int, ...]:
    group = next(n for n, end in enumerate(source.bounds[1:]) if end)
    for columns in source.batches((target,), group, 1):
        try:
            return first_sizes(narrowed(columns[0], target.steps))
        except Odd:
            break
    return tuple(0 for _ in target.sizes)


def _ragged(source: Source, target: Target, group: int) -> str:
    """Which row is the first of another length, or has none; only so many are looked at."""
    done = source.bounds[group]
    end = min(done + SCANNED, source.bounds[group + 1])
    for columns in source.batches((target,), group):
        try:
            dense(narrowed(columns[0], target.steps), target.known or (), target.key)
        except Odd as odd:
            return f"row {done + odd.place} {odd.found}"
        done += len(columns[0])
        if done >= end:
            break
    return f"lists of several lengths, from row {done} on"


READER = Reader(
    "parquet",
    recognises,
    open_parquet,
    covers="Parquet files and folders",
    extra=EXTRA,
)
