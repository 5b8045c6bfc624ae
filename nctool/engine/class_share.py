"""Samples shared out by class: each process holds the state of some classes, and of no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.engine.block import Block
from nctool.engine.samples import Samples, ranges, tensor_rows
from nctool.engine.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ClassShare(Samples):
    """Those samples of all that are of some classes, numbered from the first of these.

    Blocks of rows without any are not read: half of a file that is sorted by class, for one of two.
    """

    classes: tuple[int, int] = (0, 0)

    def seen_as(self, title: str, local: Tensor) -> Samples:
        """Later passes share out the rows: their sums are small."""
        return Samples(
            self.features, self.labels, self.engine, self.progress, title, self.unit_features,
            self.share, local, self.crossing,
        )  # fmt: skip

    def blocks(self, accumulators: Sequence[object]) -> Iterator[Block]:
        space = Workspace(self.engine.work, self.engine.device)
        total, dim = self.features.shape
        low, high = self.classes
        first = 0
        with self.progress.task(self.title, total) as advance:
            for start, stop in ranges(total, self.engine.feature_rows(dim)):
                y = self.labels[start:stop].to(torch.int64)
                known, own = y >= 0, (y >= low) & (y < high)
                if bool(own.any()):
                    places = first + known.cumsum(0)[own] - 1
                    rows = tensor_rows(self.features, start, stop)[own]
                    x, classes = self.prepared(rows, y[own] - low)
                    yield Block(x, classes, first, space, places=places.to(x.device))
                first += int(known.sum())
                advance(stop - start)
