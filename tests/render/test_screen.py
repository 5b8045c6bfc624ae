"""The answer on one screen: 24 lines of 80 columns, whatever was measured and however named."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from nctool.core.notice import Notice
from nctool.render import console, terminal
from nctool.report import Input, Report, documents
from nctool.report.comparison import compare
from nctool.report.documents import Document
from nctool.report.gates import Demands, judge, parse
from nctool.report.runs import Run
from nctool.report.trajectory import Point, Trajectory
from tests.render.hostile import NAMES, TEXTS, _changed
from tests.support.saved import EVERY, document, judged

WIDTHS = (40, 55, 66, 79, 80, 100, 200)
WAYS = {
    "nc1": 0.9987, "nc2.means": 0.9946, "nc2.weights": 0.9996, "nc3": 0.9984, "nc4": 1.0,
    "gnc.means": 0.966, "gnc.weights": 0.99, "hug.means": 0.979, "hug.weights": 0.9998,
}  # fmt: skip
FURTHER_BACK = WAYS | {"nc1": 0.92, "nc3": 0.99841}


def warned(*slugs: str) -> tuple[Notice, ...]:
    return tuple(Notice(slug, f"what {slug} says " * 9, "look") for slug in slugs)


def run_of(*ways: float) -> Trajectory:
    points = tuple(
        Point(f"point {at}", float(at), judged(WAYS | {"nc1": way})) for at, way in enumerate(ways)
    )
    return Trajectory("epoch", points, {"zero_error": 1.0})


def gated(subject: Report, rules: int) -> Report:
    texts = [f"nc1.pinv {'>' if at % 2 else '<'} {at + 1}" for at in range(rules)]
    verdict = judge(subject, Demands(tuple(map(parse, texts))))
    return replace(subject, gates=verdict.gates, outcome=verdict.outcome)


def weights_only() -> Report:
    """Asked, and not to be said without features."""
    saved = judged({"nc2.weights": 0.999, "hug.weights": 0.9}, n=None)
    whole = replace(saved.metrics[0], id="collapse.weakest", value=None, status="skipped",
                    reason="needs features and labels", details=None)  # fmt: skip
    return replace(saved, metrics=(whole, *saved.metrics))


DOCUMENTS: dict[str, Document] = {
    "plain": judged(WAYS),
    "two classes": judged({"nc1": 0.9, "nc3": 0.95, "nc4": 1.0}, data={"k": 2}),
    "no head": judged({"nc1": 0.9, "nc2.means": 0.2, "hug.means": -0.4}),
    "weights only": weights_only(),
    "withheld": judged(WAYS, warnings=warned("rows-misaligned", "other-splits")),
    "many notes": judged(WAYS, warnings=warned(*(f"slug-{at}" for at in range(30)))),
    "doubtful": judged(WAYS, warnings=warned("side-head", *(f"slug-{at}" for at in range(30)))),
    "many gates": gated(judged(WAYS, warnings=warned("side-head", "a", "b")), 40),
    "run": run_of(0.1, 0.5, 0.92, 0.99),
    "long run": run_of(*(at / 300 for at in range(300))),
    "one point": run_of(0.3),
    "two runs": compare([Run("a", judged(WAYS)), Run("b", judged(FURTHER_BACK))]),
    "itself": compare([Run("a", judged(WAYS)), Run("a", judged(WAYS))]),
    "many runs": compare([Run(f"run {at}", judged(WAYS | {"nc1": at / 50})) for at in range(50)]),
    "unlike": compare(
        [Run("a", judged(WAYS)), Run("b", judged(FURTHER_BACK, run={"split": "x" * 90}))],
        allow_mismatch=True,
    ),
}


def shown(subject: Document, width: int = 80, **how: bool) -> list[str]:
    text = console.paint(terminal.lines(subject, width, **how), width=width, color=False)
    return text.splitlines()


def hostile(subject: Document, text: str) -> Document:
    plain: dict[str, Any] = _changed(subject.to_dict(), text, NAMES - {"slug"})
    return documents.from_dict(plain)


HOSTILE = [
    (name, kind) for name in ("doubtful", "many gates", "run", "two runs")
    for kind in ("long", "lines", "escape", "command")
]  # fmt: skip


# 24 lines of 80 columns hold the answer; a narrower screen takes more lines, and none is too wide.
@pytest.mark.parametrize(("name", "kind"), [*((name, "") for name in DOCUMENTS), *HOSTILE])
def test_fits(name: str, kind: str) -> None:
    subject = hostile(DOCUMENTS[name], TEXTS[kind]) if kind else DOCUMENTS[name]
    for width in WIDTHS:
        lines = shown(subject, width)
        assert max(map(len, lines)) <= width, name
        assert all(line.isprintable() for line in lines)
        assert len(lines) <= 24 or width < 80, name
        assert not any(line.lstrip().startswith("::") for line in lines)


# Saved reports of the first release have no dials: they are shown as they were, number by number.
@pytest.mark.parametrize("name", EVERY)
def test_without_dials(name: str) -> None:
    saved = document(name)
    assert shown(saved) == shown(saved, everything=True)


# A model that was run has no file to inspect: the line names the head that was taken.
def test_head_of_a_model() -> None:
    saved = judged(WAYS)
    assert shown(saved)[-1].endswith("which arrays: nctool inspect")
    run = replace(
        saved,
        inputs=tuple(
            Input(role, "Net", key, "collected", (4, 2), "float32", "", "auto", "")
            for role, key in (("features", "input of classify"), ("head", "classify.weight"))
        ),
    )
    assert shown(run)[-1].endswith("    head: classify")


# Where some parts alone were asked for it is these numbers, as it is for reports without any.
def test_asked_for_parts() -> None:
    part = judged({"nc1": 0.9}, n=None)
    assert part.verdict is not None and shown(part) == shown(part, everything=True)
    assert not any(line.startswith("NO VERDICT") for line in shown(part))


# Where the minimum was asked for without its parts there are no dials, and no gap in their place.
def test_minimum_alone() -> None:
    saved = judged(WAYS, warnings=warned("other-splits"))
    lines = shown(replace(saved, metrics=(saved["collapse.weakest"],)))
    assert any(line.startswith("NO VERDICT") for line in lines)
    assert not any(a == b == "" for a, b in pairwise(lines))


# The word stands in capitals at the start of its line.
def test_word() -> None:
    lines = shown(DOCUMENTS["run"])[3:]
    assert lines[0].startswith("COLLAPSED   99") and lines[1].strip().startswith("above 90 % since")
    for name, word in (("withheld", "NO VERDICT"), ("weights only", "CLASSIFIER ONLY")):
        assert any(line.startswith(word) for line in shown(DOCUMENTS[name]))


# What has no room is counted, never dropped without a word; the sum is right.
def test_counted() -> None:
    lines = shown(DOCUMENTS["many notes"])
    notes = [line for line in lines if "slug-" in line]
    assert f"{30 - len(notes)} more: --all" in "\n".join(lines) and len(notes) > 1
    gates = "\n".join(shown(DOCUMENTS["many gates"]))
    failed = gates.count("FAIL")
    assert f"{21 - failed} more: --all" in gates and failed > 3


# What mends a doubtful array is said to its end, before what else there is to say.
@pytest.mark.parametrize("slug", ["rows-misaligned", "labels-by-order"])
def test_mended(slug: str) -> None:
    hint = "save the features and the labels in one loop over all samples, " * 2 + "to the end"
    doubt = Notice(slug, "what it says " * 3, hint)
    for asked in (0, 1):
        saved = gated(judged(WAYS, warnings=(*warned("other", "more"), doubt)), asked)
        lines = shown(saved)
        notes = "\n".join(lines).partition("\nNote ")[2]
        assert notes.split()[0] == f"{slug}:" and "to the end" in notes and len(lines) <= 24


# A gate without a number says why, unless the verdict has said it.
def test_why_inconclusive() -> None:
    assert any("needs features and labels" in line for line in _gates(weights_only()))
    reason = "rows and labels do not match"
    notice = Notice("rows-misaligned", reason, "look")
    whole = replace(judged(WAYS)["collapse.weakest"], value=None, status="undefined", reason=reason)
    saved = judged(WAYS, warnings=(notice,))
    metrics = [whole if each.id == whole.id else each for each in saved.metrics]
    assert not any(reason in line for line in _gates(replace(saved, metrics=tuple(metrics))))


def _gates(subject: Report) -> list[str]:
    verdict = judge(subject, Demands((parse("collapse.weakest >= 0.9"),)))
    lines = shown(replace(subject, gates=verdict.gates, outcome=verdict.outcome))
    first = next(at for at, line in enumerate(lines) if line.startswith("Gates "))
    assert "inconclusive  collapse.weakest >= 0.9" in lines[first]
    return lines[first:]


# A gate that only warns is not said to have passed.
def test_only_warned() -> None:
    verdict = judge(judged(WAYS), Demands((parse("warn: collapse.weakest >= 2"),)))
    saved = replace(judged(WAYS), gates=verdict.gates, outcome=verdict.outcome)
    assert "Gates  1 gate: none failed, 1 only warned" in shown(saved, every_gate=True)


# Every gate is listed where gates are what was asked for.
def test_every_gate() -> None:
    lines = shown(DOCUMENTS["many gates"], every_gate=True)
    assert sum(line.startswith(("  pass  ", "  FAIL  ")) for line in lines) == 40
    assert any(line.startswith("COLLAPSED") for line in lines)
    runs = DOCUMENTS["two runs"]
    judgement = judge(runs, Demands((parse("delta(nc1.pinv) <= 1"),)))
    compared = replace(runs, gates=judgement.gates, outcome=judgement.outcome)
    for every_gate in (False, True):
        lines = shown(compared, every_gate=every_gate)
        assert sum(line.startswith("Gates ") for line in lines) == 1


# Which array is which is told by itself where a role was a close call, and with -v always.
def test_arrays() -> None:
    assert not any("head.weight" in line for line in shown(DOCUMENTS["plain"]))
    assert any(line.startswith("Arrays      features:") for line in shown(DOCUMENTS["doubtful"]))
    verbose = shown(DOCUMENTS["plain"], verbose=True)
    assert any(line.startswith("    head      head.weight") for line in verbose)
    assert "Time" in verbose


# --all is every number, below the sentence; classes and curves join the screen where asked for.
def test_more() -> None:
    run = DOCUMENTS["run"]
    assert any("  nc3.cosine_cv " in line for line in shown(run, everything=True))
    assert any(line.startswith("COLLAPSED ") for line in shown(run, everything=True))
    assert any("nc1.pinv" in line for line in shown(run, plot=True))
    classes = replace(judged(WAYS), metrics=judged(WAYS).metrics)
    assert "Per class" not in shown(classes)


# What stands out: the largest factor between means and rows, the tightest class, the closest pair.
def test_highlights() -> None:
    text = "\n".join(shown(DOCUMENTS["plain"]))
    assert "means 14 × further from a simplex than rows (0.54 %, 0.04 % left)" in text
    assert "tightest class: 3, squeezed by 9, 4, 2; closest pair: 8 and 9" in text
    even = judged({"nc1": 0.9, "nc2.means": 0.9, "nc2.weights": 0.92})
    assert "×" not in "".join(shown(even)[4:])


# A comparison says in one sentence what moved, and shows where it was and where it is.
def test_compared() -> None:
    lines = shown(DOCUMENTS["two runs"])
    assert lines[0] == "b is less collapsed than a in NC1: 1.8 nines back; all else the same"
    assert [line.split()[0] for line in lines[2:4]] == ["a", "b"]
    row = next(line for line in lines if line.startswith("NC1"))
    assert row.index("●") < row.index("○") and row.endswith("99.87 → 92.0 %   -1.8")
    assert not any(line.startswith("NC3") for line in lines)
    assert shown(DOCUMENTS["itself"])[0] == "a is the same as a: no number differs"


# A run without a word stands in a comparison under the same words as by itself.
def test_without_word() -> None:
    withheld, rows = DOCUMENTS["withheld"], weights_only()
    assert isinstance(withheld, Report)
    runs = [Run("a", judged(WAYS)), Run("b", withheld), Run("c", rows)]
    lines = shown(compare(runs, allow_mismatch=True))
    for name, words in (("b", "NO VERDICT"), ("c", "CLASSIFIER ONLY")):
        assert any(line.split("  ")[:1] == [name] and words in line for line in lines)


# Of many runs each has its line, the baseline first.
def test_many_runs() -> None:
    lines = shown(DOCUMENTS["many runs"])
    assert lines[0].startswith("49 runs against run 0: 44 more collapsed, 5 the same")
    assert lines[3].startswith("run 0") and lines[3].endswith("baseline")
    assert any(line.endswith("more: --all") for line in lines)
    assert lines[4].startswith("run 1 ")
