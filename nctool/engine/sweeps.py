"""Reading a Source in blocks: the two sweeps over its features, and who is to blame for NaN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nctool.arrays import LazyArray, Source
from nctool.core.errors import InputError
from nctool.core.progress import Progress
from nctool.statistics.duplicates import Copies, CopySketch
from nctool.statistics.moments import Moments, MomentSweep
from nctool.statistics.second import Answers, Plan, SecondSweep

FEWEST_ROWS = 256
EXTREME = 1e12
"""Beyond this magnitude (or below its inverse) float32 squares overflow or vanish."""

SHOWN_COPIES = 5

HOPELESS = 1e140
"""The same for float64."""


MOST_SUSPECTS = 1024
"""So many rows are read again to see whether they are copies."""

FEW_BROKEN = 0.01
"""Up to this share of rows that are not finite, the others still say something."""


class Overflow(Exception):
    """Squares left the range of the working precision; float64 holds them."""


class BrokenRows(Exception):
    """Some rows are not finite: few enough to go on without them."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__(len(rows))
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Engine:
    """Where and how finely to compute, and how much at a time."""

    device: torch.device
    work: torch.dtype
    block_bytes: int = 8 << 20
    """Bytes of features in one block: small enough to stay in cache."""
    score_bytes: int = 8 << 20
    """Bytes of scores held at a time."""

    def feature_rows(self, dim: int) -> int:
        return max(self.block_bytes // (self.work.itemsize * dim), FEWEST_ROWS)

    def score_rows(self, classes: int) -> int:
        return max(self.score_bytes // (self.work.itemsize * classes), FEWEST_ROWS)


@dataclass(frozen=True, slots=True)
class Reading:
    """One Source, read one way."""

    source: Source
    engine: Engine
    progress: Progress
    unit_features: bool
    """Scale every feature to length one as it is read."""

    @property
    def features(self) -> LazyArray:
        assert self.source.features is not None
        return self.source.features

    @property
    def labels(self) -> Tensor:
        assert self.source.labels is not None
        return self.source.labels

    def moments(self, *, unit: bool) -> tuple[Moments, Copies]:
        """The first sweep."""
        sketch = CopySketch(self.features.shape[1], self.engine.device)
        sweep = MomentSweep(
            len(self.source.names),
            self.features.shape[1],
            work=self.engine.work,
            device=self.engine.device,
            unit=unit,
        )
        for x, y in self._batches("class means"):
            sweep.add(x, y)
            sketch.add(x)
        found = sweep.finish()
        if not bool(torch.isfinite(found.scatter).all() & torch.isfinite(found.mean).all()):
            self._blame()
        return found, self._copies(sketch)

    def _copies(self, sketch: CopySketch) -> Copies:
        """Of the rows that may be copies, those that are."""
        places = sketch.suspects().cpu()
        looked_at = sketch.looked_at
        if len(places) > MOST_SUSPECTS:
            # The first of them stand for all.
            looked_at = max(1, looked_at * MOST_SUSPECTS // len(places))
            places = places[:MOST_SUSPECTS]
        first: dict[bytes, int] = {}
        pairs: list[tuple[int, int]] = []
        if len(places):
            stored = (
                torch.nonzero(self.labels >= 0).flatten()[places] if self.source.ignored else places
            )
            for row in stored.tolist():
                content = tensor_rows(self.features, row, row + 1).contiguous().view(torch.uint8)
                earlier = first.setdefault(content.numpy().tobytes(), row)
                if earlier != row:
                    pairs.append((earlier, row))
        return Copies(len(pairs), looked_at, tuple(pairs[:SHOWN_COPIES]))

    def answers(self, plan: Plan) -> Answers:
        """The second sweep."""
        sweep = SecondSweep(plan)
        local = torch.full((len(self.source.names),), -1, device=self.engine.device)
        local[plan.columns] = torch.arange(len(plan.columns), device=self.engine.device)
        for x, y in self._batches("second look"):
            sweep.add(x, local[y])
        return sweep.finish()

    def _batches(self, title: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Features in the working precision and class indices, ignored samples left out."""
        device, work = self.engine.device, self.engine.work
        total = self.features.shape[0]
        with self.progress.task(title, total) as advance:
            for start, stop in blocks(total, self._rows):
                y = self.labels[start:stop].to(torch.int64)
                part = tensor_rows(self.features, start, stop)
                if self.source.ignored:
                    keep = y >= 0
                    part, y = part[keep], y[keep]
                if len(y):
                    x = part.to(device=device, dtype=work)
                    yield (to_sphere(x) if self.unit_features else x), y.to(device)
                advance(stop - start)

    @property
    def _rows(self) -> int:
        return self.engine.feature_rows(self.features.shape[1])

    def _blame(self) -> None:
        """Find the rows that are not finite: to go on without them, or to name them."""
        found: list[Tensor] = []
        for start, stop in blocks(self.features.shape[0], self._rows):
            part = tensor_rows(self.features, start, stop)
            wrong = ~torch.isfinite(part).all(1) & (self.labels[start:stop] >= 0)
            found.append(start + torch.nonzero(wrong).flatten())
        bad, total = torch.cat(found), self.features.shape[0]
        if not len(bad):
            raise Overflow
        if len(bad) <= FEW_BROKEN * total:
            raise BrokenRows(bad)
        raise InputError(
            "non-finite-features",
            f"{len(bad):,} of {total:,} rows of {self.features.key!r} hold NaN or "
            f"infinity (first: row {int(bad[0])})",
            "leave them out by giving them the label -100, or analyse an earlier checkpoint",
        )


def mean_of(features: LazyArray, device: torch.device) -> Tensor:
    """The mean row, in float64."""
    total = torch.zeros(features.shape[1], dtype=torch.float64, device=device)
    for start, stop in blocks(features.shape[0], 4096):
        total += tensor_rows(features, start, stop).to(device).double().sum(0)
    if not bool(torch.isfinite(total).all()):
        raise InputError(
            "non-finite-ood",
            f"out-of-distribution features {features.key!r} hold NaN or infinity",
            "leave these rows out",
        )
    return total / features.shape[0]


def extreme(features: LazyArray | None, weight: Tensor | None) -> bool:
    """Would float32 squares of these overflow or vanish? Judged by the first rows."""
    looks = [] if weight is None else [("the head", weight[:FEWEST_ROWS])]
    if features is not None:
        rows = tensor_rows(features, 0, min(FEWEST_ROWS, features.shape[0]))
        looks.append((f"features {features.key!r}", rows))
    found = False
    for name, one in looks:
        size = one.double().abs().nan_to_num(0, 0, 0)
        largest = float(size.max()) if size.numel() else 0.0
        if largest and not 1 / HOPELESS < largest < HOPELESS:
            raise InputError(
                "out-of-range",
                f"{name} reach {largest:.1g}: their squares leave the range of float64",
                "multiply them by a constant that brings them near one",
            )
        found |= bool(largest) and not 1 / EXTREME < largest < EXTREME
    return found


def to_sphere(x: Tensor) -> Tensor:
    """Rows of length one; zero rows stay zero."""
    norm = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return torch.where(norm > 0, x / norm, 0.0)


def tensor_rows(array: LazyArray, start: int, stop: int) -> Tensor:
    rows = array.rows(start, stop)
    assert isinstance(rows, Tensor)
    return rows


def blocks(total: int, rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, total, rows):
        yield start, min(start + rows, total)
