"""The graph of facts: what does not fit fails at once, with the names; what fits is counted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from nctool import facts, metrics
from nctool.analysis.diagnostics import CHECKS
from nctool.analysis.first_look import FIRST
from nctool.analysis.measure import riders
from nctool.analysis.passes import FIRST_SUMS
from nctool.engine.fact import Accumulator, fact, sweep
from nctool.engine.graph import Graph, GraphError, needs_of

INPUTS = {"source": "str", "bias": "int"}


def graph_of(*functions: Callable[..., Any]) -> Graph:
    """A graph of these facts alone."""
    modules: dict[str, ModuleType] = {}
    for function in functions:
        module = modules.setdefault(function.__module__, ModuleType(function.__module__))
        setattr(module, f"{function.__qualname__}", function)
    return Graph.of(modules.values(), INPUTS)


@fact()
def length(source: str) -> int:
    return len(source)


@sweep(over="source")
def total(source: str, length: int) -> Accumulator[float]:
    raise NotImplementedError


# A fact needs what its parameters name; inputs come first.
def test_order() -> None:
    @fact()
    def half(total: float, length: int) -> float:
        return total / length

    graph = graph_of(half, total, length)
    assert graph.order == ("length", "total", "half")
    assert graph.closure(["half"]) == {"half", "total", "length", "source"}
    assert graph.required(graph.nodes["half"].needs) == {"source"}


# A name that no fact gives is said, with its place and the nearest one there is.
def test_unknown_name() -> None:
    @fact()
    def area(lenght: int) -> int:
        return lenght

    with pytest.raises(GraphError) as caught:
        graph_of(area, length)
    assert "area (test_graph.py:" in str(caught.value)
    assert "needs 'lenght', which no fact gives; did you mean 'length'?" in str(caught.value)


# Two facts of one name are said, with both places.
def test_defined_twice() -> None:
    @fact(name="length")
    def other(source: str) -> int:
        return 0

    with pytest.raises(GraphError, match=r"'length' is defined twice: .*py:\d+\) and .*py:\d+\)"):
        graph_of(length, other)
    with pytest.raises(GraphError, match=r"'source' is defined twice: the inputs and "):
        graph_of(fact(name="source")(lambda: None))


# A fact that another module imports is the fact of the module that it was written in.
def test_imported_fact() -> None:
    home, guest = ModuleType(length.__module__), ModuleType("guest")
    home.length = guest.length = length  # type: ignore[attr-defined]
    assert Graph.of([home, guest], INPUTS).order == ("length",)


# Facts that need each other are said, in a chain that ends where it began.
def test_circle() -> None:
    @fact()
    def hen(egg: int) -> int:
        return egg

    @fact()
    def egg(hen: int) -> int:
        return hen

    with pytest.raises(GraphError, match=r"need each other: (hen -> egg -> hen|egg -> hen -> egg)"):
        graph_of(hen, egg)


# A fact taken as another type than it is, or as none, is said.
def test_types() -> None:
    @fact()
    def text(length: str) -> str:
        return length

    @fact()
    def untyped(length) -> int:  # type: ignore[no-untyped-def]
        return 0

    with pytest.raises(GraphError, match="takes 'length' as str, but it is int"):
        graph_of(text, length)
    with pytest.raises(GraphError, match="parameter 'length' has no annotation"):
        graph_of(untyped, length)


# A fact that has variants is not taken without saying which; a default that no fact fills is none.
def test_variant_not_named() -> None:
    @fact(each=("a", "b"))
    def points(source: str) -> str:
        return source

    @fact()
    def pairs(points: str) -> int:
        return len(points)

    @fact()
    def limited(source: str, limit: int = 3) -> int:
        return limit

    with pytest.raises(GraphError, match=r"needs 'points', .*there is points\[a\] and points\[b\]"):
        graph_of(points, pairs)
    with pytest.raises(GraphError, match="parameter 'limit' may have no default but None"):
        graph_of(limited)


# A sweep returns an accumulator of something, over something that there is.
def test_sweeps() -> None:
    @sweep(over="source")
    def plain(source: str) -> int:
        return 0

    @sweep(over="nothing")
    def adrift(source: str) -> Accumulator[int]:
        raise NotImplementedError

    with pytest.raises(GraphError, match="is a sweep and returns int"):
        graph_of(plain)
    with pytest.raises(GraphError, match="goes over 'nothing', which no fact gives"):
        graph_of(adrift)


# A parameter takes the variant of its function's key where there is one.
def test_variants() -> None:
    @fact(each=("a", "b"))
    def points(source: str) -> str:
        return source

    @fact(each=("a", "b"))
    def pairs(points: str, length: int) -> int:
        return length

    @fact(of="b")
    def nearest(pairs: int) -> int:
        return pairs

    graph = graph_of(points, pairs, nearest, length)
    assert [need.fact for need in graph.nodes["pairs[a]"].needs] == ["points[a]", "length"]
    assert [need.fact for need in graph.nodes["nearest"].needs] == ["pairs[b]"]


# Soft and optional needs do not make an input required; soft ones are not even computed.
def test_soft_and_optional() -> None:
    @fact()
    def shifted(bias: int | None, source: str, length: int | None = None) -> int:
        return 0

    graph = graph_of(shifted, length)
    needs = graph.nodes["shifted"].needs
    assert graph.required(needs) == {"source"}
    assert graph.closure(["shifted"]) == {"shifted", "bias", "source"}
    assert graph.order == ("length", "shifted")


# The facts of nctool fit each other, and so do the parameters of every metric.
def test_whole() -> None:
    graph = facts.graph()
    for metric in metrics.registry().values():
        assert needs_of(metric.measure, metric.of, graph.returned) == metric.facts


# No fact is dead: each is named by a metric or by what every report says of its samples.
def test_no_dead_facts() -> None:
    graph = facts.graph()
    named = [need.fact for metric in metrics.registry().values() for need in metric.facts]
    said = [need.fact for check in CHECKS for need in facts.needs(check)]
    soft = [need.fact for node in graph.nodes.values() for need in node.needs]
    assert (
        set(graph.nodes) - graph.closure([*named, *said, *riders(), *FIRST, *FIRST_SUMS]) == set()
    )
    assert set(graph.inputs) <= {*soft, *named}


# A metric says from the graph what it takes and how often it has samples read.
@pytest.mark.parametrize(
    ("name", "needs", "passes"),
    [
        ("nc2.norm_cv.weights", ("head",), 0),
        ("nc1.trace_ratio", ("features", "labels"), 1),
        ("nc1.pinv", ("features", "labels"), 2),
        ("nc4.accuracy", ("features", "labels", "head"), 2),
        ("nc5.ood_orthogonality", ("features", "labels", "ood"), 1),
        ("hug.mgd.means", ("features", "labels"), 2),
    ],
)
def test_costs(name: str, needs: tuple[str, ...], passes: int) -> None:
    metric = metrics.registry()[name]
    assert (metric.needs, metric.passes) == (needs, passes)


# Looking at all facts imports nothing heavy.
def test_light() -> None:
    look = "from nctool.metrics import registry; [metric.passes for metric in registry().values()]"
    heavy = "import sys; print(*{'numpy', 'torch'} & set(sys.modules))"
    words = [sys.executable, "-c", f"{look}; {heavy}"]
    assert subprocess.run(words, check=True, capture_output=True, text=True).stdout == "\n"
