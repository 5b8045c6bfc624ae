"""Rows that occur more than once: a sketch of bounded size, exact up to ``KEPT`` samples.

Each row has a signature made from the bits of a few of its entries. Only the smallest signatures
are kept: a choice by content, so that copies are kept together or left out together, however far
apart they lie. Whether rows of one signature really are copies is for who holds the rows to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor

from nctool.engine.block import Block
from nctool.engine.group import ALONE, Group
from nctool.engine.samples import Samples, tensor_rows

KEPT = 1 << 16
ENDS = 4
"""So many first and so many last entries of a row go into its signature: two looks at memory."""

MIXER = -7046029254386353131
"""An odd number with well spread bits: multiplication by it, modulo 2^64, loses nothing."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Samples that are the same as an earlier one, among those that were compared."""

    count: int
    compared: int
    pairs: tuple[tuple[int, int], ...]
    """Some of them: the earlier row and the later one, as stored."""


@dataclass(frozen=True, slots=True)
class Suspects:
    """Rows whose signature occurs more than once."""

    places: Tensor  # (S,) positions among the samples that have a class, ascending
    looked_at: int
    """How many samples the sketch speaks of."""


class DuplicateSketch:
    """The smallest signatures, and the positions of their rows."""

    def __init__(self, dim: int, device: torch.device) -> None:
        self.ends = min(ENDS, dim)
        self.signatures = torch.empty(0, dtype=torch.int64, device=device)
        self.places = torch.empty(0, dtype=torch.int64, device=device)
        self.rows = 0

    def add(self, block: Block) -> None:
        self.take(block.x, block.positions)

    def take(self, x: Tensor, places: Tensor) -> None:
        """``x`` (B, D) in float32 or float64; ``places`` (B,) their positions among all."""
        signatures = _signatures(torch.cat((x[:, : self.ends], x[:, -self.ends :]), 1))
        self.merge((signatures, places, len(x)))

    def sums(self) -> tuple[Tensor, Tensor, int]:
        return self.signatures, self.places, self.rows

    def merge(self, other: tuple[Tensor, Tensor, int]) -> None:
        self.rows += other[2]
        self.signatures = torch.cat((self.signatures, other[0]))
        self.places = torch.cat((self.places, other[1]))
        if len(self.signatures) > 2 * KEPT:
            self._shrink()

    def _shrink(self) -> None:
        if self.signatures.device.type == "cpu":
            bound = torch.kthvalue(self.signatures, KEPT).values
        else:  # which has no deterministic kernel there
            bound = torch.sort(self.signatures).values[KEPT - 1]
        rows = torch.nonzero(self.signatures <= bound).flatten()
        if len(rows) > 2 * KEPT:  # one signature for nearly all: these few speak for them
            rows = rows[:KEPT]
        self.signatures, self.places = self.signatures[rows], self.places[rows]

    def finish(self) -> Suspects:
        if self.rows > 2 * KEPT:
            # What more there is depends on how the samples were cut into blocks and shards.
            self._shrink()
        _, group, size = torch.unique(self.signatures, return_inverse=True, return_counts=True)
        places = torch.sort(self.places[size[group] > 1]).values
        return Suspects(places, len(self.places))


def _signatures(x: Tensor) -> Tensor:
    """(B,) int64. Zeros of both signs are one number, and so have one signature."""
    # Two float32 make one word; the number of entries is even.
    words = (x + 0.0).contiguous().view(torch.int64)
    signature = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    for column in words.unbind(1):
        signature.add_(column).mul_(MIXER)
        signature.bitwise_xor_(signature >> 29)
    return signature


MOST_SUSPECTS = 1024
"""So many rows are read again to see whether they are copies."""
SHOWN_PAIRS = 5
DIGEST = 32


def confirmed(suspects: Suspects, samples: Samples, group: Group = ALONE) -> Duplicates:
    """Of the rows that may be copies, those that are, byte for byte as stored."""
    places, looked_at = suspects.places.cpu(), suspects.looked_at
    if len(places) > MOST_SUSPECTS:
        # The first of them stand for all.
        looked_at = max(1, looked_at * MOST_SUSPECTS // len(places))
        places = places[:MOST_SUSPECTS]
    first: dict[bytes, int] = {}
    pairs: list[tuple[int, int]] = []
    if len(places):
        rows = samples.stored(places)
        # Of one length, so that processes can exchange them; equal for equal content alone.
        digests = torch.cat(group.gather(_digests(rows, samples)))
        for row, digest in zip(rows.tolist(), digests.unbind(), strict=True):
            earlier = first.setdefault(digest.numpy().tobytes(), row)
            if earlier != row:
                pairs.append((earlier, row))
    return Duplicates(len(pairs), looked_at, tuple(pairs[:SHOWN_PAIRS]))


def _digests(rows: Tensor, samples: Samples) -> Tensor:  # (R', 32) uint8
    """Of the content of those rows that this process reads."""
    start, stop = samples.share
    mine = [row for row in rows.tolist() if start <= row < stop]
    out = torch.empty(len(mine), DIGEST, dtype=torch.uint8)
    for place, row in enumerate(mine):
        content = tensor_rows(samples.features, row, row + 1).cpu().contiguous()
        found = blake2b(content.view(torch.uint8).numpy().tobytes(), digest_size=DIGEST).digest()
        out[place] = torch.frombuffer(bytearray(found), dtype=torch.uint8)
    return out
