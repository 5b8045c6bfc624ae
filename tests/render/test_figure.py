"""Figures: the numbers of the document where they belong, and files that print anywhere."""

from __future__ import annotations

import hashlib
import math
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, comparison, document, of, report, trajectory

matplotlib = pytest.importorskip("matplotlib")

import numpy as np  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from nctool.render import Arrays, rendered  # noqa: E402
from nctool.render.panels import changes, curves, geometry, gram, style  # noqa: E402
from nctool.render.values.gram import gram as gram_of  # noqa: E402
from nctool.report import Report  # noqa: E402
from nctool.report.comparison import Comparison, arranged, compare  # noqa: E402
from nctool.report.documents import Document  # noqa: E402
from nctool.report.runs import Run  # noqa: E402
from nctool.report.trajectory import Point, Trajectory  # noqa: E402

SUFFIXES = dict(zip(EVERY, (".pdf", ".svg", ".png") * 2, strict=True))


def file(subject: Document, suffix: str, arrays: Arrays | None = None) -> bytes:
    whole = rendered(subject, "figure" + suffix, arrays)
    assert isinstance(whole, bytes)
    return whole


@pytest.fixture(autouse=True)
def looks() -> Iterator[None]:
    with style.look():
        yield


def axes_of(figure: Figure, title: str) -> Axes:
    (found,) = [axes for axes in figure.axes if axes.get_title(loc="left").startswith(title)]
    return found


def curve(axes: Axes, label: str) -> list[float]:
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return [y for _, y in places(line)]


def places(line: Line2D) -> list[tuple[float, float]]:
    x, y = (np.asarray(one, dtype=float).tolist() for one in (line.get_xdata(), line.get_ydata()))
    return list(zip(x, y, strict=True))


