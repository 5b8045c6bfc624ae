"""Tables in one or more files: columns become arrays, and what a column cannot be is said."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from nctool.arrays import FLOATS, LazyArray, Opened, Rows
from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.readers.shared.edge import shown
from nctool.readers.shared.joined import Joined

Read: TypeAlias = Callable[[int, int], "Rows"]

FEWEST_GATHERED = 4
NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]*|0[0-9]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table. ``odd`` says of other columns why they are no arrays."""

    path: Path
    format: str
    rows: int
    columns: tuple[LazyArray, ...]
    odd: tuple[tuple[str, str], ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


def gatherable(columns: Iterable[LazyArray]) -> dict[str, tuple[str, ...]]:
    """Columns of floats that differ by a running number are one matrix: its key, their keys."""
    runs: defaultdict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for column in columns:
        match = NUMBERED.fullmatch(column.key)
        if match is not None and len(match[2]) < 8 and len(column.shape) == 1:
            run = runs[match[1], column.dtype] if column.dtype in FLOATS else {}
            run[int(match[2])] = column.key
    matrices: dict[str, tuple[str, ...]] = {}
    for run in runs.values():
        order = sorted(run)
        if len(order) >= FEWEST_GATHERED and order in (
            [*range(len(order))], [*range(1, len(order) + 1)]
        ):  # fmt: skip
            keys = tuple(run[number] for number in order)
            matrices[f"{keys[0]}:{keys[-1]}"] = keys
    return matrices


def gathered(part: Part, many: Callable[[Sequence[int]], Read]) -> Part:
    """The part with its numbered columns as matrices; ``many`` reads columns of these places."""
    places = {column.key: place for place, column in enumerate(part.columns)}
    if len(places) < len(part.columns):
        return part
    columns = {column.key: column for column in part.columns}
    notices = list(part.notices)
    for key, keys in gatherable(part.columns).items():
        if key in places:
            continue
        read = many([places[key] for key in keys])
        matrix = replace(columns[keys[0]], key=key, shape=(part.rows, len(keys)), read=read)
        first, *others = sorted(keys, key=places.__getitem__)
        columns[first] = matrix
        for other in others:
            del columns[other]
        ends = f"'{shown(keys[0], 60)}' to '{shown(keys[-1], 60)}'"
        message = f"{len(keys)} columns from {ends} are read as one array"
        notices.append(Notice("columns-gathered", message, f"its name is '{shown(key, 120)}'"))
    return replace(part, columns=tuple(columns.values()), notices=tuple(notices))


def joined(
    parts: Sequence[Part], prefix: str, path: Path
) -> tuple[list[LazyArray], list[tuple[str, str]]]:
    """The columns of files that follow one another, and those that do not fit together."""
    full = [part for part in parts if part.rows] or list(parts[:1])
    odd = {f"{prefix}{key}": reason for part in full for key, reason in part.odd}
    columns: dict[str, list[LazyArray]] = {}
    for part in full:
        for column in part.columns:
            columns.setdefault(column.key, []).append(column)
    arrays = []
    for key, pieces in columns.items():
        reason = _misfit(key, pieces, full)
        if reason:
            odd.setdefault(f"{prefix}{key}", reason)
        elif f"{prefix}{key}" not in odd:
            arrays.append(Joined(pieces).lazy(f"{prefix}{key}", path, full[0].format))
    return arrays, list(odd.items())


def _misfit(key: str, columns: Sequence[LazyArray], parts: Sequence[Part]) -> str:
    for part in parts:
        if sum(column.key == key for column in part.columns) != 1:
            return f"not once in {shown(part.path.name, 60)}"
    kinds = {(column.dtype, column.shape[1:]): None for column in columns}
    if len(kinds) > 1:
        (dtype, first), (other, second), *_ = kinds
        return f"{dtype} {first} in one file and {other} {second} in another"
    return ""


def left_out(odd: Sequence[tuple[str, str]]) -> tuple[Notice, ...]:
    if not odd:
        return ()
    listed = ", ".join(f"'{shown(key, 60)}' ({shown(reason, 90)})" for key, reason in odd[:4])
    noun = "column was" if len(odd) == 1 else "columns were"
    message = f"{len(odd)} {noun} not read: {listed}{' …' if len(odd) > 4 else ''}"
    hint = "arrays are columns of numbers, of text, or of lists of numbers of one length"
    data = {"count": len(odd), "names": [shown(key) for key, _ in odd[:50]]}
    return (Notice("objects-ignored", message, hint, data),)


def id2label(parts: Iterable[Part]) -> tuple[dict[str, object], tuple[Notice, ...]]:
    """The names of the classes, where all columns that have some agree."""
    named = {names: key for part in parts for key, names in part.names.items()}
    if len(named) == 1:
        (names,) = named
        return {"id2label": {str(number): name for number, name in enumerate(names)}}, ()
    if not named:
        return {}, ()
    keys = [shown(key, 60) for key in dict.fromkeys(named.values())]
    message = f"{len(named)} sets of class names, of {', '.join(keys[:4])}: none is used"
    return {}, (Notice("class-names-several", message, "give one with --classes FILE"),)


def opened(path: Path, format: str, groups: Mapping[str, Sequence[Part]]) -> Opened:
    """All groups of files that follow one another; several are told apart by their names."""
    arrays: list[LazyArray] = []
    odd: list[tuple[str, str]] = []
    facts: dict[str, object] = {}
    notices: dict[str, Notice] = {}
    for name, parts in groups.items():
        columns, others = joined(parts, f"{name}." if name else "", path)
        arrays += columns
        odd += others
        for part in parts:
            facts.update(part.facts)
            notices.update((notice.message, notice) for notice in part.notices)
    if not arrays:
        reasons = "".join(f"; '{shown(key, 60)}': {shown(reason, 90)}" for key, reason in odd[:4])
        message = f"no column of '{shown(path)}' is an array{reasons}"
        hint = "save features as lists of numbers of one length, and labels as numbers or text"
        raise InputError("table-no-arrays", message, hint)
    names, more = id2label(part for parts in groups.values() for part in parts)
    words = (*notices.values(), *more, *left_out(odd))
    return Opened(path, format, tuple(arrays), {**facts, **names}, words)
