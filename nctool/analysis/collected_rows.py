"""Rows of a model as they come: into the spool while they fit, into sums from then on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nctool.analysis.collected_inputs import inputs_of
from nctool.analysis.first_look import FirstLook
from nctool.analysis.measure import Settings
from nctool.arrays import LazyArray, Source
from nctool.capture.batches import fetched
from nctool.capture.class_names import names_of
from nctool.capture.remarks import remarks
from nctool.capture.rows import Collected, class_index
from nctool.capture.spool import FEATURES, LABELS, Spool, key_of
from nctool.capture.tokens import Lowest
from nctool.capture.watched import Watched
from nctool.core.errors import InputError
from nctool.inputs.assemble import assemble
from nctool.inputs.class_names import distinct

Again = Callable[[], Iterator[Collected]]


@dataclass(slots=True)
class Keeper:
    """What is kept of every batch, and the sources that it becomes.

    ``why`` there is no second look at what is not kept, where there is no ``again``.
    """

    spool: Spool
    settings: Settings
    why: str
    names: Sequence[str] | None = None
    run: Mapping[str, object] = field(default_factory=dict)
    """Epoch, step and split, where they are known."""
    looks: dict[str, FirstLook] = field(default_factory=dict)
    """By the array; empty while rows fit."""
    indices: list[Tensor] = field(default_factory=list)
    lowest: Lowest | None = None
    """Where a number of tokens is asked for: those are few, and held."""

    def take(self, watched: Watched, batch: Collected) -> None:
        """One batch."""
        away = {FEATURES: batch.features, LABELS: batch.labels}
        away |= {key_of(layer): rows for layer, rows in batch.layers.items()}
        if self.looks:
            self._look(watched, away)
            return
        number = watched.plan.tokens
        if number is not None and number > 1 and batch.numbers is not None:
            self.lowest = self.lowest or Lowest(int(number))
            self.lowest.add(_here(away), batch.numbers)
            assert watched.rows.positions is not None
            watched.rows.positions.share = self.lowest.share
        elif not self.spool.limit:
            self._look(watched, away)
        elif not self.spool.add(rows := _here(away)):
            for earlier in self.spool.taken():
                self._look(watched, earlier)
            self._look(watched, rows)

    def sources(self, watched: Watched, again: Again | None = None) -> list[Source]:
        """What every layer, and then the head, is measured from."""
        if self.looks:
            return [self._of_looks(watched, layer, again) for layer in (*watched.layers, "")]
        arrays = self._arrays(watched)
        return [self._of_rows(watched, layer, arrays) for layer in (*watched.layers, "")]

    def _look(self, watched: Watched, rows: Mapping[str, Tensor]) -> None:
        index = class_index(rows[LABELS].cpu(), classes_of(watched), watched.plan.ignored)
        self.indices.append(index.to(torch.int32))
        for key in rows.keys() - {LABELS}:
            if key not in self.looks:
                dtype = str(rows[key].dtype).removeprefix("torch.")
                names = self._names(watched) or numbered(watched)
                self.looks[key] = FirstLook(names, rows[key].shape[1], dtype, self.settings)
            self.looks[key].add(rows[key], index)

    def _names(self, watched: Watched) -> tuple[str, ...] | None:
        """Of all classes: those that were given, or else the data set's or the model's own."""
        classes = classes_of(watched)
        if self.names is not None:
            if len(self.names) != classes:
                message = f"{len(self.names)} class names for {classes} rows of the head"
                hint = "give one name for each row with class_names=, or --classes FILE"
                raise InputError("class-names", message, hint)
            return tuple(self.names)
        names = names_of(watched.loader, watched.own, watched.plan.labels, classes)
        return None if names is None else distinct(dict(enumerate(names)), classes)

    def _arrays(self, watched: Watched) -> dict[str, LazyArray]:
        """Of all rows that were kept, by their keys in a folder of features."""
        spool = self.spool
        if self.lowest is not None and self.lowest.held:
            spool = spool if spool.out is not None else Spool(sys.maxsize)
            spool.add(self.lowest.thin())
        weight, *bias = watched.head
        names = self._names(watched)
        facts = {name: self.run.get(name) for name in ("epoch", "step", "split")}
        facts |= {"dim": weight.shape[1], "classes": None if names is None else [*names]}
        head = {"weight": weight} | ({"bias": bias[0]} if bias else {})
        return {each.key: each for each in spool.finish(head, facts | {"layer": watched.place})}

    def _of_rows(self, watched: Watched, layer: str, arrays: Mapping[str, LazyArray]) -> Source:
        weight, bias = head_for(watched, layer)
        rows, labels = arrays[key_of(layer) if layer else FEATURES], arrays[LABELS]
        place = "" if self.spool.out is None else str(self.spool.out)
        source = assemble(
            rows,
            labels,
            weight,
            bias,
            names=self._names(watched),
            ignore=watched.plan.ignored,
            inputs=inputs_of(watched, layer, place, rows, labels, (weight, bias)),
            run=self.run,
            notices=tuple(remarks(watched)),
        )
        return replace(source, ignored=source.ignored + left_out(watched))

    def _of_looks(self, watched: Watched, layer: str, again: Again | None) -> Source:
        weight, bias = head_for(watched, layer)
        labels, look = torch.cat(self.indices), self.looks[key_of(layer) if layer else FEATURES]

        def once_more() -> Iterator[tuple[Tensor, Tensor]]:
            assert again is not None
            for batch in again():
                index = class_index(batch.labels.cpu(), classes_of(watched), watched.plan.ignored)
                yield batch.layers[layer] if layer else batch.features, index

        shape = len(labels), look.dim
        rows = replace(look.samples.features, shape=shape)
        return Source(
            features=None,
            labels=None,
            names=self._names(watched) or numbered(watched),
            weight=weight,
            bias=bias,
            ignored=int((labels < 0).sum()) + left_out(watched),
            inputs=inputs_of(watched, layer, "", rows, None, (weight, bias)),
            run=self.run,
            notices=tuple(remarks(watched)),
            gathered=look.gathered(self.why, None if again is None else once_more, labels),
        )


def classes_of(watched: Watched) -> int:
    """A head of one row tells two classes apart."""
    return max(len(watched.head[0]), 2)


def numbered(watched: Watched) -> tuple[str, ...]:
    """The names of classes that have none."""
    return tuple(map(str, range(classes_of(watched))))


def head_for(watched: Watched, layer: str) -> tuple[Tensor | None, Tensor | None]:
    """Weight and bias for what the head sees; a layer before has none, nor has a single row."""
    weight, *bias = watched.head
    if layer or len(weight) == 1:
        return None, None
    return weight, bias[0] if bias else None


def left_out(watched: Watched) -> int:
    """Positions without a label of their own."""
    return 0 if watched.rows.positions is None else watched.rows.positions.left_out


def _here(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, with one wait for the device."""
    return dict(zip(tensors, fetched([*tensors.values()]), strict=True))
