"""The verdict in one sentence, the same on every output."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nctool.core.text import count, one_line
from nctool.report.report import Report
from nctool.report.trajectory import Trajectory
from nctool.report.verdict import COLLAPSED_FROM, WEAKEST, Dial, Verdict

NAMES = {"nc1": "NC1", "nc2": "NC2", "nc3": "NC3", "nc4": "NC4", "gnc": "GNC", "hug": "HUG"}
NO_VERDICT, ROWS_ALONE = "NO VERDICT", "CLASSIFIER ONLY"
"""In place of the word, where there is none."""
SIDES = {"means": "means", "weights": "rows"}
NO_NEARER = 0.05
"""Under this a part is as good as random."""
UNEQUAL = 1.5
MORE = "NC1, NC3 and NC4 need features"
MOVED = 0.05
"""Nines by which what is left has to change before it moves."""
SMALLEST_SHOWN = 1e-6
"""Of what is left; beyond it digits would be counted, not read."""

LEAST_SHOWN = -10
"""One tight pair of many points has as much energy as you like: its digits would say nothing."""


def dial_name(metric_id: str) -> str:
    """``NC2, means``."""
    _, name, *side = metric_id.split(".")
    return ", ".join([NAMES.get(name, name), *(SIDES.get(each, each) for each in side)])


def percent(way: float, left: float) -> str:
    """A way as a share; from 90 % on with two digits of what is left, and 100 % only of nothing."""
    if left <= 0:
        return "100 %"
    if left < SMALLEST_SHOWN:
        return f"over {100 * (1 - SMALLEST_SHOWN):.4f} %"
    if way >= COLLAPSED_FROM:
        digits = max(0, 1 - math.floor(math.log10(100 * left) + 1e-9))
        return f"{100 * (1 - left):.{digits}f} %"
    if way < LEAST_SHOWN:
        return f"under {100 * LEAST_SHOWN} %"
    # Rounded down: nothing under a cut-off is ever shown as if it reached it.
    share = 100 * way
    return f"{math.floor(10 * share) / 10:.1f} %" if abs(share) < 1 else f"{math.floor(share)} %"


def nines(left: float) -> float:
    """How many nines a way has: 1 at 90 %, 2 at 99 %."""
    return -math.log10(left) if left > 0 else math.inf


def sentence(document: Report | Trajectory) -> str | None:
    """The word in capitals and what it hangs on; None where no dial was asked for."""
    verdict = document.verdict
    if verdict is None:
        return None
    report = document.last if isinstance(document, Trajectory) else document
    word, text = _without_word(verdict, report) or _with_word(verdict, report)
    return "  ".join((word, one_line(text)))


def second_line(document: Report | Trajectory) -> str | None:
    """Since when, whether it still moves, and how often the head is right."""
    verdict = document.verdict
    if verdict is None or verdict.withheld:
        return None
    parts = [*_course(document, verdict), *_head(document)]
    return "; ".join(parts) or None


def _without_word(verdict: Verdict, report: Report) -> tuple[str, str] | None:
    """Why there is no word, if there is none."""
    if verdict.withheld:
        notice = next(each for each in report.warnings if each.slug == verdict.withheld)
        return NO_VERDICT, notice.message
    if verdict.word is not None:
        return None
    rows = verdict.dial(verdict.weakest)
    if verdict.so_far == "no-features" and report.data.get("k") == 2:
        return (
            ROWS_ALONE,
            "two rows are a simplex by definition  (NC1, NC3 and NC4 need features)",
        )
    if verdict.so_far == "no-features" and rows is not None:
        goal = "a simplex" if "nc2" in rows.id else "the best known code"
        return (
            ROWS_ALONE,
            f"rows: {percent(rows.way, rows.left)} of the way from random to {goal}  "
            f"({'; '.join([*_by_chance(rows, 'rows', always=True), MORE])})",
        )
    whole = report.get(WEAKEST)
    if whole is not None and whole.value is not None:
        share = percent(whole.value, 1 - whole.value)
        return NO_VERDICT, f"{share} at its weakest; for a word ask for all parts: collapse.*"
    reason = None if whole is None else whole.reason
    return NO_VERDICT, reason or "collapse.weakest was not computed"


def _with_word(verdict: Verdict, report: Report) -> tuple[str, str]:
    assert verdict.word is not None
    weakest = verdict.dial(verdict.weakest)
    assert weakest is not None
    word = verdict.word.upper()
    split = report.run.get("split")
    if split not in (None, "train", "training"):
        word += f" ON {one_line(str(split)).upper()}"
    asides = list(_asides(verdict, report))
    text = _reason(verdict, weakest)
    return word, text + (f"  ({'; '.join(asides)})" if asides else "")


def _reason(verdict: Verdict, weakest: Dial) -> str:
    """What the word hangs on."""
    name, share = dial_name(weakest.id), percent(weakest.way, weakest.left)
    within = verdict.dial("collapse.nc1")
    crowded = weakest.id.startswith("collapse.gnc")
    if crowded and within is not None and weakest.way < COLLAPSED_FROM <= within.way:
        sit = percent(within.way, within.left)
        return f"samples sit on their means ({sit}); directions not spread ({name}: {share})"
    if weakest.way < NO_NEARER:
        return f"{name}: {PERFECT[weakest.id.split('.')[1]]} ({share})"
    least = "at least " if weakest.bound else ""
    return f"{least}{share} of the way from random to perfect at its weakest: {name}"


PERFECT = {
    "nc1": "classes explain no more than labels at random would",
    "nc2": "no nearer a simplex than random",
    "nc3": "rows and class means no nearer each other than random",
    "nc4": "head and nearest mean agree no more than by chance",
    "gnc": "no more room than random points have",
}
"""What a dial near zero says."""


def _asides(verdict: Verdict, report: Report) -> Iterator[str]:
    """What has to be known to read the word rightly."""
    data = report.data
    if verdict.so_far == "no-head":
        yield "so far as seen without a head"
    elif verdict.so_far == "one-look":
        yield "so far as one look shows: without NC4"
    if data.get("k") == 2:
        yield "2 classes: NC2 holds by definition, not counted"
    sizes = data.get("class_counts") or {}
    least, most = sizes.get("min"), sizes.get("max")
    if least and most and most > UNEQUAL * least:
        target = "; nearest target: SELI" if verdict.geometry == "seli" else ""
        yield f"classes {most / least:.3g}:1{target}"
    weakest = verdict.dial(verdict.weakest)
    if weakest is not None:
        yield from _by_chance(weakest, "features")
    few = any(notice.slug == "few-samples" for notice in report.warnings)
    if few and data.get("n") and data.get("k"):
        yield f"{data['n'] / data['k']:.3g} samples a class"


def _by_chance(dial: Dial, what: str, *, always: bool = False) -> Iterator[str]:
    """What structureless data reach, where that is much and no less than what is there."""
    if dial.chance is not None and dial.chance > NO_NEARER and (always or dial.way <= dial.chance):
        share = percent(dial.chance, 1 - dial.chance)
        yield f"structureless {what} of this size reach {share}"


def _course(document: Report | Trajectory, verdict: Verdict) -> Iterator[str]:
    """Since when the word holds, and what still moves."""
    if not isinstance(document, Trajectory) or verdict.word is None or len(document.points) < 2:
        return
    if verdict.word == "collapsed":
        where = document.label_of(verdict.since) if verdict.since is not None else None
        yield f"above 90 % since {where}"
    elif document.axis != "layer":  # layers stand still
        yield _movement(document)


def _movement(trajectory: Trajectory) -> str:
    """Since when the weakest part has not changed by a twentieth of a nine."""
    ways = [None if each is None else each.way for each in trajectory.verdicts]
    last, still = ways[-1], len(ways) - 1
    assert last is not None
    while still and (before := ways[still - 1]) is not None and _same(before, last):
        still -= 1
    if still == len(ways) - 1:
        return "still moving"
    return f"unchanged since {trajectory.label_of(trajectory.positions[still])}"


def _same(first: float, second: float) -> bool:
    return abs(nines(1 - first) - nines(1 - second)) <= MOVED


def _head(document: Report | Trajectory) -> Iterator[str]:
    """The head's error on these samples."""
    report = document.last if isinstance(document, Trajectory) else document
    accuracy, samples = report.value("nc4.accuracy"), report.data.get("n")
    if (
        isinstance(document, Trajectory)
        and (position := document.facts.get("zero_error")) is not None
    ):
        error = report.run.get("train_error")
        # An error that came back is told as it is now.
        if error == 0 or (error is None and accuracy in (None, 1.0)):
            yield f"no training error since {document.label_of(position)}"
            return
    if accuracy is not None and samples:
        wrong = round((1 - accuracy) * samples)
        of = f"{report.run['split']} " if report.run.get("split") else ""
        yield f"the head is wrong on {wrong:,} of {count(samples, f'{of}sample')}"
