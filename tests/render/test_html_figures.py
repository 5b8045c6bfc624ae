"""What the HTML report draws: each picture against the numbers that it was drawn from."""

from __future__ import annotations

import base64
import json
import math
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from nctool.render.html import page
from nctool.render.page import classes, curves, margins, spectrum
from nctool.render.page.amounts import aligned, decimals_for, fixed, said
from nctool.render.page.gram import LEVELS, MOST_CELLS, NAMED, heatmaps, hover, picture
from nctool.render.page.scales import Scale, rounds, ticks
from nctool.render.values.gram import CLUSTERED
from nctool.render.values.sentences import of_margins
from nctool.render.values.words import points_of
from nctool.report import Report
from nctool.report.trajectory import Point, Trajectory
from tests.render.parsed import parse
from tests.render.samples_html import arrays, gram
from tests.support.saved import of, report, trajectory


def pixels(uri: str) -> tuple[list[bytes], list[tuple[int, ...]]]:
    """Rows of indices and the palette of a PNG, its checksums looked at."""
    raw = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(raw):
        [size] = struct.unpack(">I", raw[at : at + 4])
        name, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + size]
        [check] = struct.unpack(">I", raw[at + 8 + size : at + 12 + size])
        assert check == zlib.crc32(name + body)
        chunks[name] = body
        at += 12 + size
    assert list(chunks)[-1] == b"IEND"
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind) == (8, 3)
    flat = zlib.decompress(chunks[b"IDAT"])
    rows = [flat[at + 1 : at + 1 + width] for at in range(0, len(flat), width + 1)]
    assert len(rows) == height and set(flat[:: width + 1]) == {0}
    colours, clear = chunks[b"PLTE"], chunks[b"tRNS"]
    return rows, [(*colours[3 * at : 3 * at + 3], clear[at]) for at in range(len(clear))]


def every_panel(whole: Trajectory) -> list[curves.Panel]:
    return [*curves.main(whole), *(one for _, _, some in curves.panels(whole) for one in some)]


def with_data(**data: Any) -> Report:
    return replace(report(), data={**report().data, **data})


# Every cell of the heatmap has the colour of its cosine; a class with itself has its own.
def test_heatmap() -> None:
    cosines = gram(10)
    [made] = heatmaps(with_data(k=10), {"gram/means": cosines})
    rows, palette = pixels(picture(made.gram))
    centre, reach = made.gram.centre, made.gram.reach
    assert centre == -1 / 9 and made.address == picture(made.gram)
    for i, row in enumerate(rows):
        for j, index in enumerate(row):
            level = LEVELS + round((cosines[i][j] - centre) / reach * LEVELS)
            assert index == (2 * LEVELS + 1 if i == j else level)
    assert len(palette) == 2 * LEVELS + 2
    blue, clear, orange = palette[0], palette[LEVELS], palette[2 * LEVELS]
    assert blue[2] > blue[0] and orange[0] > orange[2]
    assert (blue[3], clear[3], orange[3]) == (255, 0, 255)


# The middle of the legend is the simplex, and where these classes have no room for one it says so.
def test_simplex_in_the_legend() -> None:
    arrays = {"gram/means": gram(10)}
    shown = parse(page(with_data(k=10, d=64), arrays)).text
    assert "−0.111" in shown and "The middle of the scale is the simplex" in shown
    assert "too many for a simplex" in parse(page(with_data(k=10, d=8), arrays)).text


# Few classes have their names beside their rows, more have round numbers, clusters have none.
def test_ticks() -> None:
    named = with_data(k=3, class_names=["cat", "dog", "a name that is far too long"])
    [few] = heatmaps(named, {"gram/means": gram(3)})
    assert [tick.text for tick in few.ticks] == [
        "cat",
        "dog",
        "a name that is far too long"[:13] + "…",
    ]
    assert [tick.place for tick in few.ticks] == [60.0, 180.0, 300.0] and not few.slanted
    [more] = heatmaps(with_data(k=100), {"gram/means": gram(100)})
    assert [tick.text for tick in more.ticks] == ["0", "20", "40", "60", "80"]
    many = {"gram/means": gram(201), "order/means": [*range(201)]}
    assert heatmaps(with_data(k=201), many)[0].ticks == ()


# Of many classes a cell is the mean of several in the order of their clusters; the pairs are named.
def test_heatmap_of_many() -> None:
    size = 3 * MOST_CELLS
    assert size > CLUSTERED
    arrays = {"gram/weights": gram(size), "order/weights": [*range(size)][::-1]}
    [made] = heatmaps(with_data(k=size), arrays)
    rows, _ = pixels(made.address)
    assert len(rows) == len(rows[0]) == MOST_CELLS and made.gram.order[0] == size - 1
    text = parse(page(with_data(k=size), arrays)).text
    assert "Classifier rows" in text and "each cell is the mean of 3 × 3 of them" in text
    first = made.gram.closest[0]
    assert len(made.gram.closest) == 10
    assert f"{first.first} and {first.second} : {said(first.cosine, 3)}" in text


