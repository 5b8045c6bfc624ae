"""The passes over a source by themselves: their sums by fact, as tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from torch import Tensor

from nctool import metrics as catalogue
from nctool.analysis.measure import Settings, as_read, choose_engine, inputs_of
from nctool.analysis.reading import seen_before
from nctool.arrays import Gathered, Source
from nctool.core.progress import Progress, Silent
from nctool.engine.fact import Blocks
from nctool.engine.packing import Packed, packed
from nctool.engine.seen import NotThere, look
from nctool.engine.solve import Read, Running, State, solve, start
from nctool.facts import graph

Sums = Mapping[str, Tensor]
"""By fact and place."""

FIRST = ("all_moments", "on_sphere")
FIRST_SUMS = ("sample_sums", "row_signatures")
POSITIONS = ("kept_samples", "decision_order")
"""Sums over samples that need to know where each stands: shards do not."""


class Passes:
    """Passes over the samples of a source, or over files of sums in their place."""

    def __init__(
        self, source: Source, settings: Settings, progress: Progress | None = None
    ) -> None:
        self.source, self.settings = source, settings
        self.engine = choose_engine(source, settings)
        self.progress = progress or Silent()

    def first(self, *, products: bool, read: Read = look) -> dict[str, Tensor]:
        """Rows that are not finite are out of the source from now on."""
        wanted = [*FIRST, *FIRST_SUMS, *(["with_products"] if products else [])]
        sums, state = self._over(wanted, {}, read)
        self.source = as_read(self.source, state)
        return sums

    def second(
        self, means: Sums, more: Iterable[str] = (), read: Read = look
    ) -> tuple[dict[str, Tensor], State]:
        """Around these class means; ``more`` facts are settled with it."""
        settled = {"sample_sums": self._moments(means)}
        return self._over((*second_sums(), *more), settled, read)

    def _moments(self, first: Sums) -> object:
        tensors = {name: each for name, each in first.items() if name.startswith("sample_sums/")}
        gathered = self.source.gathered or self._gathered()
        sums = {"sample_sums": Packed("sample_sums", tensors, "the class means")}
        source = replace(
            self.source, features=None, labels=None,
            gathered=replace(gathered, sums=sums, settled={}, made={}),
        )  # fmt: skip
        settled = self._known(source)
        inputs = inputs_of(source, self.settings, self.engine, Silent())
        state = solve(start(graph(), inputs, FIRST, settled=settled), look)
        return state.known["sample_sums"]

    def _gathered(self) -> Gathered:
        features = self.source.features
        assert features is not None
        work = str(self.engine.work).removeprefix("torch.")
        return Gathered({}, features.shape[1], features.dtype, work, "")

    def _known(self, source: Source) -> dict[str, object]:
        settings = self.settings
        return seen_before(source, settings.convention, settings.budget, self.engine, self.progress)

    def _over(
        self, wanted: Iterable[str], settled: Mapping[str, object], read: Read
    ) -> tuple[dict[str, Tensor], State]:
        sums: dict[str, dict[str, Tensor]] = {}
        mergeable = FIRST_SUMS if settled.keys().isdisjoint(FIRST_SUMS) else second_sums()

        def kept(source: Blocks, running: Running) -> Running:
            done = read(source, running)
            for name, accumulator in done.items():
                if name in mergeable:
                    sums[name] = packed(accumulator.sums(), name)
            return done

        known = self._known(self.source) | dict(settled)
        if "with_products" not in wanted:
            known.pop("with_products", None)
        inputs = inputs_of(self.source, self.settings, self.engine, self.progress)
        state = solve(start(graph(), inputs, wanted, settled=known), kept)
        # After a restart, what was kept before it may have no value any more.
        valued = [each for name, each in sums.items() if state.value(name) is not None]
        return {name: tensor for each in valued for name, tensor in each.items()}, state


def adding(files: Iterable[Mapping[str, Packed]]) -> Read:
    """A pass over sums that are there, in place of one over samples."""
    given = [*files]

    def read(source: Blocks, running: Running) -> Running:
        there = {
            name: each for name, each in running.items() if all(name in file for file in given)
        }
        for name, accumulator in there.items():
            empty = accumulator.sums()
            for file in given:
                accumulator.merge(file[name].like(empty))
        missing = {name: NotThere("") for name in running.keys() - there.keys()}
        return {**running, **missing}

    return read


@cache
def second_sums() -> tuple[str, ...]:
    """Every sweep of the second pass that shards can add, and what they take if anybody asks."""
    nodes = graph().nodes
    sweeps = {
        name: None
        for name, node in nodes.items()
        if node.over == "present_samples" and name not in POSITIONS
    }
    named = [need.fact for metric in catalogue.select(None) for need in metric.facts]
    asked = graph().closure(named)
    soft = {
        need.fact: None
        for name in graph().closure(sweeps)
        if name in nodes
        for need in nodes[name].needs
        if need.soft and need.fact in asked
    }
    return (*sweeps, *soft)
