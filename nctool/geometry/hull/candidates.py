"""Blocks of classes, and for each class the few points between which it is believed to stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(slots=True)
class Candidates:
    """For some classes: the rows that may hold their nearest point."""

    rows: Tensor  # (B,)
    others: Tensor  # (B, m), padded with the class itself
    start: Tensor  # (B, m) rows believed to carry weight

    @property
    def valid(self) -> Tensor:
        return self.others != self.rows[:, None]

    def part(self, which: slice | Tensor) -> Candidates:
        return Candidates(self.rows[which], self.others[which], self.start[which])

    def split(self, height: int) -> Iterator[Candidates]:
        """Blocks of so many classes."""
        for start in range(0, len(self.rows), height):
            yield self.part(slice(start, start + height))

    def widened(self, width: int) -> Candidates:
        """Padded to so many candidates."""
        extra = width - self.others.shape[1]
        others = torch.cat([self.others, self.rows[:, None].expand(-1, extra)], 1)
        return Candidates(self.rows, others, torch.nn.functional.pad(self.start, (0, extra)))


@dataclass(slots=True)
class Supports:
    """Which rows hold each class's nearest point, and with what weight; the last entry counts."""

    pieces: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def keep(self, rows: Tensor, others: Tensor, weights: Tensor) -> None:
        width = int((weights > 0).sum(1).max()) if len(rows) else 0
        top, place = weights.topk(width, dim=1)
        self.pieces.append((rows.cpu(), others.gather(1, place).cpu().int(), top.cpu()))

    def of(self, row: int) -> tuple[list[int], list[float]]:
        """One class's support, largest weight first."""
        for rows, others, weights in reversed(self.pieces):
            places = torch.nonzero(rows == row).flatten()
            if len(places):
                place = int(places[0])
                held = weights[place] > 0
                return others[place][held].tolist(), weights[place][held].tolist()
        return [], []

    def sizes(self, count: int) -> Tensor:
        """(K,) how many rows each support has."""
        sizes = torch.zeros(count, dtype=torch.long)
        for rows, _, weights in self.pieces:
            sizes[rows] = (weights > 0).sum(1)
        return sizes


def next_candidates(
    part: Candidates, weights: Tensor, others: Tensor, violating: Tensor, limit: Tensor
) -> Candidates:
    """The support of this round and the points it missed are the next round's candidates.

    At most ``limit`` (B,) points that violate join, the best first; half as many as the support has
    join even if they do not: they are likely to, once the direction turns.
    """
    size = (weights > 0).sum(1)
    top, place = weights.topk(int(size.max()), dim=1)
    kept = torch.where(top > 0, part.others.gather(1, place), part.rows[:, None])
    rank = torch.arange(others.shape[1], device=others.device)
    joins = violating & (rank < limit[:, None])
    joins |= rank < size[:, None] // 2
    joined = torch.where(joins, others, part.rows[:, None])
    return Candidates(
        part.rows,
        torch.cat([kept, joined], 1),
        torch.cat([top > 0, torch.zeros_like(joins)], 1),
    )


def regrouped(parts: list[Candidates], stage: Tensor) -> list[Candidates]:
    """Blocks of one stage (K,) and similar width together, so that padding stays small."""
    width = max(part.others.shape[1] for part in parts)
    parts = [part.widened(width) for part in parts]
    whole = Candidates(
        torch.cat([part.rows for part in parts]),
        torch.cat([part.others for part in parts]),
        torch.cat([part.start for part in parts]),
    )
    blocks: list[Candidates] = []
    stages = stage[whole.rows]
    for which in sorted(set(stages.tolist())):
        blocks += _by_width(whole.part(stages == which))
    return blocks


def _by_width(whole: Candidates) -> Iterator[Candidates]:
    used = whole.valid.sum(1)
    order = torch.argsort(used)
    for which in torch.split(order, max(64, len(order) // 16)):
        block = whole.part(which)
        most = int(used[which].max())
        place = torch.argsort((~block.valid).to(torch.uint8), dim=1, stable=True)[:, :most]
        yield Candidates(block.rows, block.others.gather(1, place), block.start.gather(1, place))
