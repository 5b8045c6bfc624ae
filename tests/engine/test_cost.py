"""What facts cost: declared wherever it matters, and counted by hand on small shapes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nctool.engine import cost, device
from nctool.engine.cost import Cost, Shape, afford, enough, product
from nctool.engine.fact import Undefined
from nctool.facts import costs, graph, point_costs
from nctool.geometry.simplex import WHOLE_CLASSES
from nctool.statistics.decisions import SCREENED_CLASSES
from nctool.statistics.parts import RESIDUAL_CLASSES
from nctool.statistics.shortlist import FEWEST_ROWS, FEWEST_SAMPLES
from nctool.statistics.whitening import COLUMN_BLOCKS
from nctool.statistics.within_class import STACK

SMALL = Shape(samples=1000, dim=8, classes=5, known=5, rows=5)


# Whatever is timed, and whatever reads samples, says what it costs.
def test_declared() -> None:
    undeclared = [
        name
        for name, node in graph().nodes.items()
        if (node.timed or node.over is not None) and node.cost is None
    ]
    assert undeclared == [], "give cost= to their decorators: CONTRIBUTING, Adding a metric"


# A part of the blocks of a pass says of which pass, and that there is one.
def test_during() -> None:
    nodes = graph().nodes
    passes = {node.over for node in nodes.values()}
    for name, node in nodes.items():
        assert node.during is None or node.during in passes, name
        assert node.over is None or node.during == node.over, name


# No cost is negative or without numbers, for the smallest shapes too.
@pytest.mark.parametrize("shape", [Shape(), replace(SMALL, classes=1, rows=1), SMALL])
def test_counts(shape: Shape) -> None:
    for name, node in graph().nodes.items():
        if node.cost is not None:
            found = node.cost(shape.of(node.variant))
            assert min(found.flops, found.bytes, found.elements, found.held) >= 0, name


# What decides which way is taken is the same number in the count and in the work.
def test_same_thresholds() -> None:
    assert costs.SCREENED == SCREENED_CLASSES
    assert costs.OWN_ORIGIN == RESIDUAL_CLASSES
    assert point_costs.WHOLE == WHOLE_CLASSES
    assert (FEWEST_ROWS, FEWEST_SAMPLES) == costs.LISTED
    assert sum(range(1, COLUMN_BLOCKS + 1)) / COLUMN_BLOCKS**2 == costs.TRIANGLE
    assert (cost.STACK, cost.FEWEST_ROWS) == (STACK, device.FEWEST_ROWS)


# Products are counted to the operation, in the precision that they are made in.
def test_products() -> None:
    assert product(SMALL, 2, 3, 4) == Cost(single=48)
    assert product(replace(SMALL, itemsize=8), 2, 3, 4) == Cost(double=48)
    assert costs.head_rule(SMALL).flops == 2 * 1000 * 5 * 8
    large = replace(SMALL, samples=10000, classes=3000, rows=3000, coarse=True)
    assert costs.head_rule(large).half == 2 * 10000 * 3000 * 8
    assert costs.head_rule(large).single == 0
    assert costs.span(SMALL).flops == 2 * 1000 * 8 * 4
    many = replace(SMALL, classes=20)
    triangle = costs.TRIANGLE * 2 * 1000 * 8 * 8
    assert (costs.span(many).flops, costs.whitened(many).flops) == (0, triangle)
    assert point_costs.survey(SMALL.of("means")).flops == 5 * 5 * 8


# Of costs one after another the work adds up, and the most that is held at a time counts.
def test_sums() -> None:
    both = Cost(single=1, bytes=2, held=3, kept=4) + Cost(single=10, held=2, kept=5, rough=True)
    assert both == Cost(single=11, bytes=2, held=3, kept=9, rough=True)
    assert both * 2 == Cost(single=22, bytes=4, held=3, kept=9, rough=True)


# What is not allowed is refused with an amount that allows it.
def test_afford() -> None:
    afford(100 << 20, 100 << 20, "it")
    with pytest.raises(Undefined, match=r"^it would need 100\.0 MiB: --memory 100MiB allows it$"):
        afford(100 << 20, (100 << 20) - 1, "it")
    assert (enough((1 << 20) + 1), enough(3 << 30), enough((3 << 30) + 1)) == (
        "2MiB",
        "3GiB",
        "4GiB",
    )
