"""Features and labels in blocks: the one place where samples are read, again for every pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from nctool.arrays import LazyArray
from nctool.core.errors import InputError
from nctool.core.progress import Progress
from nctool.engine import device
from nctool.engine.block import Block, fuse
from nctool.engine.crossing import Crossing
from nctool.engine.device import Engine
from nctool.engine.fact import Changed
from nctool.engine.group import ALONE, Group, share_of
from nctool.engine.reader import Range
from nctool.engine.workspace import Workspace

EXTREME = 1e12
"""Beyond this magnitude (or below its inverse) float32 squares overflow or vanish."""

HOPELESS = 1e140
"""The same for float64."""

FEW_BROKEN = 0.01
"""Up to this share of rows that are not finite, the others still say something."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One set of labelled features, read one way."""

    features: LazyArray
    labels: Tensor  # (N,) class index, -1 is left out
    engine: Engine
    progress: Progress
    title: str
    """What a pass is called while it runs."""
    unit_features: bool
    """Scale every feature to length one as it is read."""
    share: tuple[int, int]
    """Which rows this process reads; positions count all."""
    local: Tensor | None = None
    """New index of each class (C,); the stored one by default."""
    crossing: Crossing | None = None
    """Their way to a device that has memory of its own."""

    @property
    def why(self) -> str:
        """Why samples cannot be seen again: these can."""
        return ""

    @property
    def ignored(self) -> bool:
        return bool((self.labels < 0).any())

    def stored(self, places: Tensor) -> Tensor:
        """Rows of the features, of positions among the samples that have a class."""
        return torch.nonzero(self.labels >= 0).flatten()[places] if self.ignored else places

    def seen_as(self, title: str, local: Tensor) -> Samples:
        """The same samples under other class indices."""
        return replace(self, title=title, local=local)

    def with_engine(self, engine: Engine) -> Self:
        """The same samples in other blocks."""
        return replace(self, engine=engine)

    def forget(self) -> bool:
        """Give back what is kept on the device; whether anything was."""
        return self.crossing is not None and self.crossing.forget()

    def blocks(self, accumulators: Sequence[object]) -> Iterator[Block]:
        """Every sample once; reads are split so that what accumulators hold stays in cache."""
        fused = fuse(accumulators)
        width = max((getattr(each, "width", 0) for each in accumulators), default=0)
        rows = self.engine.score_rows(width) if width else None
        space = Workspace(self.engine.work, self.engine.device)
        first = self.before
        for read, labels in self.batches():
            most = rows or len(labels)
            for x, y in zip(torch.split(read, most), torch.split(labels, most), strict=True):
                yield Block(x, y, first, space, fused)
                first += len(y)

    @property
    def before(self) -> int:
        """How many samples that have a class come before the first of this process."""
        return int((self.labels[: self.share[0]] >= 0).sum())

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Features in the working precision and class indices, ignored samples left out."""
        start, stop = self.share
        with self.progress.task(self.title, stop - start) as advance:
            ranges = list(self._ranges())
            for (first, last), x in zip(ranges, self._rows(ranges), strict=True):
                x, y = self.prepared(x, self.labels[first:last], first)
                if len(y):
                    yield x, y
                advance(last - first)

    def _rows(self, ranges: Sequence[Range]) -> Iterator[Tensor]:  # (B, D) as stored
        if self.crossing is not None:
            return self.crossing.blocks(ranges)
        return (tensor_rows(self.features, first, last) for first, last in ranges)

    def prepared(
        self, x: Tensor, y: Tensor, first: int | None = None
    ) -> tuple[Tensor, Tensor]:  # (B, D), (B,)
        """Rows as they are stored, as a block has them: on the device, with a class, numbered.

        ``first``: where they begin among all that there are, if they are neighbours.
        """
        place = self.engine.device
        # Asked of the labels where they lie: no device is waited for where that is the CPU.
        keep = torch.nonzero(y >= 0).flatten() if bool((y < 0).any()) else None
        if self.crossing is not None and first is not None:
            y = self.crossing.classes(self.labels, first, first + len(y))
        else:
            y = y.to(torch.int64).to(place)
        if keep is not None:
            x, y = x.index_select(0, keep.to(x.device)), y.index_select(0, keep.to(place))
        # First there, then wider: half as many bytes to send of features in half precision.
        x = x.to(place).to(self.engine.work)
        x = to_sphere(x) if self.unit_features else x
        return x, y if self.local is None else self.local[y]

    def _ranges(self) -> Iterator[tuple[int, int]]:
        start, stop = self.share
        for first, last in ranges(stop - start, self.engine.feature_rows(self.features.shape[1])):
            yield start + first, start + last

    def blame(self, group: Group = ALONE) -> Changed:
        """Sums are not finite: which inputs to go on with, or an error that names the rows."""
        parts = [torch.empty(0, dtype=torch.int64)]
        for start, stop in self._ranges():
            rows = tensor_rows(self.features, start, stop)
            wrong = ~torch.isfinite(rows).all(1).cpu() & (self.labels[start:stop].cpu() >= 0)
            parts.append(start + torch.nonzero(wrong).flatten())
        broken, total = torch.cat(group.gather(torch.cat(parts))), self.features.shape[0]
        if not len(broken):
            if self.engine.work == torch.float64:
                raise out_of_range(f"features {self.features.key!r}", HOPELESS)
            finer = replace(self.engine, work=torch.float64)
            return Changed({"engine": finer}, "squares leave the range of float32")
        if len(broken) <= FEW_BROKEN * total:
            labels = self.labels.clone()
            labels[broken.to(labels.device)] = -1
            return Changed({"labels": labels}, "some rows are not finite")
        raise InputError(
            "non-finite-features",
            f"{len(broken):,} of {total:,} rows of {self.features.key!r} hold NaN or "
            f"infinity (first: row {int(broken[0])})",
            "leave them out by giving them the label -100, or analyse an earlier checkpoint",
        )


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Features without labels, in float64."""

    features: LazyArray
    engine: Engine
    group: Group = ALONE

    def with_engine(self, engine: Engine) -> Unlabelled:
        return replace(self, engine=engine)

    def blocks(self, accumulators: Sequence[object]) -> Iterator[Tensor]:
        start, stop = share_of(self.features.shape[0], self.group)
        on_cpu = self.engine.device.type == "cpu"
        most = 4096 if on_cpu else self.engine.feature_rows(2 * self.features.shape[1])
        for first, last in ranges(stop - start, most):
            rows = tensor_rows(self.features, start + first, start + last)
            yield rows.to(self.engine.device).double()


