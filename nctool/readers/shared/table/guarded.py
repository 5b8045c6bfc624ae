"""A table that the guarded child describes, as columns of this process.

The child is as little trusted as the file: what it says is checked here before it is used.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import TypeAlias

from nctool.arrays import ITEM_BYTES, LazyArray, NumpyArray, Opened, Rows
from nctool.core.errors import InputError
from nctool.core.extras import Extra
from nctool.core.notice import Notice
from nctool.readers.guard import Guarded, Limits
from nctool.readers.shared.edge import corrupt, edge, shown
from nctool.readers.shared.pile import MOST_TEXT_BYTES, Pile
from nctool.readers.shared.region import as_rows, checked_shape, numpy_code, require_length
from nctool.readers.shared.table.dataset_files import schema_facts
from nctool.readers.shared.table.join import Part, gathered, opened

ClassNames: TypeAlias = Mapping[str, tuple[str, ...]]

EXTRA = Extra("arrow", ("pyarrow",))
OLDEST = 16
CHILD = "nctool.readers.shared.table.session"
# A column may claim this much before it is compared with what the file stores.
FREE_BYTES, MOST_RATIO = 2**32, 1000
# What may come through the pipe at a time.
SLICE_BYTES, SLICE_TEXTS = 2**25, 2**16


def _require_library() -> None:
    """Old versions ran code that a file brought along."""
    installed = version("pyarrow")
    if int(installed.split(".")[0]) < OLDEST:
        message = f"pyarrow {shown(installed, 20)} is too old to open files of others safely"
        raise InputError("extra-outdated", message, EXTRA.command)


def limits(size: int) -> Limits:
    """Numbers unpack to a few times their bytes in the file, at a few hundred MB a second."""
    return Limits(memory=2**32 + 4 * size, cpu=20 + size // 2**26, wall=300 + size // 2**24)


def open_tables(
    path: Path,
    kind: str,
    groups: Mapping[str, Sequence[Path]],
    names: Mapping[str, ClassNames] | None = None,
) -> Opened:
    """Files that follow one another, by group; ``names`` are class names a group's folder knows.

    One child reads them all: a hundred files would start a hundred otherwise.
    """
    _require_library()
    largest = max(file.stat().st_size for files in groups.values() for file in files)
    guarded = Guarded(path, kind, CHILD, kind, limits=limits(largest))
    parts = {
        group: [table_part(guarded, file, (names or {}).get(group, {})) for file in files]
        for group, files in groups.items()
    }
    result = opened(path, kind, parts)
    return replace(result, notices=(*guarded.notices, *result.notices))


def table_part(guarded: Guarded, path: Path, names: ClassNames) -> Part:
    """The columns of one file."""
    with edge(path, guarded.format):
        table = GuardedTable(guarded, path)
        columns = []
        for number, (key, dtype, inner) in enumerate(table.columns):
            shape = checked_shape((table.rows, *inner), key, path)
            claims, stored = prod(shape) * ITEM_BYTES.get(dtype, 1), path.stat().st_size
            if claims > FREE_BYTES and claims > MOST_RATIO * stored:
                claim = f"'{shown(key)}' claims {claims} bytes, {stored} are stored"
                raise corrupt(path, guarded.format, claim)
            read = partial(table.read, (number,))
            columns.append(LazyArray(key, shape, dtype, str(path), guarded.format, read))
        own, facts = schema_facts(table.texts)
        part = Part(
            path, guarded.format, table.rows, tuple(columns), table.odd, {**names, **own}, facts,
            table.notices,
        )  # fmt: skip
        return gathered(part, lambda numbers: partial(table.read, tuple(numbers)))


class GuardedTable:
    """The child's answers about one file, and rows: mapped where they lie in it as they are."""

    def __init__(self, guarded: Guarded, path: Path) -> None:
        self.guarded, self.path, self.kind = guarded, path, guarded.format
        self.file = str(path.absolute())
        answer = guarded.ask("describe", self.file)
        if not isinstance(answer, dict):
            raise self._senseless()
        try:
            self.bounds = [int(bound) for bound in answer["bounds"]]
            self.columns = [
                (str(key), str(dtype), tuple(int(size) for size in inner))
                for key, dtype, inner in answer["columns"]
            ]
            self.odd = tuple((str(key), str(reason)) for key, reason in answer["odd"])
            self.texts = {str(key): str(text) for key, text in answer["texts"].items()}
            ended = bool(answer["ended"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._senseless() from error
        known = {*ITEM_BYTES, "str"}
        if self.bounds != sorted(self.bounds) or self.bounds[:1] != [0] or any(
            dtype not in known for _, dtype, _ in self.columns
        ):  # fmt: skip
            raise self._senseless()
        self.rows = self.bounds[-1]
        self.notices = () if ended else (_open_ended(path),)
        self.places: dict[int, list[int]] = {}
        self.packed = False

    def _senseless(self) -> Exception:
        return corrupt(self.path, self.kind, "what its reader says of it makes no sense")

    @cached_property
    def mapped(self) -> NumpyArray:
        """The file, mapped once: rows asked for twice are the same memory."""
        import numpy

        return numpy.memmap(self.path, dtype="u1", mode="c").view(numpy.ndarray)

    def read(self, numbers: Sequence[int], start: int, stop: int) -> Rows:
        """Rows of a column, or of several columns of numbers side by side."""
        import numpy

        key, dtype, inner = self.columns[numbers[0]]
        pile = Pile(key, dtype, inner if len(numbers) == 1 else (len(numbers),))
        width = len(numbers) * prod(inner) * ITEM_BYTES.get(dtype, 1)
        step = SLICE_TEXTS if dtype == "str" else max(1, SLICE_BYTES // max(1, width))
        start, stop, _ = slice(start, stop).indices(self.rows)
        with edge(self.path, self.kind):
            while start < stop:
                batch = bisect_right(self.bounds, start) - 1
                low, end = self.bounds[batch], min(stop, self.bounds[batch + 1])
                places = self._places(batch)
                if places and min(places[number] for number in numbers) >= 0:
                    rows = start - low, end - low
                    pieces = [self._mapped(number, places[number], *rows) for number in numbers]
                    pile.add(numpy.stack(pieces, axis=1) if len(pieces) > 1 else pieces[0])
                else:
                    end = min(end if places else stop, start + step)
                    pile.add(self._decoded(numbers, start, end).reshape(end - start, *pile.inner))
                start = end
            return as_rows(pile.array(), dtype)

    def _places(self, batch: int) -> list[int]:
        """Where in the file each column's numbers of this batch begin, below 0 where they do not.

        Nothing at all where rows are packed, in this batch and then in all others.
        """
        if self.packed:
            return []
        if batch not in self.places:
            answer = self.guarded.ask("places", self.file, batch)
            if not isinstance(answer, list):
                raise self._senseless()
            self.packed = not answer
            self.places[batch] = []
            for number, places in enumerate(answer, batch):
                if not isinstance(places, list) or len(places) != len(self.columns):
                    raise self._senseless()
                self.places[number] = [int(place) for place in places]
        return self.places[batch]

    def _mapped(self, number: int, place: int, start: int, stop: int) -> NumpyArray:
        _, dtype, inner = self.columns[number]
        width = prod(inner) * ITEM_BYTES[dtype]
        begin, end = place + start * width, place + stop * width
        require_length(self.path, end)
        rows = self.mapped[begin:end].view(numpy_code(dtype))
        return rows.reshape(stop - start, *inner)

    def _decoded(self, numbers: Sequence[int], start: int, stop: int) -> NumpyArray:
        import numpy

        _, dtype, inner = self.columns[numbers[0]]
        count = len(numbers) * (stop - start) * prod(inner)
        code = "" if dtype == "str" else numpy_code(dtype)
        if dtype == "str":
            # numpy's texts have one width: it is asked for first, so that the size is known.
            width = self.guarded.ask("width", self.file, numbers[0], start, stop)
            # Four bytes a character; the product bounds what is read from a child that may lie.
            if type(width) is not int or width % 4 or not 0 < width * count <= MOST_TEXT_BYTES:
                raise self._senseless()
            code = f"<U{width // 4}"
        size = count * numpy.dtype(code).itemsize
        content = self.guarded.read(size, "rows", self.file, list(numbers), start, stop)
        return numpy.frombuffer(content, code)


def _open_ended(path: Path) -> Notice:
    return Notice(
        "stream-without-end",
        f"'{shown(path.name)}' has no mark of its end: whether batches are missing cannot be told",
        "compare its rows with the original; pyarrow's writers set the mark when closed",
    )