# What the script says of a cell is its cosine to the last digit shown.
@pytest.mark.parametrize("size", [NAMED, NAMED + 1])
def test_hover(size: int) -> None:
    cosines = gram(size)
    [made] = heatmaps(with_data(k=size), {"gram/means": cosines})
    plain = json.loads(json.dumps(hover(made)))
    assert plain["order"] == [*range(size)] and plain["block"] == 1
    for row, kept in enumerate(plain["cells"]):
        assert kept[0] is None and len(kept) == size - row
        for place, value in enumerate(kept[1:], row + 1):
            assert abs(value / plain["parts"] - cosines[row][place]) <= 0.5001 / plain["parts"]


# The pictures are on the page when the arrays are at hand, each with words for who cannot see it.
def test_pictures_on_the_page() -> None:
    shown = parse(page(report(), arrays(10)))
    drawn = [element for element in shown.all("svg") if "data-map" in element]
    assert len(drawn) == len(shown.all("image")) == 2
    assert all("the closest" in element["aria-label"] for element in drawn)
    assert "run with --arrays" not in shown.text.lower()
    assert len(parse(page(report())).all("image")) == 0


# Every class is in one bar of the histogram, and the line stands at the best that is known.
def test_histogram() -> None:
    for drawn in margins.histograms(report()):
        result = drawn.margins.result
        assert sum(int(bar.tip.split()[0]) for bar in drawn.bars) == 10
        assert result.best_known is not None and drawn.best_x is not None
        assert drawn.bars[0].left < drawn.best_x < drawn.frame.right
        assert drawn.whisker is None and of_margins(result)


# Without values by class the distribution is drawn, and the page says how to get the rest.
def test_histogram_of_a_distribution() -> None:
    whole = report()
    bare = replace(whole, metrics=tuple(replace(result, per_class=None) for result in whole))
    for drawn in margins.histograms(bare):
        [box] = drawn.bars
        assert drawn.whisker is not None and drawn.median is not None
        assert drawn.whisker[0] <= box.left <= drawn.median <= box.left + box.width
        assert box.left + box.width <= drawn.whisker[1] + 0.1
    assert "run with --per-class for the histogram" in parse(page(bare)).text.replace("Run", "run")


# A flat spectrum lies on its line; without arrays there is none.
def test_spectrum() -> None:
    drawn = spectrum.spectrum(report(), {"spectrum/means": [3.0] * 9 + [0.0]})
    assert drawn is not None and drawn.rank == 9
    [(_, _, dots)] = drawn.lines
    assert {y for _, y in dots} == {drawn.ideal_y, float(drawn.frame.bottom)}
    assert [y for _, y in dots].count(drawn.ideal_y) == 9
    assert spectrum.spectrum(report(), None) is None
    assert spectrum.spectrum(report(), {"spectrum/means": [0.0, 0.0]}) is None


# Curves of both sets of points share a panel; every metric with a value is in one of them.
def test_panels() -> None:
    panels = every_panel(trajectory())
    names = {panel.quantity.name for panel in panels}
    assert {"nc1.pinv", "nc2.cos_std", "gnc2.margin"} <= names
    drawn = {
        (panel.quantity.name, points_of(name)) for panel in panels for name in panel.quantity.curves
    }
    for result in trajectory():
        if result.value is not None:
            base = result.id.removesuffix(".means").removesuffix(".weights")
            assert (base, result.id.removeprefix(base).lstrip(".") or "one") in drawn


# On a logarithmic scale equal factors are equal steps; a zero is an open circle on the axis.
def test_log_panel() -> None:
    made = _trajectory([1.0, 0.1, 0.01, 0.0])
    [panel] = every_panel(made)
    assert panel.log is not None and panel.first.toward_collapse == "down"
    [series] = panel.log.series
    heights = [float(part.split()[1]) for part in series.path[1:].split("L")]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2)
    assert heights == sorted(heights) and heights[-1] == curves.FRAME.bottom
    assert len(series.zeros) == 1 and panel.linear.series[0].zeros == ()
    assert panel.linear.perfect is not None and panel.log.perfect is None
    assert [curves.ends(*item) for item in panel.quantity.curves.items()] == ["1 → 0"]
    assert [*map(points_of, panel.quantity.curves)] == ["one"]


# What is negative somewhere has no logarithm; a point without a value is a gap.
def test_linear_panel() -> None:
    [panel] = every_panel(_trajectory([1.0, None, -1.0, 2.0]))
    assert panel.log is None
    assert panel.linear.series[0].path.count("M") == 2
    assert every_panel(_trajectory([None, None])) == []


# What grows with collapse stays linear: near its ideal a logarithm shows nothing.
def test_linear_where_up_is_collapse() -> None:
    panels = every_panel(trajectory())
    logarithmic = {panel.first.toward_collapse for panel in panels if panel.log is not None}
    linear = {panel.first.toward_collapse for panel in panels if panel.log is None}
    assert logarithmic == {"down"} and linear == {"down", "up"}


