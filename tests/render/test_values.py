"""What outputs are drawn from, against the numbers that it was worked out from, by hand."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pytest

from nctool.core.text import number
from nctool.render.values import (
    changes,
    classes,
    curves,
    gram,
    margins,
    sentences,
    spectrum,
    words,
)  # fmt: skip
from nctool.report.comparison import compare
from nctool.report.runs import Run
from nctool.report.trajectory import Point, Trajectory
from tests.render import samples_html
from tests.support.reports import of_population
from tests.support.saved import of, report, trajectory


# A cell is the mean of the pairs of its classes, and never counts a class with itself.
@pytest.mark.parametrize(("size", "most"), [(7, 7), (7, 3), (12, 4), (13, 4), (5, 2)])
def test_gram(size: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gram, "CLUSTERED", 4)
    cosines = samples_html.gram(size)
    made = gram.gram("means", cosines, size, most)
    block = math.ceil(size / most)
    assert (made.size, made.block, len(made.cells)) == (size, block, math.ceil(size / block))
    for i, row in enumerate(made.cells):
        for j, value in enumerate(row):
            pairs = [
                cosines[a][b]
                for a in range(i * block, min((i + 1) * block, size))
                for b in range(j * block, min((j + 1) * block, size))
                if a != b
            ]
            assert value == (pytest.approx(statistics.fmean(pairs), abs=1e-12) if pairs else None)
    shown = [value for row in made.cells for value in row if value is not None]
    assert max(abs(value - made.centre) for value in shown) <= made.reach <= 2.0


# The middle of the scale is the cosine of a simplex; whether the classes have room for one is said.
def test_simplex() -> None:
    flat = [[1.0 if a == b else -0.25 for b in range(5)] for a in range(5)]
    assert gram.gram("means", flat, 4, 5).centre == -0.25
    assert gram.gram("means", flat, 4, 5).fits and not gram.gram("means", flat, 3, 5).fits
    assert gram.gram("means", flat, 4, 5).reach == gram.RANGES[0]
    near = [[1.0 if a == b else -0.2 for b in range(5)] for a in range(5)]
    assert gram.gram("means", near, 4, 5).reach == 0.05


# Of many classes cells follow the given order, and the pairs that are most alike are listed.
def test_clustered() -> None:
    size = gram.CLUSTERED + 1
    cosines = [[1.0 if a == b else -0.01 for b in range(size)] for a in range(size)]
    cosines[3][200] = cosines[200][3] = 0.9
    cosines[0][7] = cosines[7][0] = 0.5
    order = [3, 200, *(row for row in range(size) if row not in (3, 200))]
    classes = [10 * row for row in range(size)]
    made = gram.gram("means", cosines, size, size, classes, order)
    assert made.clustered and made.order[:3] == (30, 2000, 0) and made.cells[0][1] == 0.9
    assert made.closest[:2] == (gram.Pair(30, 2000, 0.9), gram.Pair(0, 70, 0.5))
    assert len(made.closest) == gram.CLOSEST and made.closest[-1].cosine == -0.01
    few = gram.gram("means", [row[:9] for row in cosines[:9]], 9, 9, None, [*range(9)][::-1])
    assert not few.clustered and few.order == tuple(range(9))
    assert not gram.gram("means", cosines, size, size).clustered


# Singular values are in units of the flat spectrum with the same energy over the possible rank.
def test_spectrum() -> None:
    sized = replace(report(), data={**report().data, "k": 3, "d": 8})
    made = spectrum.spectrum(sized, {"spectrum/means": [2.0, 2.0, 0.0], "spectrum/weights": [0.0]})
    assert made is not None and made.rank == 2 and made.simplex
    assert made.relative == {"means": (1.0, 1.0, 0.0)}
    assert spectrum.spectrum(sized, {}) is None and spectrum.spectrum(sized, None) is None


# Every margin is in the bin whose edges are around it; one on an edge is in the upper bin.
def test_histogram() -> None:
    counts, edges = margins.histogram([0.0, 0.9, 1.0, 2.5, 4.0], 0.0, 4.0, 4)
    assert edges == [0.0, 1.0, 2.0, 3.0, 4.0] and counts == [2, 1, 1, 1]


# The axis of the margins has room for all values of all sets, and for the best known.
def test_ends() -> None:
    sets = margins.margins(report())
    assert [each.kind for each in sets] == ["means", "weights"]
    low, high = margins.ends(sets)
    for each in sets:
        best = each.result.best_known
        assert best is not None and low <= best.value <= high and len(each.values) == 10
        assert low <= min(each.values) <= max(each.values) <= high
    assert margins.margins(of({"nc1.pinv": 1.0})) == ()


# Values are on a logarithmic scale from a factor of ten on, if none is negative; zeros aside.
@pytest.mark.parametrize(
    ("values", "log", "zeros"),
    [([1.0, 10.0], False, False), ([1.0, 10.1], True, False), ([0.0, 1.0, 11.0], True, True),
     ([-1.0, 1.0, 100.0], False, False), ([0.0, 0.0], False, True), ([0.0, 5.0], False, True)],
)  # fmt: skip
def test_extent(values: list[float], log: bool, zeros: bool) -> None:
    span = curves.extent(values)
    assert (span.low, span.high, span.log, span.zeros) == (min(values), max(values), log, zeros)


# Metrics of means and of classifier rows are one quantity; those without any value are none.
def test_quantities() -> None:
    first, last = of({"nc1.cdnv": 1.0, "nc2.cos_std.means": None}), of({"nc1.pinv": None})
    points = (Point("a", 1, first), Point("b", 2, last))
    assert [each.name for each in curves.quantities(Trajectory("epoch", points))] == ["nc1.cdnv"]
    by_name = {each.name: each for each in curves.quantities(trajectory())}
    margin = by_name["gnc2.margin"]
    assert [*margin.curves] == ["gnc2.margin.means", "gnc2.margin.weights"]
    assert margin.goal == pytest.approx(10 / 9) and by_name["nc1.pinv"].goal == 0.0


# Of many changes the largest are kept in their order; what has no logarithm is named instead.
def test_factors() -> None:
    before: dict[str, float | None] = {
        "nc1.pinv": 1.0, "nc1.cdnv": 1.0, "nc4.mismatch": 1.0, "nc2.cos_std.means": 0.0,
        "nc3.distance": 1.0,
    }  # fmt: skip
    now = before | {
        "nc1.pinv": 2.0, "nc1.cdnv": 1.5, "nc4.mismatch": 0.1, "nc2.cos_std.means": 1.0,
    }  # fmt: skip
    comparison = compare([Run("a", of(before)), Run("b", of(now)), Run("c", of(before))])
    made = changes.factors(comparison, 2, 1)
    assert [row.metric.id for row in made.rows] == ["nc1.pinv", "nc4.mismatch"]
    assert (made.runs, made.all_rows, made.all_runs) == ((1,), 3, 2)
    assert (made.low, made.high) == (0.1, 2.0) and made.unplaced == ("nc2.cos_std.means",)
    assert [*changes.tally(comparison)] == [
        ("b", (("more collapsed", 1), ("less collapsed", 3), ("within tolerance", 1))),
        ("c", (("within tolerance", 5),)),
    ]


# A metric with fewer values than others has none for the classes beyond them.
def test_classes() -> None:
    short = tuple(
        replace(result, per_class=result.per_class[:3])
        if result.id == "nc1.cdnv" and result.per_class
        else result
        for result in report()
    )
    table = classes.classes(replace(report(), metrics=short))
    assert table is not None and table.size == 10
    by_id = {result.id: result for result in table.results}
    assert classes.value_of(by_id["nc1.cdnv"], 2) is not None
    assert classes.value_of(by_id["nc1.cdnv"], 3) is None
    assert classes.classes(of({"nc2.cos_std.means": 1.0})) is None


# What is at collapse is a floor before a best known value before an ideal.
def test_at_collapse() -> None:
    [result] = of({"gnc2.margin.means": 1.0}).metrics
    assert result.best_known is not None and result.ideal is None
    assert words.at_collapse(result) == result.best_known.value
    assert words.at_collapse(replace(result, floor=0.5)) == 0.5
    assert words.at_collapse(replace(result, best_known=None, ideal=2.0)) == 2.0


# The least collapsed class is named where classes differ; a spread over samples has a smallest.
def test_furthest() -> None:
    [result] = of({"gnc2.margin.means": 1.0}).metrics
    spread, worst = result.distribution, result.worst
    assert spread is not None and worst is not None
    assert words.furthest(result) == (f"class {worst[0].name}", worst[0].value)
    same = replace(spread, min=1.0, max=1.0)
    assert words.furthest(replace(result, distribution=same)) is None
    over = replace(spread, over="samples")
    assert words.furthest(replace(result, distribution=over)) == (None, spread.min)
    assert words.furthest(replace(result, worst=None)) is None


# A share of the best margin never stands without what random points reach.
@pytest.mark.parametrize("name", ["gnc2.margin.means", "gnc2.margin.weights"])
def test_share_of_best(name: str) -> None:
    found = of_population("noisy_simplex")[name]
    assert found.null_value is not None and found.details is not None
    assert found.details["random"]["p01"] >= found.null_value
    quality = sentences.of_margins(found)[0]
    assert "% of the best possible margin" in quality
    assert f"random points reach {number(found.null_value, 3)}" in quality


# Every class name that the report stores is known, else those that stand with some metric.
def test_names() -> None:
    named = replace(report(), data={**report().data, "class_names": ["a", "b"]})
    assert classes.names_of(named) == {0: "a", 1: "b"}
    worst = {each.index: each.name for result in report() for each in result.worst or ()}
    assert classes.names_of(report()) == worst != {}


# A sentence begins with a capital, unless it begins with an id, a path or a number.
@pytest.mark.parametrize(
    ("text", "shown"),
    [("the head", "The head"), ("least: 3", "Least: 3"), ("nc1.pinv falls", "nc1.pinv falls"),
     ("runs/a is", "runs/a is"), ("1.1 is", "1.1 is"), ("", "")],
)  # fmt: skip
def test_capital(text: str, shown: str) -> None:
    assert words.capital(text) == shown
