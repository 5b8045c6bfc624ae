"""The processes of torch.distributed as a group that measures one thing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from nctool.core.errors import (
    InputError,
    InternalError,
    NctoolError,
    ResourceError,
    UsageError,
)
from nctool.engine.fact import Accumulator
from nctool.engine.group import Empty, Fed
from nctool.engine.packing import packed, unpacked
from nctool.ranks.wire import Counted, RankLost, Wire

KINDS = {kind.exit_code: kind for kind in (UsageError, InputError, ResourceError, InternalError)}


class Ranks:
    """Every process of the default group of torch.distributed."""

    def __init__(self, counted: Counted | None = None, *, tells: bool = True) -> None:
        """``tells``: errors by exchanges; else something else ends the others."""
        self.wire, self.tells = Wire(counted), tells
        self.heard = False
        """Whether what is raised here has come from another rank."""

    @property
    def rank(self) -> int:
        return self.wire.rank

    @property
    def size(self) -> int:
        return self.wire.size

    def merge(self, fed: Fed, empty: Empty) -> None:
        """One accumulator at a time, by a tree of pairs in a fixed order.

        Then every rank starts from an empty one and takes what the first rank has: all have the
        same bits, and decide alike what comes next.
        """
        self._agree()
        for name in sorted(fed):
            accumulator = fed[name]
            assemble = getattr(accumulator, "assemble", None)
            if assemble is not None:
                assemble(self)
                continue
            self._to_first(accumulator)
            whole = packed(accumulator.sums()) if self.rank == 0 else None
            # Let go of before another of its size is made.
            del fed[name], accumulator
            fed[name] = fresh = empty(name)
            fresh.merge(unpacked(self.wire.spread(whole), fresh.sums()))

    def _to_first(self, accumulator: Accumulator[Any]) -> None:
        """0 takes 1, 2 takes 3; then 0 takes 2: after so many steps as the size has bits."""
        step = 1
        while step < self.size:
            if self.rank % (2 * step) == step:
                self.wire.send(packed(accumulator.sums()), self.rank - step)
                return
            if self.rank + step < self.size:
                received = self.wire.receive(self.rank + step)
                accumulator.merge(unpacked(received, accumulator.sums()))
            step *= 2

    def gather(self, values: Tensor) -> list[Tensor]:
        """Those of every rank, in order; their first dimensions may differ."""
        mine = values.contiguous()
        rows = self._agree(values.ndim, *values.shape)
        return [
            self.wire.broadcast(
                rank, mine if rank == self.rank else mine.new_empty(numbers[1 : 1 + numbers[0]])
            )
            for rank, numbers in enumerate(rows)
        ]

    def fill(self, rank: int, values: Tensor) -> None:
        """Write what one rank has into the values of all others, which have its size."""
        self.wire.broadcast(rank, values)

    @contextmanager
    def phase(self) -> Iterator[None]:
        """Either every rank comes to the end, or all raise what one of them has raised."""
        try:
            yield
        except Exception as problem:
            if self.tells and not (self.heard or isinstance(problem, RankLost)):
                self._tell(problem)
            raise
        self._agree()

    def _agree(self, *numbers: int) -> list[list[int]]:
        """The numbers of every rank, if none has failed; the first error otherwise."""
        rows = self.wire.exchange(0, *numbers)
        if any(row[0] for row in rows):
            self.heard = True
            raise _first_of(self._texts(""))
        return [row[1:] for row in rows]

    def _tell(self, problem: Exception) -> None:
        """In place of whatever the others are about to exchange."""
        self.wire.exchange(1)
        self._texts(as_text(problem))

    def _texts(self, text: str) -> list[str]:
        mine = torch.tensor(list(text.encode()), dtype=torch.uint8)
        sizes = self.wire.exchange(len(mine))
        parts = [
            self.wire.broadcast(rank, mine if rank == self.rank else mine.new_empty(size))
            for rank, (size, *_) in enumerate(sizes)
        ]
        return [bytes(part.tolist()).decode() for part in parts]


def as_text(problem: Exception) -> str:
    """An error for another process; one of Python's own is a mistake of nctool's."""
    if isinstance(problem, NctoolError):
        return json.dumps([problem.exit_code, problem.slug, problem.message, problem.hint])
    kind = f"a mistake of nctool's own ({type(problem).__name__}: {problem})"
    return json.dumps([InternalError.exit_code, "internal", kind, "please report it"])


def from_text(text: str, rank: int) -> NctoolError:
    """The same again, with the rank that raised it."""
    code, slug, message, hint = json.loads(text)
    return KINDS[code](slug, f"rank {rank}: {message}", hint)


def _first_of(texts: list[str]) -> NctoolError:
    rank = next(rank for rank, text in enumerate(texts) if text)
    return from_text(texts[rank], rank)