# Checkpoints that are mostly early are spread out, the one at zero too; even ones stay even.
def test_axis() -> None:
    positions = [0, 1, 3, 10, 30, 100, 300, 1000]
    points = [Point(str(position), position, of({"nc1.pinv": 1.0})) for position in positions]
    early = Trajectory("epoch", tuple(points))
    marks = curves.marks(early)
    assert curves.across(early).log and marks[0].text == "0" and len(marks) > 4
    places = [tick.place for tick in marks]
    assert all(b - a >= curves.LABEL for a, b in pairwise(places))
    assert not curves.across(_trajectory([1.0] * 20)).log


# The line of zero error stands at its epoch, on an axis that is logarithmic where epochs are.
def test_zero_error() -> None:
    assert curves.across(trajectory()).log
    [there] = [tick.place for tick in curves.marks(trajectory()) if tick.text == "100"]
    assert curves.zero_error(trajectory()) == there
    assert curves.zero_error(_trajectory([1.0, 0.5])) is None


# Of hundreds of points the curves keep their first and last, and the page stays small.
def test_long_trajectory() -> None:
    made = _trajectory([1 / (1 + index) for index in range(1000)])
    [panel] = every_panel(made)
    path = panel.linear.series[0].path
    assert path.count("L") <= curves.MOST_POINTS + 1 and panel.linear.series[0].dots == ""
    ends = [float(path[1:].split()[0]), float(path.split("L")[-1].split()[0])]
    assert ends == [curves.FRAME.left + 4, curves.FRAME.right - 4]


def _trajectory(values: Sequence[float | None]) -> Trajectory:
    points = [Point(f"at {at}", at, of({"nc1.pinv": value})) for at, value in enumerate(values)]
    return Trajectory("epoch", tuple(points))


# Numbers have true minus signs and powers of ten, and stand under each other at their points.
def test_amounts() -> None:
    assert said(-0.0523161) == "−0.05232" and said(9.8666e-5) == "9.87×10⁻⁵"
    assert said(None) == "–" and said(0.0) == "0" and said(2.5e12) == "2.50×10¹²"
    assert aligned(-1.5) == '<span class="n">−1<span>.5</span></span>'
    assert aligned(3e-9) == '<span class="n">3<span>.00×10⁻⁹</span></span>'
    assert aligned(12.0) == '<span class="n">12<span></span></span>'


# A column has decimals that suit nearly all of its values, or powers of ten.
def test_columns() -> None:
    assert decimals_for([0.1234, 0.5]) == 4 and decimals_for([12.0, 1234.5]) == 0
    assert decimals_for([1e-5, 0.5, 1e3]) is None and decimals_for([0.0, 0.0]) == 0
    assert decimals_for([1e-9] + [0.5] * 20) == 4
    assert fixed(0.05, 3) == "0.050" and fixed(-0.05, 3) == "−0.050"
    assert fixed(1.23e-5, None) == "1.23×10⁻⁵" and fixed(None, 2) == "–"


# The table has a row for every class and a column for every metric that has values by class.
def test_table() -> None:
    table = classes.table(report())
    assert table is not None and [*table.rows] == [*range(10)]
    known = [result for result in report() if result.per_class]
    assert [metric for metric, _ in table.columns] == known
    text = page(report())
    for index in table.rows:
        row = text.partition(f'<tr data-class="{index}">')[2]
        row = re.split("<tr|</tbody", row.strip())[0].strip()
        assert row.split("<td>")[1:] == [
            fixed((metric.per_class or ())[index], decimals) for metric, decimals in table.columns
        ]
    assert classes.table(of({"nc2.cos_std.means": 1.0})) is None


# Ticks are round, inside, and few.
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 7.1), (1.1003, 1.1041), (0, 1e-7)])
def test_rounds(low: float, high: float) -> None:
    inside = rounds(low, high, 4)
    assert 2 <= len(inside) <= 6
    assert all(low - 1e-12 <= value <= high * (1 + 1e-9) for value in inside)
    steps = {round((b - a) / (high - low), 6) for a, b in pairwise(inside)}
    assert len(steps) <= 1


# On a long logarithmic scale ticks are powers of ten, on a short one round numbers.
def test_log_ticks() -> None:
    texts = [tick.text for tick in ticks(Scale(1e-5, 1.0, 0, 100, log=True), 4)]
    assert texts[0] == "10⁰" and all(text.startswith("10") for text in texts)
    assert [tick.text for tick in ticks(Scale(0.9, 1.4, 0, 100, log=True), 3)] == [
        "1",
        "1.2",
        "1.4",
    ]
    assert Scale(1, 100, 0, 10, log=True)(10) == 5 and Scale(0, 0, 0, 10)(math.pi) == 5
