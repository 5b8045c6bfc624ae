"""A few rows of every class, kept for what sums cannot tell: distances between samples.

Which rows is settled beforehand, by their position and a seed alone: neither the size of the
blocks, nor the class names, nor a library's version changes the choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nctool.core.remembered import remembered
from nctool.engine.block import Block
from nctool.engine.group import Group

MOST_KEPT = 256
"""Rows per class; a class of no more is kept whole."""
LEAST_KEPT = 4
"""With fewer the spread of a sampled mean cannot be estimated."""
MOST_WORK = 2e11
"""Operations that the factors of all classes' kernel matrices may take."""

MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""The constants of splitmix64 (Steele, Lea & Flood 2014)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows to keep."""

    rows: Tensor  # (R,) int64, ascending positions among the samples that have a class
    most: int
    """At most so many of one class."""
    limit: str | None
    """What kept that below MOST_KEPT: memory or time."""


def choose(labels: Tensor, row_bytes: int, memory: int, seed: int) -> Choice | None:
    """Rows of every class, without replacement and each as likely as any other.

    ``labels`` (N,) class indices, negative ones left out. None where ``memory`` bytes cannot hold
    a few rows of each class.
    """
    return _chosen(labels.cpu().numpy(), row_bytes, memory, seed)


@remembered
def _chosen(labels: npt.NDArray[np.int64], row_bytes: int, memory: int, seed: int) -> Choice | None:
    y = labels[labels >= 0].astype(np.int64)
    counts = np.bincount(y)
    most, limit = kept_per_class(counts, row_bytes, memory)
    if most < min(LEAST_KEPT, int(counts.max(initial=0))):
        return None
    large = np.flatnonzero(counts[y] > most)
    kept = counts[y] <= most
    order = large[np.lexsort((scrambled(large, seed), y[large]))]
    sizes = np.where(counts > most, counts, 0)
    first = np.cumsum(sizes) - sizes  # where each class begins in that order
    rank = np.arange(len(order)) - first[y[order]]
    kept[order[rank < most]] = True
    return Choice(torch.from_numpy(np.flatnonzero(kept)), most, limit)


def kept_per_class(
    counts: npt.NDArray[np.int64], row_bytes: int, memory: int
) -> tuple[int, str | None]:
    """The largest number of rows per class that memory and time allow."""
    sizes = np.arange(1, MOST_KEPT + 1)
    ordered = np.sort(counts)
    whole = np.concatenate([[0], np.cumsum(ordered)])
    below = np.searchsorted(ordered, sizes, side="right")
    rows = whole[below] + (len(ordered) - below) * sizes
    held = int((rows * row_bytes <= memory).sum())
    present = int((counts > 0).sum())
    timely = int((3 * MOST_WORK / max(present, 1)) ** (1 / 3))
    most = min(held, timely, MOST_KEPT)
    if most == MOST_KEPT or most >= int(counts.max(initial=0)):
        return most, None
    return most, "memory" if held <= timely else "time"


def scrambled(rows: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.uint64]:
    """A number for each row that looks random: splitmix64, started at what the seed gives."""
    start = _mixed(np.array([seed % 2**64], dtype=np.uint64), 0)
    return _mixed(start, rows)


def _mixed(
    start: npt.NDArray[np.uint64], steps: npt.NDArray[np.int64] | int
) -> npt.NDArray[np.uint64]:
    """What the generator gives after so many steps."""
    gamma, first, second = (np.uint64(constant) for constant in MIX)
    state = start + (np.asarray(steps).astype(np.uint64) + np.uint64(1)) * gamma
    state = (state ^ (state >> np.uint64(30))) * first
    state = (state ^ (state >> np.uint64(27))) * second
    mixed: npt.NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return mixed


class Keeper:
    """Collects the chosen rows, wherever their blocks come from."""

    def __init__(
        self, choice: Choice, dim: int, work: torch.dtype, device: torch.device, classes: int
    ) -> None:
        self.rows = choice.rows.to(device)
        self.kept = torch.zeros(len(self.rows), dim, dtype=work, device=device)
        self.classes = torch.full((len(self.rows),), -1, dtype=torch.int64, device=device)
        self.class_count = classes
        self.share: tuple[int, int] | None = None
        """The rows that came, all neighbours: a process reads one stretch of the samples."""

    def add(self, block: Block) -> None:
        self.take(block.x, block.y, block.first)

    def take(self, x: Tensor, y: Tensor, first: int) -> None:  # (B, D), (B,)
        """``first``: position of the first of these samples among all that have a class."""
        bounds = torch.tensor([first, first + len(y)], device=self.rows.device)
        begin, end = torch.searchsorted(self.rows, bounds).tolist()
        low, high = self.share or (begin, end)
        self.share = min(low, begin), max(high, end)
        here = self.rows[begin:end] - first
        torch.index_select(x, 0, here, out=self.kept[begin:end])
        self.classes[begin:end] = y[here]

    def sums(self) -> tuple[Tensor, Tensor]:
        return self.kept, self.classes

    def merge(self, other: tuple[Tensor, Tensor]) -> None:
        rows, classes = other
        known = classes >= 0
        self.kept[known], self.classes[known] = rows[known], classes[known]

    def assemble(self, group: Group) -> None:
        """Every process sends its stretch into the tables of the others; nothing is added up."""
        shares = torch.cat(group.gather(torch.tensor([self.share or (0, 0)])))
        for rank, (begin, end) in enumerate(shares.tolist()):
            group.fill(rank, self.kept[begin:end])
            group.fill(rank, self.classes[begin:end])

    def finish(self) -> Groups:
        order = torch.argsort(self.classes, stable=True)
        sizes = torch.bincount(self.classes, minlength=self.class_count)
        return Groups(self.kept, order, sizes)


@dataclass(frozen=True, slots=True)
class Groups:
    """The kept rows, and where those of each class are."""

    rows: Tensor  # (R, D)
    order: Tensor  # (R,) their indices, class by class
    sizes: Tensor  # (K,)

    def stacks(self, numbers: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Classes of like size together, and their rows' indices, -1 beyond a class's last.

        Neither the rows of a stack nor all its pairs are more than so many ``numbers``.
        """
        first = torch.cumsum(self.sizes, 0) - self.sizes
        by_size = torch.argsort(self.sizes, descending=True, stable=True)
        start = 0
        while start < len(by_size):
            width = int(self.sizes[by_size[start]])
            many = max(1, numbers // (width * max(width, self.rows.shape[1])))
            classes = by_size[start : start + many]
            place = torch.arange(width, device=self.rows.device)
            beyond = place >= self.sizes[classes][:, None]  # (k, width)
            index = (first[classes][:, None] + place).masked_fill_(beyond, 0)
            yield classes, self.order[index].masked_fill_(beyond, -1)
            start += many
