"""Positions of sequences as samples: which label belongs to which, and which are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nctool.arrays import NumpyArray

MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit of its input reaches all."""

GOLDEN = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio: spreads consecutive numbers evenly."""


def repeats_inputs(labels: Tensor, inputs: Any, ignored: tuple[int, ...]) -> bool:
    """Whether labels are the input tokens themselves wherever they count.

    So they are for causal language models of Hugging Face, which shift them inside; labels that
    were shifted before, tags of tokens, masked tokens and targets of a decoder are not.
    """
    for each in inputs:
        if isinstance(each, Tensor) and each.shape == labels.shape and not each.is_floating_point():
            counts = ~torch.isin(labels, labels.new_tensor(ignored))
            same = labels == each.to(labels.device)
            return bool(counts.any()) and bool((same | ~counts).all())
    return False


def drawn(samples: NumpyArray, positions: NumpyArray) -> NumpyArray:
    """A number in [0, 1) for each token, from its sample and its position alone.

    So a token is sampled or not whatever the batches, the workers and the ranks are.
    """
    with np.errstate(over="ignore"):
        bits = samples.astype(np.uint64) * np.uint64(GOLDEN) + positions.astype(np.uint64)
        for _ in range(2):
            bits = bits + np.uint64(GOLDEN)
            bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(MIX[0])
            bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(MIX[1])
            bits = bits ^ (bits >> np.uint64(31))
    return (bits >> np.uint64(11)).astype(np.float64) / float(1 << 53)


@dataclass(slots=True)
class Positions:
    """Turns (B, T) labels into the positions that count, batch after batch of one pass."""

    ignored: tuple[int, ...]
    shifted: bool
    """The label of a position is that of the next one."""
    share: float = 1.0
    """Tokens whose number is below this are looked at."""
    samples: int = 0
    """Sequences so far."""
    left_out: int = 0
    """Positions without a label of their own, so far."""
    counted: int = 0
    """Positions with one, looked at or not."""

    def of(self, labels: Tensor) -> Chosen:
        """Which of the B * T positions count and are looked at."""
        labels = labels.cpu()
        size, length = labels.shape
        if self.shifted:
            # The last position has nothing to predict.
            labels = torch.cat([labels[:, 1:], labels.new_full((size, 1), self.ignored[0])], dim=1)
        flat = labels.reshape(-1)
        place = torch.nonzero(~torch.isin(flat, flat.new_tensor(self.ignored))).flatten()
        self.left_out += len(flat) - len(place)
        self.counted += len(place)
        tokens = place.numpy()
        numbers = drawn(self.samples + tokens // length, tokens % length)
        self.samples += size
        if self.share < 1:
            kept = torch.from_numpy(numbers < self.share)
            place, numbers = place[kept], numbers[kept.numpy()]
        return Chosen(place, flat[place], numbers)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Positions of one batch that are looked at."""

    place: Tensor  # (M,) within the flat batch
    labels: Tensor  # (M,)
    numbers: NumpyArray  # (M,) in [0, 1)


@dataclass(slots=True)
class Lowest:
    """Of all rows that come by, those of the ``count`` tokens with the lowest numbers.

    Twice as many are held at most; ``share`` falls as they are thinned out, so that tokens which
    cannot be among them any more need not be looked at.
    """

    count: int
    share: float = 1.0
    parts: list[dict[str, Tensor]] = field(default_factory=list)
    numbers: list[NumpyArray] = field(default_factory=list)
    held: int = 0

    def add(self, rows: dict[str, Tensor], numbers: NumpyArray) -> None:
        """Rows of several arrays, with the numbers of their tokens."""
        self.parts.append(rows)
        self.numbers.append(numbers)
        self.held += len(numbers)
        if self.held >= 2 * self.count:
            self.thin()

    def thin(self) -> dict[str, Tensor]:
        """What is left when the others are dropped, in the order they came in."""
        numbers = np.concatenate(self.numbers)
        rows = {key: torch.cat([part[key] for part in self.parts]) for key in self.parts[0]}
        if len(numbers) > self.count:
            kept = np.sort(np.argpartition(numbers, self.count)[: self.count])
            numbers = numbers[kept]
            rows = {key: values[torch.from_numpy(kept)] for key, values in rows.items()}
            self.share = float(np.nextafter(numbers.max(), 2))
        self.parts, self.numbers, self.held = [rows], [numbers], len(numbers)
        return rows
