"""What an analysis would go through, and what each step costs: from sizes, before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from nctool.analysis.measure import Settings, riders, wanted_of, work_of
from nctool.arrays import ITEM_BYTES, Source
from nctool.engine.cost import Cost, Shape
from nctool.engine.device import Engine
from nctool.engine.fact import Missing
from nctool.engine.graph import Node
from nctool.engine.packing import Packed
from nctool.engine.rates import TYPICAL
from nctool.engine.solve import State, leading, start
from nctool.facts import graph
from nctool.facts.costs import KEPT_SHARE, SCREENED
from nctool.facts.means import BALANCED
from nctool.metrics.metric import Metric
from nctool.statistics.kept_samples import LEAST_KEPT, kept_per_class
from nctool.statistics.screen import coarse_is_fast

PER_METRIC = 150
"""Calls that a number takes once its facts are known, and those that cost too little to count."""
FIRST, SECOND = "samples", "present_samples"


@dataclass(frozen=True, slots=True)
class Step:
    """A fact that costs something, and the pass it belongs to, if it does."""

    fact: str
    during: str | None
    cost: Cost

    @property
    def stage(self) -> str:
        """Under which its time is booked."""
        return self.fact if self.during is None else f"over {self.during}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """All steps of one measurement, in the order in which they come."""

    shape: Shape
    samples: int
    """Those of all processes."""
    steps: tuple[Step, ...]
    passes: tuple[str, ...]
    """What is gone over, in order."""
    missing: frozenset[str]
    """Facts whose inputs are not there."""
    refused: tuple[Step, ...]
    """What ``--memory`` does not allow."""

    @property
    def whole(self) -> Cost:
        return sum((step.cost for step in self.steps), Cost())

    @property
    def stages(self) -> dict[str, Cost]:
        """In order; what runs in one pass is held together."""
        stages: dict[str, Cost] = {}
        for step in self.steps:
            here = stages.get(step.stage, Cost())
            stages[step.stage] = replace(here + step.cost, held=here.held + step.cost.held)
        return stages

    @property
    def shares(self) -> dict[str, float]:
        """Of the time of the whole, what each stage typically takes."""
        whole = TYPICAL.seconds(self.whole)
        return {stage: TYPICAL.seconds(cost) / whole for stage, cost in self.stages.items()}

    @property
    def peaks(self) -> dict[str, float]:
        """Bytes held in each stage, with all that is kept from those before."""
        kept, peaks = 0.0, {}
        for stage, cost in self.stages.items():
            kept += cost.kept
            peaks[stage] = kept + cost.held
        return peaks

    @property
    def peak(self) -> tuple[str | None, float]:
        """The stage in which most is held, and how much that is."""
        return max(self.peaks.items(), key=lambda each: each[1], default=(None, 0.0))


def forecast(
    source: Source,
    metrics: Sequence[Metric],
    settings: Settings,
    engine: Engine | None = None,
    processes: int = 1,
) -> Forecast:
    """Of one process, where several share the samples."""
    state = _state(source, wanted_of(metrics))
    closure, nodes = state.closure, state.graph.nodes
    shape = replace(shape_of(source, settings, engine), facts=closure)
    every = shape.samples
    shape = replace(shape, samples=-(-every // processes))
    missing = _missing(source, state, closure)
    out, refused = set(missing), []
    for name in state.graph.order:
        node = nodes[name]
        if name not in closure or name in out or name in state.known:
            continue
        cost = node.cost(shape.of(node.variant)) if node.cost else Cost()
        if cost.needed > settings.budget.memory:
            refused.append(Step(name, node.during, cost))
            out.add(name)
        elif not out.isdisjoint(node.hard):
            out.add(name)
    possible = closure - out
    live = _live(source, state, possible)
    passes = _passes(possible, live)
    running = {over for over, _ in passes}
    early = leading(state.graph, possible - state.known.keys())
    steps = []
    for name in state.graph.order:
        node = nodes[name]
        if name not in possible or name in state.known or node.cost is None:
            continue
        if node.during is not None and (node.during not in running or _idle(node, live)):
            continue
        cost = node.cost(shape.of(node.variant))
        if name == node.during:  # the samples themselves, once for each pass
            cost = cost * sum(over == name for over, _ in passes)
        if processes > 1 and _shared(state, node):
            cost = cost * (1 / processes)
        steps.append((_place(node, early), Step(name, node.during, cost)))
    steps.append((5, Step("results", None, Cost(calls=PER_METRIC * len(metrics)))))
    steps.sort(key=lambda each: each[0])  # stable: within a place the order of the graph
    ordered = sorted(passes, key=lambda each: (each[1], each[0]))
    return Forecast(
        shape, every, tuple(step for _, step in steps), tuple(over for over, _ in ordered),
        missing, tuple(refused),
    )  # fmt: skip


def needed_facts(source: Source, metrics: Sequence[Metric]) -> frozenset[str]:
    """All that is settled for these, with what every report has."""
    return _state(source, wanted_of(metrics)).closure


def shape_of(source: Source, settings: Settings, engine: Engine | None = None) -> Shape:
    """The sizes of a source; labels are counted, nothing else is read."""
    counts = _counts(source)
    dim = _dim(source)
    present = counts[counts > 0]
    work = engine.work if engine else work_of(source, settings, beyond=False)
    blocks = engine or Engine(torch.device("cpu"), work)
    on_cpu = blocks.device.type == "cpu" and work == torch.float32
    coarse = on_cpu and len(present) >= SCREENED and coarse_is_fast(blocks.device)
    row_bytes = max(dim * work.itemsize, 1)
    most, _ = kept_per_class(counts, row_bytes, settings.budget.memory // KEPT_SHARE)
    most = min(most, int(counts.max(initial=0)))
    unequal = len(present) and present.max() > BALANCED * present.min()
    stored = source.features.dtype if source.features else "float32"
    return Shape(
        samples=int(counts.sum()),
        dim=dim,
        classes=len(present),
        known=len(source.names),
        rows=0 if source.weight is None else len(source.weight),
        unlabelled=0 if source.ood is None else source.ood.shape[0],
        itemsize=work.itemsize,
        stored=ITEM_BYTES.get(stored, 4),
        coarse=coarse,
        least_only=settings.budget.margin == "min",
        unequal=len(np.unique(present)) if unequal else 0,
        kept=most,
        kept_rows=int(np.minimum(counts, most).sum()),
        fewest_rows=int(np.minimum(counts, LEAST_KEPT).sum()),
        feature_bytes=blocks.block_bytes,
        score_bytes=blocks.score_bytes,
    )


def _dim(source: Source) -> int:
    if source.features is not None:
        return source.features.shape[1]
    if source.gathered is not None:
        return source.gathered.dim
    return 0 if source.weight is None else source.weight.shape[1]


def _counts(source: Source) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(K,) Samples of each class."""
    counts: Tensor | None = None
    if source.labels is not None:
        labels = source.labels
        counts = torch.bincount(labels[labels >= 0].cpu(), minlength=len(source.names))
    elif source.gathered is not None:
        sums = source.gathered.sums.get("sample_sums")
        counts = sums.tensors["sample_sums/count"] if isinstance(sums, Packed) else None
        if counts is None:
            counts = getattr(sums, "count", None)
    if counts is None:
        return np.zeros(0, dtype=np.int64)
    return counts.cpu().numpy().astype(np.int64)


