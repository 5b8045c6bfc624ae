"""Settling facts: as few passes as their order allows, restarts, what is missing or undefined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest

from nctool.engine.fact import Accumulator, Changed, Missing, Undefined, fact, sweep
from nctool.engine.graph import Graph
from nctool.engine.solve import MOST_RESTARTS, State, solve, start

ANNOTATIONS = {"numbers": "Numbers", "scale": "float", "extra": "float"}


class Numbers:
    """Some numbers, two to a block; remembers how often they were read, and for whom."""

    def __init__(self, *values: float) -> None:
        self.values = values
        self.passes: list[int] = []

    def blocks(self, accumulators: Sequence[object]) -> Iterator[Sequence[float]]:
        self.passes.append(len(accumulators))
        for place in range(0, len(self.values), 2):
            yield self.values[place : place + 2]


class Sum:
    """Adds up a function of each number."""

    def __init__(self, of: Callable[[float], float] = float) -> None:
        self.of, self.total = of, 0.0

    def add(self, block: Sequence[float]) -> None:
        self.total += sum(map(self.of, block))

    def sums(self) -> float:
        return self.total

    def merge(self, other: float) -> None:
        self.total += other

    def finish(self) -> float:
        return self.total


@sweep(over="numbers")
def count(numbers: Numbers) -> Accumulator[float]:
    return Sum(lambda value: 1.0)


@sweep(over="numbers")
def total(numbers: Numbers) -> Accumulator[float]:
    return Sum()


@fact()
def mean(total: float, count: float) -> float:
    if count == 0:
        raise Undefined("no numbers")
    return total / count


@sweep(over="numbers")
def squares(mean: float, numbers: Numbers) -> Accumulator[float]:
    return Sum(lambda value: (value - mean) ** 2)


@fact()
def variance(squares: float, count: float) -> float:
    return squares / count


@fact()
def scaled(mean: float, scale: float) -> float:
    return mean * scale


@fact()
def shifted(mean: float, extra: float | None) -> float:
    return mean + (extra or 0.0)


@fact()
def in_company(count: float, squares: float | None = None) -> str:
    return "alone" if squares is None else "in company"


@fact()
def unless_undefined(mean: float | Undefined) -> str:
    return str(mean)


ALL = (count, total, mean, squares, variance, scaled, shifted, in_company, unless_undefined)


def state(wanted: str, *functions: Callable[..., Any], **inputs: object) -> State:
    module = ModuleType(__name__)
    for function in functions or ALL:
        setattr(module, function.__name__, function)
    return start(Graph.of([module], ANNOTATIONS), inputs, wanted.split())


# Sweeps that wait for nothing share a pass, one that waits for their facts takes another.
def test_passes() -> None:
    numbers = Numbers(1.0, 2.0, 6.0)
    settled = solve(state("variance", numbers=numbers))
    assert settled.value("variance") == pytest.approx(14 / 3)
    assert numbers.passes == [2, 1] and settled.passes == ("numbers", "numbers")


# What nobody asks for is not computed, and a pass that nobody needs does not happen.
def test_nothing_in_vain() -> None:
    numbers = Numbers(1.0, 2.0)
    settled = solve(state("count", numbers=numbers))
    assert numbers.passes == [1] and "mean" not in settled.known


# Without an input, what needs it is missing and says which; an optional one is None.
def test_missing() -> None:
    settled = solve(state("scaled shifted", numbers=Numbers(1.0, 2.0)))
    assert settled.known["scaled"] == Missing(("scale",))
    assert settled.value("shifted") == 1.5


# The first undefined need is the reason; a pass that only serves undefined facts does not happen.
def test_undefined() -> None:
    numbers = Numbers()
    settled = solve(state("variance unless_undefined", numbers=numbers))
    assert str(settled.known["variance"]) == "no numbers" and settled.value("variance") is None
    assert settled.value("unless_undefined") == "no numbers"
    assert numbers.passes == [2]


# A soft need takes what others have made, and asks for nothing.
def test_soft() -> None:
    numbers = Numbers(1.0, 2.0)
    assert solve(state("in_company", numbers=numbers)).value("in_company") == "alone"
    assert numbers.passes == [1]
    together = solve(state("in_company variance", numbers=numbers))
    assert together.value("in_company") == "in company"


# Riders are settled with a pass that happens anyway, and cause none.
def test_riders() -> None:
    module = ModuleType(__name__)
    for function in ALL:
        setattr(module, function.__name__, function)
    graph = Graph.of([module], ANNOTATIONS)
    numbers = Numbers(1.0, 3.0)
    ridden = solve(start(graph, {"numbers": numbers}, ["count"], ["mean"], "count"))
    assert ridden.value("mean") == 2.0 and numbers.passes == [2]
    alone = solve(start(graph, {"numbers": numbers, "scale": 1.0}, [], ["mean"], "count"))
    assert "mean" not in alone.known and numbers.passes == [2]


# What no sweep waits for comes after all reading, and is not done in vain where that restarts.
def test_costly_facts_come_last() -> None:
    calls: list[float] = []

    @fact()
    def finite(total: float, numbers: Numbers) -> float:
        if total == float("inf"):
            raise Changed({"numbers": Numbers(1.0)}, "overflow")
        return total

    @sweep(over="numbers")
    def scaled_total(finite: float) -> Accumulator[float]:
        return Sum(lambda value: value / finite)

    @fact()
    def costly(numbers: Numbers) -> float:
        calls.append(numbers.values[0])
        return calls[-1]

    infinite = Numbers(float("inf"))
    facts = (total, finite, scaled_total, costly)
    settled = solve(state("scaled_total costly", *facts, numbers=infinite))
    assert settled.value("scaled_total") == 1.0 and calls == [1.0]


# Other inputs start anew, but what does not depend on them is kept.
def test_restart() -> None:
    calls: list[str] = []

    @fact()
    def doubled(scale: float) -> float:
        calls.append("doubled")
        return 2 * scale

    @fact()
    def finite(total: float) -> float:
        calls.append("finite")
        if total == float("inf"):
            raise Changed({"numbers": Numbers(1.0, 2.0)}, "infinite")
        return total

    @sweep(over="numbers")
    def around(finite: float, doubled: float) -> Accumulator[float]:
        return Sum(lambda value: doubled * (value - finite))

    wanted = state("around", total, doubled, finite, around,
                   numbers=Numbers(1.0, float("inf")), scale=3.0)  # fmt: skip
    settled = solve(wanted)
    direct = solve(state("around", total, doubled, finite, around,
                         numbers=Numbers(1.0, 2.0), scale=3.0))  # fmt: skip
    assert settled.value("around") == direct.value("around") == -18.0
    assert [str(change) for change in settled.restarts] == ["infinite"]
    assert settled.passes == direct.passes
    assert calls.count("doubled") == 2 and calls.count("finite") == 3


# A fact that is never content does not restart for ever.
def test_endless_restarts() -> None:
    @fact()
    def never(total: float) -> float:
        raise Changed({"numbers": Numbers(1.0)}, "not good enough")

    with pytest.raises(AssertionError, match=f"restarted {MOST_RESTARTS} times, now because not"):
        solve(state("never", total, never, numbers=Numbers(1.0)))