def words(figure: Figure) -> str:
    """All text on a figure that is drawn already."""
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def directions(size: int, dim: int) -> dict[str, Any]:
    rows = np.random.default_rng(0).standard_normal((size, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.svd(rows, compute_uv=False)
    found = {"gram/means": (rows @ rows.T).tolist(), "spectrum/means": values.tolist()}
    return found | {name.replace("means", "weights"): one for name, one in found.items()}


def of_size(size: int, dim: int) -> Report:
    return replace(report(), data={**report().data, "k": size, "d": dim})


# Every document becomes a file of each kind: fonts embedded, no date, nothing to fetch or run.
@pytest.mark.parametrize(("name", "suffix"), SUFFIXES.items())
def test_files(name: str, suffix: str) -> None:
    whole = file(document(name), suffix)
    if suffix == ".png":
        assert whole[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", whole[16:24])
        assert width == round(style.WIDTH * style.DOTS) and 200 < height < 3 * width
        assert b"Matplotlib" not in whole
    elif suffix == ".pdf":
        assert whole.startswith(b"%PDF") and b"%%EOF" in whole[-10:]
        assert b"/FontFile2" in whole and b"/Type3" not in whole
        assert b"Date" not in whole and b"Matplotlib" not in whole
    else:
        root = ElementTree.fromstring(whole)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert "path" in tags and not tags & {"script", "foreignObject", "text"}
        assert "date" not in tags
        links = {
            value
            for element in root.iter()
            for key, value in element.attrib.items()
            if "href" in key
        }
        assert all(link.startswith(("#", "data:")) for link in links)


# The same document gives the same file, whatever the order of hashes and the day.
def test_same_file() -> None:
    code = """
import hashlib, sys
sys.path.insert(0, ".")
from tests.support.saved import of
from nctool.render import rendered
for suffix in (".pdf", ".svg"):
    print(hashlib.sha256(rendered(of({}), "x" + suffix)).hexdigest())
print(*{"matplotlib.pyplot", "torch"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "0", "HOME": "/nonexistent",
             "MPLCONFIGDIR": matplotlib.get_configdir()},
    )  # fmt: skip
    here = [file(of({}), suffix) for suffix in (".pdf", ".svg")]
    assert done.stdout.split() == [hashlib.sha256(content).hexdigest() for content in here]


# A reader's own settings neither change the figure nor are changed by it.
def test_settings() -> None:
    small = of({"gnc2.margin.weights": 1.0})
    plain = file(small, ".svg")
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert file(small, ".svg") == plain
        assert dict(matplotlib.rcParams) == before


# A trajectory is four panels with all curves over all points, and the moment of no error.
def test_course() -> None:
    saved = trajectory()
    figure = curves.draw(saved)
    assert len(figure.axes) == 4
    for panel in curves.PANELS:
        axes = axes_of(figure, panel.title)
        for name, label in panel.ids:
            assert curve(axes, label) == pytest.approx(list(map(float, _known(saved, name))))
        marks = [line for line in axes.get_lines() if [x for x, _ in places(line)] == [100, 100]]
        assert len(marks) == 1
        assert axes.get_yscale() == ("linear" if panel.share else "log")
        assert axes.get_xscale() == "log"
    first = axes_of(figure, "NC1")
    named = dict(zip(*first.get_legend_handles_labels()[::-1], strict=True))
    assert "zero training error" in named
    assert places(named["structureless features"])[0][1] == saved.last["nc1.pinv"].null_value
    [phase] = [patch for patch in first.patches if isinstance(patch, Rectangle)]
    assert (phase.get_x(), phase.get_x() + phase.get_width()) == (100, 1000)
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "epoch", "epoch"]


def _known(subject: Trajectory, name: str) -> list[float]:
    return [value for value in subject.curve(name) if value is not None]


# An epoch 0 has its place on a logarithmic axis; a zero has one below all other values.
def test_zeros() -> None:
    points = [Point(str(at), at, of({"nc1.pinv": 10.0**-at})) for at in (0, 1, 2, 30)]
    points.append(Point("40", 40, of({"nc1.pinv": 0.0})))
    axes = axes_of(curves.draw(Trajectory("epoch", tuple(points))), "NC1")
    assert (axes.get_xscale(), axes.get_yscale()) == ("symlog", "symlog")
    left, right = axes.get_xlim()
    assert left <= 0 and right >= 40 and axes.get_ylim()[0] == 0


# A gap in a curve is a gap, and intervals are drawn where there are any.
def test_gaps_and_intervals() -> None:
    (one,) = of({"nc1.pinv": 0.5}).metrics
    sure = replace(of({}), metrics=(replace(one, ci=(0.4, 0.6)),))
    reports = [of({"nc1.pinv": None}), sure, sure]
    points = tuple(Point(str(at), at, each) for at, each in enumerate(reports, 1))
    axes = axes_of(curves.draw(Trajectory("step", points)), "NC1")
    first, *rest = curve(axes, "features")
    assert math.isnan(first) and rest == [0.5, 0.5]
    assert len(axes.collections) == 1


# Layers go by their names, without what all share; the law of separation is a straight line.
def test_layers() -> None:
    labels = [f"model.encoder.layer.{at}.output" for at in range(8)]
    points = tuple(
        Point(label, at, of({"nc1.pinv": 3 * 0.5**at})) for at, label in enumerate(labels, 1)
    )
    facts = {
        "separation": {"metric": "nc1.pinv", "rate": 0.5, "r_squared": 1.0, "layers": 8},
        "as_good_as_the_head": {"layer": labels[4], "position": 5},
    }
    figure = curves.draw(Trajectory("layer", points, facts))
    ticks = [label.get_text() for label in axes_of(figure, "NC3").get_xticklabels()]
    assert ticks == [f"…{at}.output" for at in range(8)]
    axes = axes_of(figure, "NC1")
    assert curve(axes, "× 0.5 per layer, R² = 1.000") == pytest.approx([1.5, 3 * 0.5**8])
    assert "as good as the head" in axes.get_legend_handles_labels()[1]


# A panel without numbers says why.
def test_empty_course() -> None:
    points = tuple(Point(str(at), at, of({"nc1.pinv": None})) for at in (1, 2))
    figure = curves.draw(Trajectory("epoch", points))
    assert "for a reason" in words(figure) and "not computed: nc3.distance" in words(figure)
    style.saved(figure, "svg")


# Without arrays a panel says how to see them; with them the cosines are those that were given.
def test_gram() -> None:
    assert "run with --arrays to see them" in words(geometry.draw(report(), None))
    arrays = directions(10, 64)
    figure = geometry.draw(report(), arrays)
    axes = axes_of(figure, "Cosines of class means")
    (image,) = axes.get_images()
    shown: Any = image.get_array()
    given = np.array(arrays["gram/means"])
    off = ~np.eye(10, dtype=bool)
    assert np.array_equal(shown.data[off], given[off])
    assert np.array_equal(np.ma.getmaskarray(shown), ~off)
    low, high = image.get_clim()
    assert (low + high) / 2 == pytest.approx(-1 / 9)
    assert low <= given[off].min() and high >= given[off].max()
    written = {(round(x), round(y)): text.get_text() for text in axes.texts
               for x, y in [text.get_position()]}  # fmt: skip
    assert len(written) == 90
    assert all(
        float(text.replace("−", "-")) == pytest.approx(given[row, column], abs=0.0051)
        for (column, row), text in written.items()
    )
    assert len(figure.axes) == 6, "four panels and two scales"


# Of many classes a cell is the mean of its pairs, and the axis says so.
def test_many_classes() -> None:
    size = 2 * gram.MOST_CELLS
    cosines = np.full((size, size), -0.001)
    cosines[2, size - 1] = cosines[size - 1, 2] = 1.0
    figure = style.sheet(3)
    axes = figure.subplots()
    made = gram_of("means", cosines.tolist(), 2, gram.MOST_CELLS, None, [*range(size)])
    gram.draw(axes, made)
    shown: Any = axes.get_images()[0].get_array()
    assert shown.shape == (gram.MOST_CELLS, gram.MOST_CELLS)
    assert (shown > 0.2).sum() == 2 and shown[1, -1] == pytest.approx((1 - 0.003) / 4)
    assert axes.get_xlabel() == "classes, by cluster (each cell: the mean of its pairs)"


# The spectrum is relative to a flat one of the same energy, and the line of that is at one.
def test_spectrum() -> None:
    values = [3.0, 2.0, 1.0, 0.0]
    figure = geometry.draw(of_size(4, 64), {"spectrum/means": values})
    axes = axes_of(figure, "Singular values")
    flat = math.sqrt(14 / 3)
    assert curve(axes, "class means") == pytest.approx([value / flat for value in values])
    assert curve(axes, "all alike, as in a simplex") == [1, 1, 0]
    assert "a vector is zero" in words(figure)
    assert "every vector is zero" in words(geometry.draw(report(), {"spectrum/means": [0.0]}))


# All classes are in the histogram, and the best possible margin is marked.
def test_margins() -> None:
    axes = axes_of(geometry.draw(report(), None), "Margin of each class")
    counts = [patch.get_data().values for patch in axes.patches]  # type: ignore[attr-defined]
    assert [sum(count) for count in counts] == [10, 10]
    best = report()["gnc2.margin.means"].best_known
    assert best is not None
    marks = [[x for x, _ in places(line)] for line in axes.get_lines()]
    assert marks == [[best.value, best.value]]
    assert axes.get_legend_handles_labels()[1] == [
        "class means", "classifier rows", "least: best possible, 1.111",
    ]  # fmt: skip


# Without every class's own value the distribution is a box; without margins there is a reason.
def test_margins_without_values() -> None:
    head = report("report-head-1.0")
    axes = axes_of(geometry.draw(head, None), "Margin of each class")
    spread = head["gnc2.margin.weights"].distribution
    assert spread is not None
    (box,) = axes.patches
    assert box.get_x() == spread.p05  # type: ignore[attr-defined]
    assert "least: best found, 0.6596" in axes.get_legend_handles_labels()[1]
    none = replace(
        of({"gnc2.margin.means": None}),
        metrics=tuple(
            replace(result, distribution=None) for result in of({"gnc2.margin.means": None})
        ),
    )
    assert "for a reason" in words(geometry.draw(none, None))
    assert "no margins were computed" in words(geometry.draw(of({}), None))


# A comparison has a mark for every ratio of what changed, filled where it is more collapsed.
@pytest.mark.parametrize("name", ["comparison-1.0", "comparison-splits-1.0"])
def test_changes(name: str) -> None:
    saved = comparison(name)
    figure = changes.draw(saved)
    (axes,) = figure.axes
    rows = [
        row for row in arranged(saved, only_changed=True).rows
        if any(change.ratio is not None and change.ratio > 0 for change in row.changes)
    ]  # fmt: skip
    assert len(rows) > 20
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert [label.rsplit(" ", 1)[0] for label in labels] == [row.metric.id for row in rows]
    seen = [
        (round(y), x, line.get_markerfacecolor() != "white")
        for line in axes.get_lines() if line.get_marker() != "None" for x, y in places(line)
    ]  # fmt: skip
    expected = [
        (height, change.ratio, change.word == "more collapsed")
        for height, row in enumerate(rows) for change in row.changes
        if change.ratio is not None and change.ratio > 0 and change.word != "baseline"
    ]  # fmt: skip
    assert sorted(seen) == sorted(expected)
    left = {row.metric.id for row in arranged(saved, only_changed=True).rows} - {
        row.metric.id for row in rows
    }
    assert all(metric_id in words(figure) for metric_id in left)


# Nothing changed is said; and what does not fit on a page is counted, not hidden.
def test_few_and_many_changes() -> None:
    same = compare([Run("a", report()), Run("b", report())])
    assert "no number changed by more than the tolerance" in words(changes.draw(same))
    (one,) = of({"nc1.pinv": 1.0}).metrics

    def many(value: float) -> Report:
        metrics = tuple(replace(one, id=f"m{at}", value=value + at) for at in range(200))
        return replace(report(), metrics=metrics)

    runs = [Run(f"run {at}", many(2.0**at)) for at in range(40)]
    figure = changes.draw(compare(runs))
    assert f"The {changes.MOST_ROWS} largest of 200 changes." in words(figure)
    assert f"The first {changes.MOST_RUNS} of 39 runs." in words(figure)
    assert figure.get_figheight() < 20


# Names are short, harmless, and in letters that the font has.
@pytest.mark.parametrize("kind", TEXTS)
def test_names(kind: str) -> None:
    for shown in (style.short(TEXTS[kind]), style.folded(TEXTS[kind])):
        assert all(one.isprintable() or one == "\n" for one in shown)
        assert max(map(len, shown.splitlines())) <= 48
        assert all(ord(one) in style._letters() for one in shown if one != "\n")


# Whatever names say, a figure can be drawn, is no larger for it, and warns of nothing.
@pytest.mark.parametrize("kind", ["math", "comment"])
def test_hostile_names(kind: str) -> None:
    hostile = named("comparison-splits-1.0", TEXTS[kind])
    assert isinstance(hostile, Comparison)
    whole = file(replace(hostile, rows=hostile.rows[:2]), ".svg")
    ElementTree.fromstring(whole)
    assert len(whole) < 200_000


# The same for names that stand on an axis.
def test_hostile_layers() -> None:
    reports = [of({"nc1.pinv": 1.0 / at}) for at in range(1, len(TEXTS) + 1)]
    points = tuple(
        Point(text, at, one)
        for (at, one), text in zip(enumerate(reports), TEXTS.values(), strict=True)
    )
    root = ElementTree.fromstring(file(Trajectory("layer", points), ".svg"))
    assert not {element.tag.rpartition("}")[2] for element in root.iter()} & {"script", "text"}


# Ticks are numbers as people write them.
def test_ticks() -> None:
    shown = [style.power(one) for one in (0.0, 1e-12, 2e-4, 0.001, 0.5, 100.0, 1e5, 3e7)]
    assert shown == ["0", "10⁻¹²", "2×10⁻⁴", "0.001", "0.5", "100", "10⁵", "3×10⁷"]
    assert style.Plain().format_ticks([-0.5, 0.0, 0.25]) == ["−0.50", "0.00", "0.25"]
    assert style.Plain().format_ticks([0, 2000, 4000]) == ["0", "2,000", "4,000"]
    assert style.Plain().format_ticks([1e-9, 2e-9]) == ["1.00e−09", "2.00e−09"]
