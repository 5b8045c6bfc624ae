"""The graph of all facts, checked as a whole: unknown names, two of one name, types, circles.

Annotations are compared as they are written, so that no library behind them has to be imported.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType
from typing import Any

from nctool.engine.cost import CostOf
from nctool.engine.fact import MARK, Mark, Missing, Undefined, keyed


class GraphError(TypeError):
    """The facts do not fit each other: a mistake of whoever wrote them."""


@dataclass(frozen=True, slots=True)
class Need:
    """One parameter of a function, and the fact that fills it."""

    parameter: str
    fact: str
    optional: bool
    """None where the inputs behind it are missing (``x: T | None``)."""
    soft: bool
    """Taken if somebody else has it made, never asked for (``x: T | None = None``)."""
    tolerant: bool = False
    """Taken as it is where it is undefined (``x: T | Undefined``)."""


@dataclass(frozen=True, slots=True)
class Node:
    """One fact of the graph."""

    name: str
    function: Callable[..., Any]
    needs: tuple[Need, ...]
    over: str | None
    timed: bool
    variant: str | None = None
    """That of the facts it takes, where they have variants."""
    cost: CostOf | None = None
    during: str | None = None

    @property
    def before(self) -> tuple[str, ...]:
        """All facts that have to be settled first."""
        # A sweep depends on what it goes over although no parameter says so: without this edge a
        # restart with other samples would keep the sums of the old ones.
        return (*((self.over,) if self.over else ()), *(need.fact for need in self.needs))

    @property
    def hard(self) -> tuple[str, ...]:
        """Those without which it is missing."""
        return (*((self.over,) if self.over else ()), *_hard(self.needs, optional=False))


@dataclass(frozen=True, slots=True)
class Graph:
    """Facts by name, and the inputs they start from."""

    nodes: Mapping[str, Node]
    inputs: frozenset[str]
    returned: Mapping[str, str]
    """The annotation of every fact and input."""
    order: tuple[str, ...]
    """Every fact after all that it needs."""

    @classmethod
    def of(cls, modules: Iterable[ModuleType], inputs: Mapping[str, str]) -> Graph:
        """All facts of some modules; ``inputs`` maps names to annotations."""
        marked = list(_marked(modules))
        returned = dict(inputs)
        places = dict.fromkeys(inputs, "the inputs")
        for function, mark in marked:
            for key in mark.keys:
                name = keyed(mark.name, key)
                if name in places:
                    raise GraphError(
                        f"fact {name!r} is defined twice: {places[name]} and {_place(function)}"
                    )
                places[name], returned[name] = _place(function), _returned(function, mark)
        nodes = {
            keyed(mark.name, key): Node(
                keyed(mark.name, key),
                function,
                needs_of(function, key or mark.of, returned),
                None if mark.over is None else _resolved(mark.over, key or mark.of, returned),
                mark.timed,
                key or mark.of,
                mark.cost,
                mark.during,
            )
            for function, mark in marked
            for key in mark.keys
        }
        for node in nodes.values():
            if node.over is not None and node.over not in returned:
                raise GraphError(
                    f"{_place(node.function)} goes over {node.over!r}, which no fact gives"
                )
        return cls(nodes, frozenset(inputs), returned, _ordered(nodes))

    def closure(self, names: Iterable[str], *, optional: bool = True) -> frozenset[str]:
        """These facts and all that they cannot do without; with or without optional needs."""
        seen: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if node := self.nodes.get(name):
                waiting += _hard(node.needs, optional=optional)
                waiting += [node.over] if node.over else []
        return frozenset(seen)

    def required(self, needs: Iterable[Need]) -> frozenset[str]:
        """The inputs without which a function with these needs cannot be called."""
        return self.closure(_hard(needs, optional=False), optional=False) & self.inputs

    def passes(self, needs: Iterable[Need]) -> int:
        """How many passes over samples these needs cost: the longest chain of such sweeps."""
        closure = self.closure(_hard(needs, optional=True))
        depth: dict[str, int] = {}
        for name in self.order:
            if name in closure:
                node = self.nodes[name]
                behind = max(
                    (depth.get(need, 0) for need in node.before if need in closure), default=0
                )
                # Sources of samples are named so; others hold what a pass has kept.
                reads = node.over is not None and node.over.endswith("samples")
                depth[name] = behind + reads
        return max(depth.values(), default=0)

    def after(self, names: Iterable[str]) -> frozenset[str]:
        """These facts and all that depend on any of them, softly too."""
        changed = set(names)
        for name in self.order:
            if changed.intersection(self.nodes[name].before):
                changed.add(name)
        return frozenset(changed)


def _hard(needs: Iterable[Need], *, optional: bool) -> list[str]:
    """The facts of the needs that ask for theirs to be made."""
    return [need.fact for need in needs if not need.soft and (optional or not need.optional)]


def needs_of(
    function: Callable[..., Any], key: str | None, returned: Mapping[str, str]
) -> tuple[Need, ...]:
    """The needs of a function, checked against what facts are annotated to return."""
    return tuple(
        _need(function, parameter, key, returned)
        for parameter in inspect.signature(function).parameters.values()
    )


def _need(
    function: Callable[..., Any],
    parameter: inspect.Parameter,
    key: str | None,
    returned: Mapping[str, str],
) -> Need:
    place, annotation = _place(function), parameter.annotation
    name = _resolved(parameter.name, key, returned)
    if annotation is parameter.empty:
        raise GraphError(f"{place}: parameter {parameter.name!r} has no annotation")
    if parameter.default not in (parameter.empty, None):
        raise GraphError(f"{place}: parameter {parameter.name!r} may have no default but None")
    if name not in returned:
        raise GraphError(f"{place} needs {name!r}, which no fact gives{_hint(name, returned)}")
    soft, kind = parameter.default is None, returned[name]
    tolerated = (f"{kind} | Undefined", f"{kind} | Undefined | None")
    if annotation not in (kind, f"{kind} | None", *tolerated):
        raise GraphError(f"{place} takes {name!r} as {annotation}, but it is {kind}")
    optional = not soft and annotation in (f"{kind} | None", tolerated[1])
    return Need(parameter.name, name, optional, soft, annotation in tolerated)


def _hint(name: str, returned: Mapping[str, str]) -> str:
    """What may have been meant by a name that no fact has."""
    variants = [known for known in returned if known.startswith(f"{name}[")]
    if variants:
        return f"; there is {' and '.join(variants)}: say of= which"
    near = difflib.get_close_matches(name, returned, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _resolved(name: str, key: str | None, returned: Mapping[str, str]) -> str:
    """The variant of the same key where there is one."""
    variant = keyed(name, key)
    return variant if variant in returned else name


def _marked(modules: Iterable[ModuleType]) -> Iterable[tuple[Callable[..., Any], Mark]]:
    for module in modules:
        for value in vars(module).values():
            mark = getattr(value, MARK, None)
            # An imported fact belongs to the module that it was written in.
            if isinstance(mark, Mark) and value.__module__ == module.__name__:
                yield value, mark


def _returned(function: Callable[..., Any], of: Mark | Node) -> str:
    annotation = inspect.signature(function).return_annotation
    if not isinstance(annotation, str):
        raise GraphError(f"{_place(function)} says nothing of what it returns")
    if of.over is None:
        return annotation
    if not (annotation.startswith("Accumulator[") and annotation.endswith("]")):
        raise GraphError(f"{_place(function)} is a sweep and returns {annotation}")
    return annotation.removeprefix("Accumulator[").removesuffix("]")


def _ordered(nodes: Mapping[str, Node]) -> tuple[str, ...]:
    # Lists, not sets, whose order changes from process to process: several that measure one thing
    # have to come to the same facts in the same order.
    depends = {
        name: [need for need in node.before if need in nodes] for name, node in nodes.items()
    }
    try:
        return tuple(TopologicalSorter(depends).static_order())
    except CycleError as circle:
        chain = " -> ".join(reversed(circle.args[1]))
        raise GraphError(f"facts need each other: {chain}") from None


def _place(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    where = f" ({Path(code.co_filename).name}:{code.co_firstlineno})" if code else ""
    return f"{getattr(function, '__name__', function)}{where}"


def call(
    function: Callable[..., Any], needs: Iterable[Need], known: Mapping[str, object]
) -> object:
    """The function of what is known; ``Missing``, or the reason of its first undefined need.

    Needs come in the order of the parameters: put the more fundamental first.
    """
    values: dict[str, object] = {}
    for need in needs:
        value = known.get(need.fact)
        if isinstance(value, Undefined | Missing) and not (
            need.tolerant and isinstance(value, Undefined)
        ):
            if need.soft or (need.optional and isinstance(value, Missing)):
                value = None
            else:
                return value
        values[need.parameter] = value
    return function(**values)
