"""Bars in nines: where marks, ticks and ends stand, and how a row is drawn at every width."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nctool.render import bars as drawing
from nctool.render.values.dials import Bar, bars, histories, place
from nctool.report.trajectory import Point, Trajectory
from nctool.report.verdict import Dial, Verdict
from tests.support.saved import judged

WAYS = {"nc1": 0.9, "nc2.means": 0.99, "nc2.weights": 0.999, "nc3": 0.5, "nc4": 1.0}


def dial(name: str, left: float, **more: object) -> Dial:
    side = name.rpartition(".")[2] if name.count(".") > 1 else None
    return replace(Dial(name, 1 - left, left, 0.0, side), **more)  # type: ignore[arg-type]


def verdict(*dials: Dial) -> Verdict:
    return Verdict(
        "partly collapsed", 0.5, dials[0].id, None, None, None, 0.0, "simplex", dials
    )  # fmt: skip


def only(*dials: Dial) -> Bar:
    (bar,) = bars(verdict(*dials))
    return bar


# A nine is a quarter of the bar; what is beyond an end stands at it.
def test_place() -> None:
    assert [place(10.0**-nines) for nines in range(5)] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert (place(0), place(1e-9), place(1.4)) == (1, 1, 0)


# Means and rows stand on one bar, and the number beside it is the weaker's.
def test_sides() -> None:
    means, rows = dial("collapse.nc2.means", 0.01), dial("collapse.nc2.weights", 0.001)
    bar = only(means, rows)
    assert [mark.sign for mark in bar.marks] == ["M", "W"]
    assert bar.weakest == means and bar.title == "means, rows: a simplex"
    assert only(rows).title == "rows: a simplex" and only(rows).marks[0].sign == "●"


# The tick is at chance; the bar ends where what is left is rounding, and no mark is beyond it.
def test_tick_and_end() -> None:
    bar = only(dial("collapse.nc1", 1e-9, chance=0.9, noise=1e-2))
    assert (bar.tick, bar.end, bar.marks[0].at) == pytest.approx((0.25, 0.5, 0.5))
    assert drawing.drawn([("●", bar.marks[0].at)], bar.tick, bar.end) == "├─────╵─────●" + " " * 12


# The picture of the design, character by character.
def test_drawn() -> None:
    two = [("M", place(0.005)), ("W", place(0.0004))]
    assert drawing.drawn(two, place(1 - 0.46)) == "├─╵───┼─────┼─M───┼─W───┤"
    assert drawing.drawn([("M", 0.0), ("W", 0.0)]) == "●─────┼─────┼─────┼─────┤"


# Of too little room the course goes first, then the bar; the number stays at 40 columns.
def test_width() -> None:
    points = tuple(
        Point(str(at), float(at), judged({**WAYS, "nc1": way})) for at, way in enumerate((0.1, 0.9))
    )
    run = Trajectory("epoch", points)
    whole = run.last.verdict
    assert whole is not None
    for width in range(40, 161):
        texts = ["".join(part for part, _ in line) for line in drawing.lines(whole, width, run)]
        assert max(map(len, texts)) <= width
        nc1 = next(text for text in texts if text.startswith("NC1"))
        assert "90 %" in nc1
        assert ("├" in nc1) == (width >= 64) and ("▁" in nc1) == (width >= 74)
    assert histories(run)["nc1"] == pytest.approx((0.0458, 1.0), abs=1e-4)


# A way that is a bound says so; what is not counted is faint, the weakest is not.
def test_said() -> None:
    counted = dial("collapse.nc1", 0.2, bound=True)
    aside = dial("collapse.hug.means", 0.1, counted=False)
    rows = drawing.lines(verdict(counted, aside), 80)
    assert [row[0][1] for row in rows] == ["faint", "title", "faint"]
    assert "≥ 80 %" in "".join(part for part, _ in rows[1])
