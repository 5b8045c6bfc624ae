"""From inputs to settled facts: which are computed now, which sweeps run together, when to restart.

Plain facts that no sweep waits for come last: reading finds out soonest whether the samples are
fit to be measured, and costly geometry is not done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

from nctool.core.progress import stage
from nctool.engine.fact import Accumulator, Blocks, Changed, Missing, Undefined, Unseen
from nctool.engine.graph import Graph, Node, call
from nctool.engine.group import ALONE, Group
from nctool.engine.memory import with_less

MOST_RESTARTS = 3

Running = Mapping[str, Accumulator[Any]]
"""Accumulators by the names of their facts."""
Read = Callable[[Blocks, Running], Running]
"""Feeds some accumulators every block of what they go over, and gives back what is to finish."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known so far: a value, ``Undefined`` or ``Missing`` for each settled fact."""

    graph: Graph
    wanted: tuple[str, ...]
    riders: tuple[str, ...]
    """Facts that are wanted too, if something that is wanted reads ``rides_with``."""
    rides_with: str
    known: Mapping[str, object]
    passes: tuple[str, ...] = ()
    """What was read, in order."""
    restarts: tuple[Changed, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def closure(self) -> frozenset[str]:
        """All that is to be settled."""
        closure = self.graph.closure(self.wanted)
        if self.rides_with in closure and not self._missing(self.rides_with):
            closure |= self.graph.closure(self.riders)
        return closure

    def value(self, name: str) -> Any:
        """A settled value; None where there is none."""
        value = self.known.get(name)
        return None if isinstance(value, Undefined | Missing) else value

    def _missing(self, name: str) -> bool:
        """Is anything that it cannot do without missing, of what is settled already?"""
        if name in self.known:
            return isinstance(self.known[name], Missing)
        return any(map(self._missing, self.graph.nodes[name].hard))


def start(
    graph: Graph,
    inputs: Mapping[str, object],
    wanted: Iterable[str],
    riders: Iterable[str] = (),
    rides_with: str = "",
    settled: Mapping[str, object] | None = None,
) -> State:
    """Nothing settled yet but what is said to be. An input that is not given is missing."""
    given = {name: inputs.get(name, Missing((name,))) for name in graph.inputs}
    return State(graph, tuple(wanted), tuple(riders), rides_with, given | dict(settled or {}))


def solve(state: State, read: Read | None = None, group: Group = ALONE) -> State:
    """Everything that is wanted, settled; each process of a group makes its share of a pass."""
    while True:
        try:
            state, running = settle(state)
            if not running:
                return state
            passes = _by_source(state.graph, running)
            del running  # One that a group makes anew is to be gone before: nothing else holds it.
            for over in tuple(passes):
                clock = _clock(state.known)
                begin = clock()
                with stage(state.known.get("progress"), f"over {over}"):
                    state, fed = _swept(state, over, passes.pop(over), read or feed)
                    group.merge(fed, partial(_empty, state))
                    state = absorb(state, fed)
                    del fed
                spent = {f"over {over}": clock() - begin}
                state = replace(
                    state, passes=(*state.passes, over), seconds={**state.seconds, **spent}
                )
        except Changed as change:
            state = _again(state, change)


def _swept(
    state: State, over: str, running: Running, read: Read
) -> tuple[State, dict[str, Accumulator[Any]]]:
    """The accumulators of one pass, fed; made anew if memory runs out on the way."""
    names, fresh = tuple(running), dict(running)
    del running

    def attempt(known: Mapping[str, Any]) -> dict[str, Accumulator[Any]]:
        # Taken out: what a failed attempt has fed is gone before the next begins.
        own = {name: fresh.pop(name) if name in fresh else _empty(state, name) for name in names}
        return dict(read(known[over], own))

    known, fed = with_less(state.known, attempt, f"the pass over {over}", in_blocks=True)
    return replace(state, known=known), fed


def feed(source: Blocks, running: Running) -> Running:
    """All blocks of a source to all accumulators, block by block."""
    accumulators = tuple(running.values())
    blocks: Any = source.blocks(accumulators)
    # Closed at once, not when the last frame of an exception is gone: a thread may be reading.
    with closing(blocks) if hasattr(blocks, "close") else nullcontext():
        for block in blocks:
            for accumulator in accumulators:
                accumulator.add(block)
    return running


def settle(state: State) -> tuple[State, Running]:
    """Every plain fact that can be known now, and empty accumulators for the sweeps that can run.

    No accumulators: everything is settled.
    """
    graph, closure = state.graph, state.closure
    known, seconds = dict(state.known), dict(state.seconds)
    waited_for = leading(graph, closure - known.keys())
    running: dict[str, Accumulator[Any]] = {}
    # First what sweeps wait for; the rest once no sweep is left, so that a restart repeats little.
    for late in (False, True):
        if late and running:
            break
        for name in graph.order:
            node = graph.nodes[name]
            if name not in closure or name in known or not (late or name in waited_for):
                continue
            if any(need in closure and need not in known for need in node.before):
                continue
            clock = _clock(known) if node.timed else perf_counter
            begin = clock()
            if node.over is not None and isinstance(known[node.over], Undefined | Missing):
                value: object = known[node.over]
            else:
                try:
                    with stage(known.get("progress"), name):
                        value, known = _computed(node, known)
                except (Undefined, Unseen) as reason:
                    value = _kept(reason)
            if node.over is None or isinstance(value, Undefined | Missing):
                known[name] = value
                if node.timed:
                    seconds[name] = seconds.get(name, 0.0) + clock() - begin
            else:
                running[name] = value  # type: ignore[assignment]
    return replace(state, known=known, seconds=seconds), running


def absorb(state: State, running: Running) -> State:
    """What the accumulators have found, as facts."""
    known = dict(state.known)
    for name, accumulator in running.items():
        try:
            known[name] = accumulator.finish()
        except (Undefined, Unseen) as reason:
            known[name] = _kept(reason)
    return replace(state, known=known)


def _clock(known: Mapping[str, object]) -> Callable[[], float]:
    """Seconds, once what was asked of the device is done: it answers before it is."""
    clock: Callable[[], float] = getattr(known.get("engine"), "clock", perf_counter)
    return clock


def _computed(node: Node, known: dict[str, Any]) -> tuple[object, dict[str, Any]]:
    """The value of a fact, and what is known with the engine that had the memory for it."""
    attempt = partial(call, node.function, node.needs)
    if getattr(known.get("group"), "size", 1) > 1:
        # What it exchanges with other processes it exchanges once.
        return attempt(known), known
    in_blocks = any(need.fact == "engine" for need in node.needs)
    now, value = with_less(known, attempt, node.name, in_blocks=in_blocks)
    return value, known if now is known else dict(now)


def _empty(state: State, name: str) -> Accumulator[Any]:
    """The accumulator of a sweep that can run, again."""
    node = state.graph.nodes[name]
    accumulator: Any = call(node.function, node.needs, state.known)
    return accumulator  # type: ignore[no-any-return]


def _kept(reason: Undefined | Unseen) -> Undefined | Missing:
    """The reason without the frames it came through: they would keep the samples open."""
    if isinstance(reason, Unseen):
        return Missing(("samples",), str(reason))
    return reason.with_traceback(None)


def leading(graph: Graph, waiting: Iterable[str]) -> frozenset[str]:
    """Sweeps that still have to run, and everything that they wait for."""
    before: set[str] = set()
    names = set(waiting)
    for name in reversed(graph.order):
        if name in names and (name in before or graph.nodes[name].over is not None):
            before.add(name)
            before.update(graph.nodes[name].before)
    return frozenset(before)


def _by_source(graph: Graph, running: Running) -> dict[str, dict[str, Accumulator[Any]]]:
    sources: dict[str, dict[str, Accumulator[Any]]] = {}
    for name, accumulator in running.items():
        over = graph.nodes[name].over
        assert over is not None
        sources.setdefault(over, {})[name] = accumulator
    return sources


def _again(state: State, change: Changed) -> State:
    """With the changed inputs; what does not depend on them is kept."""
    if len(state.restarts) >= MOST_RESTARTS:
        raise AssertionError(f"restarted {MOST_RESTARTS} times, now because {change}")
    stale = state.graph.after(change.inputs)
    known = {name: value for name, value in state.known.items() if name not in stale}
    return replace(
        state,
        known=known | dict(change.inputs),
        passes=(),
        restarts=(*state.restarts, change),
    )