def extreme(
    features: LazyArray | None, weight: Tensor | None, share: tuple[int, int], group: Group = ALONE
) -> bool:
    """Would float32 squares of these overflow or vanish? Judged by the first rows of all."""
    looks = [] if weight is None else [("the head", _largest(weight[: device.FEWEST_ROWS]))]
    if features is not None:
        start, stop = share
        rows = tensor_rows(features, start, max(start, min(device.FEWEST_ROWS, stop)))
        largest = float(torch.stack(group.gather(_largest(rows))).max())
        looks.append((f"features {features.key!r}", torch.tensor(largest, dtype=torch.float64)))
    beyond = False
    for name, size in looks:
        largest = float(size)
        if largest and not 1 / HOPELESS < largest < HOPELESS:
            raise out_of_range(name, largest)
        beyond |= bool(largest) and not 1 / EXTREME < largest < EXTREME
    return beyond


def _largest(rows: Tensor) -> Tensor:
    """() float64 The largest magnitude; what is not finite has none."""
    size = rows.double().abs().nan_to_num(0, 0, 0)
    return size.max() if size.numel() else size.new_zeros(())


def out_of_range(name: str, size: float) -> InputError:
    return InputError(
        "out-of-range",
        f"{name} reach {size:.1g}: their squares leave the range of float64",
        "multiply them by a constant that brings them near one",
    )


def to_sphere(x: Tensor) -> Tensor:
    """Rows of length one; zero rows stay zero."""
    norm = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return torch.where(norm > 0, x / norm, 0.0)


def tensor_rows(array: LazyArray, start: int, stop: int) -> Tensor:
    rows = array.rows(start, stop)
    assert isinstance(rows, Tensor)
    return rows


def ranges(total: int, rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, total, rows):
        yield start, min(start + rows, total)
