"""Columns of an Arrow file: which arrays they are, and their rows out of the buffers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nctool.readers.shared.arrow.body import Body, Opener
from nctool.readers.shared.arrow.lists import Flat, agrees, check, first_sizes, nested, sizes_of
from nctool.readers.shared.arrow.messages import NAME, Batch, Contents, Message
from nctool.readers.shared.arrow.schema import LISTS, TEXTS, Field, leaves
from nctool.readers.shared.edge import corrupt, shown
from nctool.readers.shared.tables import (
    MOST_TEXT_BYTES,
    Column,
    Odd,
    Pile,
    checked,
    text_array,
    too_long,
)

if TYPE_CHECKING:
    from numpy import ndarray

SCANNED = 2**20


@dataclass(frozen=True, slots=True)
class Plan:
    """How one column is read: its field, the structs around it, the length of each list."""

    key: str
    field: Field
    above: tuple[Field, ...]
    sizes: tuple[int, ...]

    @property
    def chain(self) -> tuple[Field, ...]:
        """The field and what is nested in it, down to the numbers."""
        found = [self.field]
        while found[-1].kind in LISTS:
            found.append(found[-1].children[0])
        return tuple(found)


def columns(
    path: Path, held: Contents, opener: Opener
) -> tuple[list[Column], list[tuple[str, str]]]:
    """Every column that is an array, and of every other the reason why not."""
    stored = path.stat().st_size
    rows = sum(batch.rows for batch in held.batches)
    plans, odd = [], []
    for top in held.schema.fields:
        for key, field, above in leaves(top, top.name):
            reason = _unfit(field, held)
            if reason:
                odd.append((key, reason))
            else:
                plans.append(Plan(key, field, above, ()))
    sized, ragged = _sized(plans, held, opener)
    found = []
    for plan in sized:
        values = held.schema.dictionaries[plan.field.dictionary] if (
            plan.field.dictionary is not None
        ) else plan.chain[-1]  # fmt: skip
        dtype = "str" if values.kind in TEXTS else values.dtype
        shape = (rows, *(plan.field.tensor or plan.sizes))
        reader = _Reader(path, plan, held, opener, dtype, shape[1:])
        found.append(checked(path, NAME, Column(plan.key, dtype, shape, reader.read), stored))
    return found, odd + ragged


def _unfit(field: Field, held: Contents) -> str:
    """Why a column cannot be an array; empty when it can, as far as its type says."""
    if field.dictionary is not None:
        values = held.schema.dictionaries.get(field.dictionary)
        if values is None or not (values.kind in TEXTS or values.dtype):
            return "dictionary of neither text nor numbers"
        return ""
    if field.kind in TEXTS or field.dtype:
        return ""
    inner = field
    while inner.kind in LISTS:
        inner = inner.children[0]
    if inner is field:
        return field.kind
    return "" if inner.dtype and inner.dictionary is None else f"lists of {inner.kind}"


def _sized(
    plans: Sequence[Plan], held: Contents, opener: Opener
) -> tuple[list[Plan], list[tuple[str, str]]]:
    """Lists get the length that the first batch tells; those of several lengths are left out."""
    sizes: dict[int, tuple[int, ...]] = {}
    ragged: dict[int, str] = {}
    flat = Flat([plan.field for plan in plans if not plan.above and plan.field.dtype])
    deep = [(n, plan) for n, plan in enumerate(plans) if plan.above or not plan.field.dtype]
    done = 0
    for batch in held.batches:
        body = opener.body(batch)
        flat.check(body)
        for number, plan in deep:
            agrees(body, plan.above, plan.chain)
            if number in ragged or not batch.rows or plan.field.kind not in LISTS:
                continue
            own = sizes_of(body, plan.chain)
            if own is None or sizes.setdefault(number, own) != own:
                ragged[number] = _ragged(plan, body, sizes.get(number), done, batch.rows)
        done += batch.rows
    kept = []
    for number, plan in enumerate(plans):
        if number not in ragged:
            empty = tuple(one.size for one in plan.chain[:-1])
            kept.append(replace(plan, sizes=sizes.get(number, empty)))
    return kept, [(plans[number].key, reason) for number, reason in ragged.items()]


def _ragged(plan: Plan, body: Body, sizes: tuple[int, ...] | None, done: int, rows: int) -> str:
    """Which row is the first of another length, or has none."""
    count = min(rows, SCANNED)
    try:
        check(body, plan.chain, sizes or first_sizes(body, plan.chain), 0, count)
    except Odd as odd:
        return f"row {done + odd.place} {odd.found}"
    return f"lists of several lengths, from row {done + count} on"


class _Reader:
    """Rows of one column across the batches; the dictionary last used is kept."""

    def __init__(
        self, path: Path, plan: Plan, held: Contents, opener: Opener, dtype: str,
        inner: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.path, self.plan, self.held, self.opener = path, plan, held, opener
        self.dtype, self.inner = dtype, inner
        self.bounds = [0]
        for batch in held.batches:
            self.bounds.append(self.bounds[-1] + batch.rows)
        self.values: tuple[tuple[Message, ...], ndarray] | None = None

    def read(self, start: int, stop: int) -> ndarray:
        number = max(bisect_right(self.bounds, start) - 1, 0)
        pile = Pile(self.plan.key, self.dtype, self.inner)
        at = start
        while at < stop:
            first, last = self.bounds[number], self.bounds[number + 1]
            end = min(stop, last)
            if at < end:
                try:
                    pile.add(self._rows(self.held.batches[number], at - first, end - first))
                except Odd as odd:
                    raise Odd(at - start + odd.place, odd.found) from odd
                at = end
            number += 1
        return pile.array()

    def _rows(self, batch: Batch, start: int, stop: int) -> ndarray:
        body, plan = self.opener.body(batch), self.plan
        for field in plan.above:
            body.present(field, start, stop)
        if plan.field.dictionary is not None:
            return self._decoded(body, batch, start, stop)
        if plan.field.kind in TEXTS:
            return text_array(body.texts(plan.field, start, stop), None, plan.key)
        values = nested(body, plan.chain, plan.sizes, start, stop)
        return values.reshape(stop - start, *self.inner)

    def _decoded(self, body: Body, batch: Batch, start: int, stop: int) -> ndarray:
        name = self.plan.field.dictionary
        assert name is not None
        messages = batch.dictionaries.get(name, ())
        if self.values is None or self.values[0] is not messages:
            self.values = (
                messages,
                self._dictionary(self.held.schema.dictionaries[name], messages),
            )
        index = body.numbers(self.plan.field, start, stop)
        values = self.values[1]
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(values):
            raise corrupt(self.path, NAME, f"'{shown(self.plan.key)}' points beyond its dictionary")
        if self.dtype == "str" and values.itemsize * len(index) > MOST_TEXT_BYTES:
            raise too_long(self.plan.key, values.itemsize // 4, len(index))
        taken: ndarray = values[index]
        return taken

    def _dictionary(self, field: Field, messages: Sequence[Message]) -> ndarray:
        import numpy

        texts: list[str] = []
        pieces: list[ndarray] = []
        for message in messages:
            body = self.opener.dictionary(message)
            agrees(body, (), (field,))
            if field.kind in TEXTS:
                texts += body.texts(field, 0, body.rows)
            else:
                pieces.append(body.numbers(field, 0, body.rows))
        if field.kind in TEXTS:
            return text_array(texts, None, self.plan.key)
        return numpy.concatenate(pieces) if pieces else numpy.empty(0, field.dtype)
