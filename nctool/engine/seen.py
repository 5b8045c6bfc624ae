"""Samples of which the sums of a first pass are all that is left, or that come along again.

They are seen by a model as it runs, or lie where only their sums come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from torch import Tensor

from nctool.arrays import LazyArray
from nctool.core.errors import InputError
from nctool.core.progress import Progress
from nctool.engine.device import Engine
from nctool.engine.fact import Accumulator, Unseen
from nctool.engine.group import ALONE, Group
from nctool.engine.packing import Packed
from nctool.engine.samples import Samples
from nctool.engine.solve import Running, feed

Again = Callable[[], Iterator[tuple[Tensor, Tensor]]]


@dataclass(frozen=True, slots=True)
class SeenSamples(Samples):
    """Samples that were seen; what passes over them found already is among the ``sums``."""

    sums: Mapping[str, object] | None = None
    """By fact: what its accumulator gave."""
    again: Again | None = None
    """The same samples once more: features as stored (B, D) and class indices (B,)."""
    gone: str = ""

    @classmethod
    def of(
        cls,
        dim: int,
        dtype: str,
        engine: Engine,
        progress: Progress,
        unit_features: bool,
        labels: Tensor,
        sums: Mapping[str, object] | None = None,
        again: Again | None = None,
        gone: str = "",
        share: tuple[int, int] | None = None,
    ) -> SeenSamples:
        """``labels`` (N,) class indices, where they were kept; ``gone``: why there is no again."""
        features = features_of(dim, dtype, gone)
        share = share or (0, len(labels))
        return cls(
            features, labels, engine, progress, "class means", unit_features, share,
            sums=sums, again=again, gone=gone,
        )  # fmt: skip

    @property
    def why(self) -> str:
        return self.gone

    def stored(self, places: Tensor) -> NoReturn:
        raise Unseen(self.gone)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.again is None:
            raise Unseen(self.gone)
        with self.progress.task(self.title, len(self.labels)) as advance:
            for x, y in self.again():
                rows, classes = self.prepared(x, y)
                if len(classes):
                    yield rows, classes
                advance(len(y))

    def blame(self, group: Group = ALONE) -> NoReturn:
        raise InputError(
            "non-finite-sums",
            "the features that were seen hold NaN or infinity, or their squares leave the range of "
            f"{str(self.engine.work).removeprefix('torch.')}",
            "look at the model's output, or keep the rows: nctool then says which of them",
        )


def features_of(dim: int, dtype: str, why: str) -> LazyArray:
    """The description of features that cannot be read."""

    def read(start: int, stop: int) -> Tensor:
        raise Unseen(why)

    return LazyArray("features", (0, dim), dtype, "", "memory", read)


@dataclass(frozen=True, slots=True)
class NotThere:
    """In place of an accumulator that nothing can be fed to."""

    why: str

    def add(self, block: Any) -> None: ...
    def sums(self) -> None: ...
    def merge(self, other: Any) -> None: ...
    def assemble(self, group: object) -> None:
        """Several processes have as little of it as one."""

    def finish(self) -> NoReturn:
        raise Unseen(self.why)


def look(source: Any, running: Running) -> Running:
    """Feed accumulators every block; of samples that were seen, take the sums that there are."""
    if not isinstance(source, SeenSamples):
        return feed(source, running)
    known = source.sums or {}
    rest: dict[str, Accumulator[Any]] = {}
    for name, accumulator in running.items():
        if name in known:
            sums = known[name]
            given = sums.like(accumulator.sums()) if isinstance(sums, Packed) else sums
            accumulator.merge(given)
        else:
            rest[name] = accumulator
    if source.again is not None and rest:
        feed(source, rest)
    elif rest:
        rest = {name: NotThere(source.gone) for name in rest}
    return {**running, **rest}
