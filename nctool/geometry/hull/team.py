"""Processes that solve some classes each and tell the others."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from nctool.geometry.hull.candidates import Supports

WIDE = 1024
"""Supports of like size that are kept together: little padding."""


class Team(Protocol):
    """All processes call the same in the same order."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def gather(self, values: Tensor, /) -> list[Tensor]:
        """Those of every process, by rank."""
        ...


class Solo:
    """One process."""

    rank, size = 0, 1

    def gather(self, values: Tensor, /) -> list[Tensor]:
        return [values]


SOLO = Solo()


def shared(supports: Supports, since: int, count: int, team: Team) -> None:
    """From a certain piece on those of all processes, the last of each class alone."""
    seen = torch.zeros(count, dtype=torch.bool)
    parts = []
    for rows, others, weights in reversed(supports.pieces[since:]):
        new = torch.nonzero(~seen[rows]).flatten()
        seen[rows] = True
        held = weights[new] > 0
        parts.append((rows[new], held.sum(1), others[new][held], weights[new][held]))
    empty = torch.empty(0, dtype=torch.int64)
    # By field; a process without classes has none of each.
    none = (empty, empty, empty.int(), empty.double())
    fields = [torch.cat([last, *column]) for last, *column in zip(none, *parts, strict=True)]
    rows, sizes, others, weights = (torch.cat(team.gather(field)) for field in fields)
    first = sizes.cumsum(0) - sizes
    supports.pieces[since:] = []
    for part in torch.split(torch.argsort(sizes, stable=True), WIDE):
        place = torch.arange(int(sizes[part].max()))
        beyond = place >= sizes[part][:, None]  # (n, m)
        index = (first[part][:, None] + place).masked_fill_(beyond, 0)
        held = weights[index].masked_fill_(beyond, 0.0)
        supports.pieces.append((rows[part], others[index], held))
