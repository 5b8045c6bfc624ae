"""Tensors from one process of torch.distributed to others: gloo between CPUs, NCCL between GPUs.

Sizes travel before contents, because gloo aborts the whole process where they do not match.
Contents travel as bytes, whatever their type, and in blocks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from nctool.core.errors import ResourceError

BLOCK = 8 << 20
"""Bytes sent at a time."""
NUMBERS = 6
"""How many whole numbers are exchanged at once."""

Counted = Callable[[int], None]


class Wire:
    """All processes of the default group. Each calls the same methods in the same order."""

    def __init__(self, counted: Counted | None = None) -> None:
        """``counted``: is told how many exchanges there have been, before each."""
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.counted = counted
        self.turn = 0
        # Where NCCL is, it is asked for everything: it may be the only one, and knows no CPU.
        nccl = "nccl" in str(dist.get_backend_config())
        self.place = torch.device("cuda", torch.cuda.current_device()) if nccl else "cpu"

    def exchange(self, *numbers: int) -> list[list[int]]:
        """A few whole numbers of every rank."""
        self.turn += 1
        if self.counted is not None:
            self.counted(self.turn)
        padded = [*numbers, *[0] * NUMBERS][:NUMBERS]
        mine = torch.tensor(padded, dtype=torch.int64, device=self.place)
        every = [torch.empty_like(mine) for _ in range(self.size)]
        self._act(dist.all_gather, every, mine)
        rows: list[list[int]] = torch.stack(every).tolist()
        return rows

    def broadcast(self, rank: int, values: Tensor) -> Tensor:
        """The values of one rank, written into those of the others, which have their size."""
        sent = values.to(self.place).contiguous()
        for piece in _pieces(sent):
            self._act(dist.broadcast, piece, rank)
        return values if sent is values else values.copy_(sent)

    def send(self, tensors: Mapping[str, Tensor], to: int) -> None:
        described = _described(tensors)
        self._act(dist.send, torch.tensor([len(described)], device=self.place), to)
        for values in (described, *tensors.values()):
            for piece in _pieces(values.to(self.place)):
                self._act(dist.send, piece, to)

    def receive(self, sender: int) -> dict[str, Tensor]:
        """What this rank sends."""

        def filled(values: Tensor) -> Tensor:
            for piece in _pieces(values):
                self._act(dist.recv, piece, sender)
            return values

        size = int(filled(torch.zeros(1, dtype=torch.int64, device=self.place)))
        described = filled(torch.empty(size, dtype=torch.uint8, device=self.place))
        tensors = self._made(described)
        for values in tensors.values():
            filled(values)
        return tensors

    def spread(self, tensors: Mapping[str, Tensor] | None) -> Mapping[str, Tensor]:
        """What the first rank has, to everybody; the others give None."""
        described = None if tensors is None else _described(tensors)
        size = torch.tensor([0 if described is None else len(described)])
        size = self.broadcast(0, size)
        if described is None:
            described = torch.empty(int(size), dtype=torch.uint8)
        described = self.broadcast(0, described)
        everywhere = self._made(described) if tensors is None else tensors
        for values in everywhere.values():
            self.broadcast(0, values)
        return everywhere

    def _made(self, described: Tensor) -> dict[str, Tensor]:
        """Tensors to be filled."""
        return {
            name: torch.empty(shape, dtype=getattr(torch, dtype), device=self.place)
            for name, dtype, shape in json.loads(bytes(described.tolist()))
        }

    def _act(self, act: Callable[..., Any], *given: Any) -> None:
        try:
            act(*given)
        except RuntimeError as problem:
            # Without the place in gloo's sources, and the advice after the first sentence.
            reason = re.sub(r"^\[\S*\] ", "", str(problem).strip()).split(". ")[0]
            raise RankLost(
                "rank-lost",
                f"another rank is gone, or did not come in time ({reason})",
                "what the other ranks said may tell why",
            ) from problem


class RankLost(ResourceError):
    """Another process is gone, or stands still; nothing can be said to the others any more."""

    @property
    def late(self) -> bool:
        """Nobody has ended, as far as the connection can tell."""
        return "imed out" in self.message


def _described(tensors: Mapping[str, Tensor]) -> Tensor:
    """Names, types and shapes."""
    kinds = [
        (name, str(values.dtype).removeprefix("torch."), tuple(values.shape))
        for name, values in tensors.items()
    ]
    return torch.frombuffer(bytearray(json.dumps(kinds).encode()), dtype=torch.uint8)


def _pieces(values: Tensor) -> tuple[Tensor, ...]:
    """The same memory as bytes, in blocks; none of nothing."""
    if not values.numel():
        return ()
    return torch.split(values.reshape(-1).view(torch.uint8), BLOCK)
