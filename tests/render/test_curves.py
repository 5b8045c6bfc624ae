"""Courses in the terminal: bars, words and braille, at every width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nctool.render import curves, plots
from nctool.render.curves import BARS, MOST_BARS, sparkline
from nctool.render.lines import Line
from nctool.render.values.sentences import of_trajectory
from nctool.report.trajectory import Axis, Point, Trajectory
from tests.render.hostile import TEXTS
from tests.support.saved import of, report, trajectory

NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


def course(
    values: Sequence[float | None], axis: Axis = "epoch", labels: Sequence[str] = ()
) -> Trajectory:
    """One metric alone, at epochs 1, 2, 3 …"""
    names = labels or [f"point {at}" for at in range(1, len(values) + 1)]
    return Trajectory(
        axis,
        tuple(
            Point(name, float(at), of({"nc1.pinv": one}))
            for at, (name, one) in enumerate(zip(names, values, strict=True), 1)
        ),
    )


def plain(lines: Sequence[Line]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


# The lowest bar is the least value and the highest the greatest, in even steps between them.
def test_sparkline() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == BARS
    assert sparkline([8, 1, 4.5]) in ("█▁▄", "█▁▅")
    assert sparkline([-1, 0, 1]) == "▁▄█" or sparkline([-1, 0, 1]) == "▁▅█"


# What spans more than a factor of ten is logarithmic: equal factors are equal steps.
def test_sparkline_log() -> None:
    assert sparkline([10.0**index for index in range(8)]) == BARS
    assert sparkline([1e-3, 1e-2, 1e-1, 1]) == sparkline([0, 1, 2, 3])
    assert sparkline([1, 2, 9]) == "▁▂█", "not yet"
    assert sparkline([0, 1e-3, 1]) == "▁▁█", "zero has no logarithm"


# A gap stays a gap; a constant is level; nothing is nothing.
def test_sparkline_gaps() -> None:
    assert sparkline([1, None, 2]) == "▁ █"
    assert sparkline([3, 3, 3]) == "▁▁▁" and sparkline([5]) == "▁"
    assert sparkline([None, None]) == "" == sparkline([])


# Many points are thinned out evenly; the first and the last stay.
def test_sparkline_many() -> None:
    for size in (25, 48, 100, 999):
        bars = sparkline([float(index) for index in range(size)])
        assert MOST_BARS / 2 <= len(bars) <= MOST_BARS
        assert bars[0] == "▁" and bars[-1] == "█" and list(bars) == sorted(bars)
        assert sparkline([0.0] * (size - 1) + [1.0]).endswith("▁█")
        assert sparkline([1.0] + [0.0] * (size - 1)).startswith("█▁")


# No values make it fail, and order is kept among them all.
@given(st.lists(NUMBERS, max_size=20))
@example([0.0, 5e-324])
@example([-1.7e308, 1.7e308])
@settings(max_examples=60, deadline=None)
def test_sparkline_of_anything(values: list[float | None]) -> None:
    bars = sparkline(values)
    known = [(value, bar) for value, bar in zip(values, bars, strict=False) if value is not None]
    assert len(bars) in (0, len(values)) and set(bars) <= {" ", *BARS}
    ordered = [bar for _, bar in sorted(known)]
    assert ordered == sorted(ordered)


# Positions are epochs and steps as numbers, layers and checkpoints by name.
def test_place() -> None:
    assert trajectory().label_of(30) == trajectory().label_of(30.0) == "epoch 30"
    assert trajectory().label_of(0.5) == "epoch 0.5"
    layers = course([1.0, 2.0], "layer", ["conv\n1", "fc"])
    assert [layers.label_of(one) for one in (1.0, 2.0)] == ["conv\\n1", "fc"]
    assert layers.label_of(3) == "layer 3"


# Facts are told in words, and only those that are there.
def test_told() -> None:
    assert [*of_trajectory(course([1.0]))] == []
    assert [*of_trajectory(trajectory())] == ["the head makes no training error from epoch 100 on"]
    facts = {
        "separation": {"metric": "nc1.pinv", "rate": 0.5, "r_squared": 0.98765, "layers": 3},
        "as_good_as_the_head": {"layer": "fc\x1b", "position": 2},
    }
    assert [*of_trajectory(replace(course([1.0], "layer"), facts=facts))] == [
        "nc1.pinv falls by a factor of 0.5 per layer (R² = 0.988)",
        "from fc\\x1b on the nearest class mean is as good as the head",
    ]
    facts["separation"]["r_squared"] = None
    assert next(of_trajectory(replace(course([1.0]), facts=facts))).endswith("0.5 per layer")


# Two plots beside each other in 80 columns, one where there is less room; none is ever wider.
@pytest.mark.parametrize("width", [40, 60, 79, 80, 100, 140])
def test_width(width: int) -> None:
    lines = plain(plots.lines(trajectory(), width))
    assert max(map(len, lines)) <= min(width, 80)
    titles = [line for line in lines if "nc1.pinv" in line]
    assert ["nc2.etf_deviation.means" in title for title in titles] == [width >= 80]
    text = "\n".join(lines)
    assert all(name in text for name in plots.MAIN)


# Ends are labelled: values at the left, positions below, and a logarithmic axis says so.
def test_labels() -> None:
    first, *rows, axis = plots.plot(course([2.0, 20.0, 200.0]), "nc1.pinv")
    assert first.strip() == "nc1.pinv, log"
    assert rows[0].split()[0] == "200" and rows[-1].split()[0] == "2"
    assert axis.split() == ["epoch", "1", "3"]
    first, *rows, axis = plots.plot(course([2.0] * 40), "nc1.pinv")
    assert first.strip() == "nc1.pinv"
    assert axis.split() == ["epoch", "1", "log", "40"]
    assert {len(one) for one in (first, *rows, axis)} == {plots.LABEL + 1 + plots.WIDTH}


# The curve is where its values are: up where it rises, and logarithms on a straight line.
def test_dots() -> None:
    def heights(values: Sequence[float]) -> list[int]:
        """The dot of each column, from below."""
        grid = plots.canvas(
            [(place / (len(values) - 1), value) for place, value in enumerate(values)]
        )
        size = 4 * plots.HEIGHT
        found = []
        for column in range(plots.WIDTH):
            for side in range(2):
                lit = [
                    size - 1 - (4 * row + dot)
                    for row, text in enumerate(grid)
                    for dot in range(4)
                    if (ord(text[column]) - 0x2800) & plots.DOTS[side][dot]
                ]
                found.append(max(lit, default=-1))
        return found

    top = 4 * plots.HEIGHT - 1
    rising = heights([0.0, 1.0])
    assert rising[0] == 0 and rising[-1] == top and rising == sorted(rising)
    assert set(heights([1.0, 1.0, 1.0])) == {top}
    scale = plots.Scale([1.0, 10.0, 100.0])
    assert [scale(one) for one in (1.0, 10.0, 100.0)] == pytest.approx([0, 0.5, 1])
    assert plots.Scale([0, 5, 100]).shift == 1.0 and plots.Scale([-1, 100]).log is False


# One point is no curve, and neither is none: it says so.
@pytest.mark.parametrize("values", [[1.0], [None, 1.0], [None, None]])
def test_nothing_to_draw(values: list[float | None]) -> None:
    (line,) = plain(plots.lines(course(values), 80))
    assert line == "  no curve to draw: fewer than two points have a value"


# Names of layers have the room that there is, whatever they are.
@pytest.mark.parametrize("label", [*TEXTS.values(), "", " ", "a b c"])
def test_names(label: str) -> None:
    made = course([1.0, 2.0, 3.0], "layer", [label, "middle", label + "end"])
    for width in (40, 80):
        lines = plain(plots.lines(made, width))
        assert max(map(len, lines)) <= width
        assert all(line.isprintable() for line in lines)
        assert lines[-1].rstrip().endswith("end")
    assert plain(curves.lines(made, 80, plot=True))


# No values make a plot fail or leave its frame.
@given(st.lists(NUMBERS, min_size=2, max_size=9))
@example([5e-324, 1.7e308])
@example([-1.7e308, 1.7e308])
@settings(max_examples=30, deadline=None)
def test_plots_of_anything(values: list[float | None]) -> None:
    assert max(map(len, plain(plots.lines(course(values), 80)))) <= 80


# The whole: where it begins and ends, what happened between, then the last point's report.
def test_lines() -> None:
    text = "\n".join(plain(curves.lines(trajectory(), 80)))
    assert "5 points, epoch 1 to epoch 1000" in text
    row = next(line for line in text.splitlines() if line.startswith("  nc1.pinv "))
    assert row.split()[:3] == ["nc1.pinv", "1.261", "9.87e-05"] and row.endswith("█▆▅▃▁")
    assert math.isclose(report()["nc1.pinv"].value or 0, 9.87e-05, rel_tol=1e-3)
