"""The verdict: words, what they hang on, and when there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nctool.core.notice import Notice
from nctool.report import Report
from nctool.report.sentence import nines, percent, second_line, sentence
from nctool.report.trajectory import joined
from nctool.report.verdict import SECOND_LOOK
from tests.support.saved import judged, report
from tests.support.strict_json import strict, validator

FAR = {"nc1": 0.99, "nc2.means": 0.95, "nc2.weights": 0.96, "nc3": 0.98, "nc4": 1.0}


def said(given: Report) -> str:
    text = sentence(given)
    assert text is not None
    return text


# The word follows from the weakest counted part, and from NC1 below one half.
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "collapsed"),
        ({"nc2.means": 0.9}, "collapsed"),
        ({"nc2.means": 0.8999}, "partly collapsed"),
        ({"nc2.means": -0.5}, "partly collapsed"),
        ({"nc1": 0.89, "nc2.means": 0.49}, "not collapsed"),
        ({"nc1": 0.89, "nc2.means": 0.5}, "partly collapsed"),
        ({"nc1": 0.0}, "not collapsed"),
    ],
)
def test_words(changes: dict[str, float], word: str) -> None:
    verdict = judged(FAR | changes).verdict
    assert verdict is not None and verdict.word == word
    assert said(judged(FAR | changes)).startswith(word.upper() + "  ")


# HUG, and GNC where a simplex fits, are shown and not counted; where none fits GNC is.
def test_what_counts() -> None:
    tight = FAR | {"gnc.means": 0.1, "hug.means": 0.2}
    verdict = judged(tight).verdict
    assert verdict is not None and verdict.word == "collapsed"
    assert {dial.id for dial in verdict.dials if not dial.counted} == {
        "collapse.gnc.means", "collapse.hug.means",
    }  # fmt: skip
    crowded = {"nc1": 0.99, "gnc.means": 0.14, "gnc.weights": 0.5, "nc3": 0.9, "nc4": 1.0}
    verdict = judged(crowded).verdict
    assert verdict is not None and verdict.geometry == "gnc"
    assert verdict.weakest == "collapse.gnc.means" and verdict.word == "partly collapsed"
    assert said(judged(crowded)) == (
        "PARTLY COLLAPSED  samples sit on their means (99.0 %); directions not spread "
        "(GNC, means: 14 %)"
    )


# A report without dials has no verdict, in Python and in JSON.
def test_without_dials() -> None:
    assert report().verdict is None and "verdict" not in report().to_dict()
    assert sentence(report()) is None and second_line(report()) is None


# Rows alone are never called collapsed.
def test_classifier_only() -> None:
    rows = judged({"nc2.weights": 0.999, "gnc.weights": 0.9}, n=None)
    verdict = rows.verdict
    assert verdict is not None and verdict.word is None and verdict.so_far == "no-features"
    assert verdict.weakest == "collapse.nc2.weights" and verdict.way == 0.999
    assert said(rows).startswith(
        "CLASSIFIER ONLY  rows: 99.90 % of the way from random to a simplex"
    )


# Of two rows alone nothing can be said: they are a simplex by definition.
def test_two_rows() -> None:
    rows = judged({"nc2.weights": 1.0}, n=None, data={"k": 2})
    assert said(rows).startswith("CLASSIFIER ONLY  two rows are a simplex by definition")
    assert rows.verdict is not None and rows.verdict.way is None


# Without a head the word is of what was seen, and says so.
def test_without_head() -> None:
    given = judged({"nc1": 0.95, "nc2.means": 0.92})
    verdict = given.verdict
    assert verdict is not None and verdict.so_far == "no-head" and verdict.word == "collapsed"
    assert "(so far as seen without a head)" in said(given)


# Where samples passed by once the word is without NC4, and says so.
def test_one_look() -> None:
    given = judged({"nc1": 0.95, "nc2.means": 0.92, "nc2.weights": 0.97, "nc3": 0.93})
    reason = SECOND_LOOK + "keep the rows"
    unseen = replace(
        given.metrics[0], id="collapse.nc4", value=None, status="skipped", reason=reason
    )
    given = replace(given, metrics=(*given.metrics, unseen))
    verdict = given.verdict
    assert verdict is not None and verdict.so_far == "one-look" and verdict.word == "collapsed"
    assert "(so far as one look shows: without NC4)" in said(given)


# A notice that rows, labels or head rows do not match withholds the word and gives the cause.
@pytest.mark.parametrize("slug", ["rows-misaligned", "labels-shifted", "head-rows-permuted"])
def test_withheld(slug: str) -> None:
    given = judged(FAR, warnings=(Notice(slug, "rows and labels do not match"),))
    verdict = given.verdict
    assert verdict is not None and verdict.withheld == slug
    assert (verdict.word, verdict.way, verdict.weakest) == (None, None, None)
    assert said(given) == "NO VERDICT  rows and labels do not match"
    assert second_line(given) is None


# Where a counted part has no value there is no word, and its reason is given.
def test_undefined() -> None:
    given = judged(FAR)
    broken = tuple(
        replace(each, value=None, status="undefined", reason="all class means coincide")
        if each.id in ("collapse.weakest", "collapse.nc1")
        else each
        for each in given.metrics
    )
    assert said(replace(given, metrics=broken)) == "NO VERDICT  all class means coincide"


# What has to be known to read the word stands behind it.
def test_asides() -> None:
    two = {"nc1": 0.95, "nc3": 0.97, "nc4": 1.0}
    assert "(2 classes: NC2 holds by definition, not counted)" in said(judged(two, data={"k": 2}))
    sizes = {"min": 10, "max": 100, "empty": 0, "single": 0}
    assert "(classes 10:1)" in said(judged(FAR, data={"class_counts": sizes}))
    held_out = judged(FAR, run={"split": "test"})
    assert said(held_out).startswith("COLLAPSED ON TEST  ")


# A way that structureless data of this size reach as well is said to be one.
def test_chance_beside() -> None:
    def with_chance(given: Report, chance: float) -> Report:
        metrics = tuple(replace(each, null_value=chance) for each in given.metrics)
        return replace(given, metrics=metrics)

    half = judged(FAR | {"nc2.means": 0.6})
    assert "structureless" not in said(with_chance(half, 0.5))
    assert said(with_chance(half, 0.7)).endswith("(structureless features of this size reach 70 %)")
    rows = judged({"nc2.weights": 0.8}, n=None)
    assert "(structureless rows of this size reach 70 %; NC1" in said(with_chance(rows, 0.7))
    assert "structureless" not in said(with_chance(rows, 0.0))


# Few samples make it a bound.
def test_bound() -> None:
    few = Notice("few-samples", "5 samples per class")
    given = judged(FAR, data={"k": 200}, warnings=(few,))
    limited = tuple(replace(each, flags=("sample-limited",)) for each in given.metrics)
    assert "at least 95.0 % of the way" in said(replace(given, metrics=limited))
    assert "(5 samples a class)" in said(replace(given, metrics=limited))


# No way under a cut-off is shown as if it reached it, and 100 % is nothing left.
@pytest.mark.parametrize(
    ("left", "text"),
    [
        (0.0, "100 %"), (0.00013, "99.987 %"), (0.0054, "99.46 %"), (0.1, "90 %"),
        (0.1001, "89 %"), (0.5004, "49 %"), (0.997, "0.3 %"), (1.5, "-50 %"),
        (1e-9, "over 99.9999 %"), (11.5, "under -1000 %"), (1e308, "under -1000 %"),
    ],
)  # fmt: skip
def test_percent(left: float, text: str) -> None:
    assert percent(1 - left, left).replace("90.0", "90") == text


# A trajectory says since when its word holds.
def test_since() -> None:
    ways = [0.2, 0.95, 0.7, 0.91, 0.95]
    reports = [judged(FAR | {"nc1": way}, run={"epoch": 10 * at}) for at, way in enumerate(ways)]
    run = joined(reports, [str(at) for at in range(5)])
    assert run.verdict is not None and run.verdict.since == 30
    assert run.to_dict()["verdict"]["since"] == 30
    assert "above 90 % since epoch 30" in str(second_line(run))
    partly = joined(reports[:3], ["0", "1", "2"])
    assert "still moving" in str(second_line(partly))
    resting = joined(
        [reports[0], *reports[2:3], replace(reports[2], run={"epoch": 30})], list("abc")
    )
    assert "unchanged since epoch 20" in str(second_line(resting))
    alone = joined(reports[:1], ["0"])
    assert "since" not in str(second_line(alone))


# The JSON holds the verdict as the schema has it, and loading works it out anew.
def test_json() -> None:
    given = judged(FAR)
    plain: Any = strict(given.to_json())
    assert not list(validator().iter_errors(plain))
    assert plain["verdict"]["word"] == "collapsed"
    assert [
        set(dial) >= {"id", "way", "left", "chance", "side"} for dial in plain["verdict"]["dials"]
    ]
    plain["verdict"]["word"] = "not collapsed"
    assert Report.from_dict(plain).verdict == given.verdict


# Nines count what is left.
def test_nines() -> None:
    assert nines(0.1) == pytest.approx(1) and nines(0.001) == pytest.approx(3)
    assert nines(0.0) == float("inf")


# An error that came back is told as it is at the last point; a logged one counts before others.
@pytest.mark.parametrize(
    ("logged", "accuracy", "text"),
    [
        (None, 1.0, "no training error since epoch 0"),
        (None, 0.9, "the head is wrong on"),
        (0, 0.9, "no training error since epoch 0"),
        (0.1, 0.9, "the head is wrong on"),
    ],
)
def test_error_came_back(logged: float | None, accuracy: float, text: str) -> None:
    first = judged(FAR, run={"epoch": 0})
    last = judged(FAR, run={"epoch": 1, "train_error": logged})
    right = replace(last.metrics[0], id="nc4.accuracy", value=accuracy)
    last = replace(last, metrics=(right, *last.metrics), data={**last.data, "n": 50})
    run = replace(joined([first, last], ["0", "1"]), facts={"zero_error": 0})
    assert text in str(second_line(run))


# The weakest part may be one that nobody asked for: no word is made of the others.
def test_parts_not_asked_for() -> None:
    given = judged(FAR | {"nc3": 0.02})
    fewer = tuple(each for each in given.metrics if each.id != "collapse.nc3")
    verdict = replace(given, metrics=fewer).verdict
    assert verdict is not None
    assert (verdict.word, verdict.way, verdict.weakest) == (None, None, None)
    text = said(replace(given, metrics=fewer))
    assert text == "NO VERDICT  2 % at its weakest; for a word ask for all parts: collapse.*"


# What a metric says beside its value may be anything in a file that somebody wrote: no word then.
@pytest.mark.parametrize("details", [None, {}, {"counted": 5}, {"counted": {"collapse.nc1": 1}}])
def test_details_of_another_kind(details: dict[str, Any] | None) -> None:
    given = judged(FAR)
    broken = tuple(
        replace(each, details=details) if each.id == "collapse.weakest" else each
        for each in given.metrics
    )
    verdict = replace(given, metrics=broken).verdict
    assert verdict is not None and verdict.word is None and verdict.weakest is None


# What is left is what the way leaves, whatever stands beside it in the file.
@pytest.mark.parametrize("left", ["0", None, 1e308, 0.7])
def test_left_fits(left: object) -> None:
    given = judged(FAR)
    broken = tuple(
        replace(each, details={**(each.details or {}), "left": left, "left_noise": [0]})
        for each in given.metrics
    )
    verdict = replace(given, metrics=broken).verdict
    assert verdict is not None and verdict.word == "collapsed"
    assert all(dial.noise is None and dial.left == 1 - dial.way for dial in verdict.dials)
