"""The answer on top of a page: the sentence, the dials as bars, and their curves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nctool.core.notice import Notice
from nctool.render.html import page
from nctool.render.page import changes, curves, dials, headline
from nctool.report.comparison import compare
from nctool.report.runs import Run
from nctool.report.sentence import sentence
from nctool.report.trajectory import Point, Trajectory
from tests.render.hostile import TEXTS
from tests.render.parsed import parse
from tests.support.saved import judged, report

WAYS = {
    "nc1": 0.999, "nc2.means": 0.99, "nc2.weights": 0.9996, "nc3": 0.9984, "nc4": 1.0,
    "gnc.means": 0.9, "gnc.weights": 0.99,
}  # fmt: skip
BACK = WAYS | {"nc1": 0.9}


def run_of(*ways: float) -> Trajectory:
    points = tuple(
        Point(f"point {at}", float(at), judged(WAYS | {"nc1": way})) for at, way in enumerate(ways)
    )
    return Trajectory("epoch", points, {"zero_error": 1.0})


# The headline is the sentence, its word apart; a page without dials has its file for a title.
def test_headline() -> None:
    head = headline.of(judged(WAYS))
    assert head is not None and head.word == "COLLAPSED"
    assert f"{head.word}  {head.said}" == sentence(judged(WAYS))
    shown = parse(page(judged(WAYS)))
    assert len(shown.all("h1")) == 1 and f"COLLAPSED {head.said}" in shown.text
    assert "answer" in shown.attributes("id") and "brief" not in shown.attributes("id")
    assert headline.of(report()) is None
    plain = parse(page(report()))
    assert "answer" not in plain.attributes("id") and "brief" in plain.attributes("id")


# Every family has a row with a mark for each side, in nines; the number is the weaker side's.
def test_rows() -> None:
    rows = {row.family: row for row in dials.rows(judged(WAYS))}
    assert [*rows] == ["nc1", "nc2", "nc3", "nc4", "gnc"]
    assert [(sign.letter, sign.at) for sign in rows["nc1"].signs] == [("", 75.0)]
    assert [(sign.letter, sign.at) for sign in rows["nc2"].signs] == [("M", 50.0), ("W", 84.95)]
    assert rows["nc2"].filled == 50.0 and rows["nc2"].shares == (("", "99.0 %"),)
    assert rows["nc4"].signs[0].at == 100.0 and not rows["gnc"].counted
    means, weights = rows["gnc"].signs
    assert means.y < 14 < weights.y


# A row leads to its curve where the page has curves, else to what is said of its number.
@pytest.mark.parametrize("subject", [judged(WAYS), run_of(0.2, 0.5, 0.9)])
def test_links(subject: Trajectory) -> None:
    ids = set(parse(page(subject)).attributes("id"))
    targets = [row.target for row in dials.rows(subject)]
    assert set(targets) <= ids and len(set(targets)) == len(targets)


# Earlier points of a run leave a trail, in their order.
def test_trail() -> None:
    row = dials.rows(run_of(0.0, 0.9, 0.99))[0]
    assert row.trail == (0.0, 25.0) and row.signs[0].at == 50.0
    assert "Small dots: the epochs before" in parse(page(run_of(0.0, 0.9))).text
    still = run_of(*(0.9 + index * 1e-6 for index in range(300)))
    assert all(len(row.trail) == 1 for row in dials.rows(still))


# The curves of the dials are in nines, and stand before all others.
def test_curves() -> None:
    whole = run_of(0.0, 0.9, 0.99, 1.0)
    panels = curves.main(whole)
    names = [panel.quantity.name for panel in panels]
    assert names == [f"collapse.{family}" for family in ("nc1", "nc2", "nc3", "nc4", "gnc")]
    heights = [float(part.split()[1]) for part in panels[0].linear.series[0].path[1:].split("L")]
    assert heights == [126.0, 97.0, 68.0, 10.0] and panels[0].log is None
    assert [tick.text for tick in panels[0].linear.up][::4] == ["random", "perfect"]
    others = {panel.quantity.name for _, _, some in curves.panels(whole) for panel in some}
    assert others.isdisjoint(names) and "collapse.weakest" in others


# Several runs share each bar: a mark, a name and a number each, the baseline first.
def test_comparison() -> None:
    runs = [Run("first", judged(WAYS)), Run("second", judged(BACK))]
    whole = compare(runs, baseline=1)
    assert dials.runs(whole) == [("run0", "second"), ("run1", "first")]
    row = dials.rows(whole)[0]
    assert [(sign.kind, sign.at) for sign in row.signs] == [("run0", 25.0), ("run1", 75.0)]
    assert row.shares == (("run0", "90 %"), ("run1", "99.90 %"))
    shown = parse(page(whole))
    [said] = [text for text in whole.sentences if text]
    assert said in shown.text and {"run0", "run1"} <= set(shown.attributes("id"))


# Of many runs as many are drawn as there are shapes, without numbers that have no room.
def test_many_runs() -> None:
    whole = compare([Run(f"run {at}", judged(WAYS | {"nc1": at / 50})) for at in range(50)])
    row = dials.rows(whole)[0]
    assert len(row.signs) == len(dials.runs(whole)) == dials.MOST_RUNS and row.shares == ()
    parse(page(whole))


# What changed is drawn by its ratio; a dial is no ratio, and a run beside itself has none.
def test_chart() -> None:
    before = judged(WAYS)
    metrics = tuple(
        replace(each, value=each.value / 10, ci=None)
        if each.id == "nc1.pinv" and each.value
        else each
        for each in judged(BACK)
    )
    chart = changes.chart(compare([Run("a", before), Run("b", replace(before, metrics=metrics))]))
    assert chart is not None
    [(row, [sign])] = chart.rows
    assert row.metric.id == "nc1.pinv" and sign.words == "b: × 0.1" and sign.at < chart.one
    assert changes.chart(compare([Run("a", before), Run("a", before)])) is None


# Where inputs do not belong together the page says so and nothing stands out.
def test_withheld() -> None:
    notice = Notice("rows-misaligned", "rows and labels do not match", "look")
    whole = judged(WAYS, warnings=(Notice("odd", "odd", "no"), notice))
    head = headline.of(whole)
    assert head is not None and head.below == ("look",)
    shown = parse(page(whole))
    assert "NO VERDICT rows and labels do not match" in shown.text
    assert dials.withheld(whole) and dials.remarkable(whole) == []
    [name] = {each["class"] for each in shown.all("div") if "withheld" in each.get("class", "")}
    assert name == "dials withheld"


# Names of runs are text, whatever they hold.
@pytest.mark.parametrize("name", TEXTS.values())
def test_hostile_runs(name: str) -> None:
    tags = [
        [
            tag
            for tag, _ in parse(page(compare([Run(a, judged(WAYS)), Run("b", judged(BACK))]))).tags
        ]
        for a in (name, "a")
    ]
    assert tags[0] == tags[1]