def _state(source: Source, wanted: Iterable[str]) -> State:
    """Nothing known but which inputs there are, and what sums of a file hold."""
    absent = {
        name
        for name, value in (
            ("features", source.features or source.gathered),
            ("labels", source.labels if source.gathered is None else source.gathered.labels),
            ("head", source.weight), ("bias", source.bias), ("ood", source.ood),
        )
        if value is None
    }  # fmt: skip
    absent |= {"class_share"}
    given = {name: True for name in graph().inputs if name not in absent}
    settled: dict[str, object] = {}
    if source.gathered is not None:
        settled = dict.fromkeys(("samples", *source.gathered.settled), True)
    return start(graph(), given, wanted, riders(), "sample_sums", settled)


def _missing(source: Source, state: State, closure: frozenset[str]) -> frozenset[str]:
    """Facts that cannot be, for want of an input or of samples that are gone."""
    missing = {name for name, value in state.known.items() if isinstance(value, Missing)}
    sums = source.gathered
    for name in state.graph.order:
        if name in closure and name not in state.known:
            node = state.graph.nodes[name]
            unseen = (
                sums is not None
                and sums.again is None
                and node.over is not None
                and node.over.endswith(FIRST)
                and name not in sums.sums
            )
            if unseen or not missing.isdisjoint(node.hard):
                missing.add(name)
    return frozenset(missing)


def _live(source: Source, state: State, possible: frozenset[str]) -> frozenset[str]:
    """Sweeps for which something is really gone over."""
    nodes = state.graph.nodes
    sweeps = {
        name for name in possible if name in nodes and nodes[name].over and name not in state.known
    }
    if source.gathered is not None:
        again = source.gathered.again is not None
        sweeps = {name for name in sweeps if again and name not in source.gathered.sums}
    return frozenset(sweeps)


def _passes(possible: frozenset[str], live: frozenset[str]) -> list[tuple[str, int]]:
    """What is gone over, and after how many other passes."""
    depth: dict[str, int] = {}
    passes = set()
    for name in graph().order:
        if name in possible:
            node = graph().nodes[name]
            behind = max((depth.get(need, 0) for need in node.before), default=0)
            depth[name] = behind + (name in live)
            if name in live and node.over is not None:
                passes.add((node.over, depth[name]))
    return sorted(passes)


def _idle(node: Node, live: frozenset[str]) -> bool:
    """A sweep whose sums are there already."""
    return node.over is not None and node.name not in live


def _shared(state: State, node: Node) -> bool:
    """Whether processes take parts of what is no sweep over samples."""
    over = state.graph.nodes.get(node.over or node.name, node)
    return any(need.fact == "group" for need in over.needs) and node.during not in (FIRST, SECOND)


def _place(node: Node, early: frozenset[str]) -> int:
    """First the first pass, then what the second waits for, then that, then the rest."""
    if node.during in (FIRST, SECOND):
        return 0 if node.during == FIRST else 2
    if node.during is not None:
        return 3
    return 1 if node.name in early else 4
