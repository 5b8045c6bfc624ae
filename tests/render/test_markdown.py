"""Markdown for a pull request: tables that hold, text that stays text, and never too long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from nctool.core.notice import Notice
from nctool.core.text import number
from nctool.render import markdown, markdown_text, rendered
from nctool.render.curves import sparkline
from nctool.report import Report
from nctool.report.comparison import Comparison, compare
from nctool.report.documents import Document
from nctool.report.runs import Run
from nctool.report.trajectory import Point, Trajectory
from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, comparison, document, judged, of, report, trajectory

CELLS = re.compile(r"(?<!\\)\|")
FOLD = re.compile(r"^<details><summary>All [\w ]+</summary>$|^</details>$", re.MULTILINE)
"""The only markup that is ours."""
CODE = re.compile(r"(?<!\\)`[^`\n]*`")


def text(subject: Document) -> str:
    whole = rendered(subject, "x.md")
    assert isinstance(whole, str) and len(whole.encode()) <= 60_000
    return whole


def tables(whole: str) -> Iterator[list[list[str]]]:
    """Every table, header first; all rows of one have as many cells as its rule has columns."""
    rows: list[list[str]] = []
    for line in [*whole.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in CELLS.split(line)[1:-1]])
        elif rows:
            head, rule, *body = rows
            assert all(re.fullmatch(":?-{3,}:?", one) for one in rule)
            assert {len(row) for row in (head, *body)} == {len(rule)}
            yield [head, *body]
            rows = []


def rows(whole: str, *heads: str) -> dict[str, list[str]]:
    """The rows of all tables with this header, by their first cell."""
    return {
        row[0].strip("`"): row[1:]
        for head, *body in tables(whole)
        if head == list(heads)
        for row in body
    }


# A report's numbers are in its tables, each beside what is perfect and what is random.
@pytest.mark.parametrize("name", ["report-1.0", "report-gated-1.0", "report-head-1.0"])
def test_report(name: str) -> None:
    saved = report(name)
    known = rows(text(saved), "metric", "value", "perfect", "random")
    assert [*known] == [result.id for result in saved if result.status == "ok"]
    for result in saved:
        if result.value is not None:
            value, perfect, chance = known[result.id]
            assert (value, chance) == (number(result.value), number(result.null_value))
            assert perfect.startswith("↓ lower" if result.toward_collapse == "down" else "↑ higher")
            assert f", {number(result.floor or result.ideal)}" in perfect or result.ideal is None
    assert known["gnc2.margin.weights"][1].endswith(number(_best(saved)))
    absent = sum(result.value is None for result in saved)
    assert f"{absent} metrics without a value" in text(saved)


def _best(subject: Report) -> float | None:
    best = subject["gnc2.margin.weights"].best_known
    return None if best is None else best.value


# A trajectory's: where it began, where it ended, and the course between.
def test_course() -> None:
    saved = trajectory()
    known = rows(text(saved), "metric", "first", "last", "course", "perfect")
    for result in saved:
        if result.value is not None:
            curve = saved.curve(result.id)
            first, last, course, _ = known[result.id]
            assert (first, last) == (number(curve[0]), number(curve[-1]))
            assert course == sparkline(curve)
    assert "5 points, epoch 1 to epoch 1000" in text(saved)
    assert "no training error from epoch 100 on" in text(saved)


# A comparison's: each run against the baseline, in numbers and in words.
@pytest.mark.parametrize("name", ["comparison-1.0", "comparison-splits-1.0"])
def test_comparison(name: str) -> None:
    saved = comparison(name)
    heads = ("metric", "baseline", "run", "delta", "ratio", "")
    known = [table[1:] for table in tables(text(saved)) if table[0] == list(heads)]
    others = [place for place in range(len(saved.runs)) if place != saved.baseline]
    for place, body in zip(others, known, strict=True):
        assert f"**{saved.runs[place].name}** against {saved.runs[0].name}" in text(saved)
        for row, cells in zip(saved.rows, body, strict=True):
            before, now = row.changes[saved.baseline], row.changes[place]
            assert cells == [
                f"`{row.metric.id}`", number(before.value), number(now.value), number(now.delta),
                number(now.ratio), now.word,
            ]  # fmt: skip
    for difference in saved.differences:
        assert f"{difference.what} ({', '.join(difference.values)})" in text(saved)


# The verdict comes first, and a word stands beside every symbol.
def test_gates() -> None:
    saved = report("report-gated-1.0")
    whole = text(saved)
    assert whole.splitlines()[2].startswith("**❌ a gate failed**: FAIL  nc1.pinv ")
    body = next(tables(whole))[1:]
    assert [row[0] for row in body] == [
        "❌ fail", "✅ pass", "❔ inconclusive", "⚠️ warning", "❌ fail",
    ]  # fmt: skip
    assert [row[2] for row in body] == [
        number(gate["observed"]) if gate["observed"] is not None else "needs ood"
        for gate in saved.gates
    ]
    assert [row[3] for row in body] == [number(gate["baseline"]) for gate in saved.gates]


# Epoch 0 is said, and so is a head alone.
def test_about() -> None:
    start = of({"nc1.pinv": 1.0}, run={**report().run, "epoch": 0, "step": None})
    assert "epoch 0: 1,437 samples, 10 classes, d = 64" in text(start)
    assert "60 classes, d = 8" in text(report("report-head-1.0"))


# The answer takes fifteen lines at most, dials and failed gates included; the rest is folded away.
@pytest.mark.parametrize("gates", [False, True])
def test_answer(gates: bool) -> None:
    saved: Report = judged(
        {"nc1": 0.99, "nc2.means": 0.9, "nc2.weights": 0.95, "nc3": 0.9, "nc4": 1.0,
         "gnc.means": 0.4, "hug.means": 0.5},
        gates=report("report-gated-1.0").gates if gates else (),
        outcome="fail" if gates else "none",
    )  # fmt: skip
    run = Trajectory("epoch", (Point("a", 1.0, saved), Point("b", 2.0, saved)))
    pair = compare([Run("a", saved), Run("b", judged({"nc1": 0.9, "nc3": 0.9, "nc4": 0.9}))])
    for subject in (saved, run, pair):
        top, fold, rest = text(subject).partition("\n<details><summary>")
        assert fold and top.count("\n") <= 15 and rest.endswith("\n</details>\n")
    lines = text(saved).splitlines()
    assert lines[2].startswith("**PARTLY COLLAPSED** ") or lines[2].startswith("**COLLAPSED** ")
    assert ("FAIL  nc1.pinv" in text(saved).partition("<details>")[0]) is gates
    known = rows(text(saved), "dial", "way", "random")
    assert known["NC2 means, rows: a simplex"] == ["90 %, 95.0 %", "0.0 %"]
    assert list(rows(text(run), "dial", "way", "random", "course")) == list(known)
    back = rows(text(pair), "dial", "baseline", "run", "nines", "")
    assert back["NC1"][2:] == ["-1", "less collapsed"]


# Whatever names say, there are as many lines and cells, and nothing a site would obey.
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", ["report-gated-1.0", "trajectory-1.0", "comparison-splits-1.0"])
def test_names_are_text(name: str, kind: str) -> None:
    plain, odd = text(named(name, "")), text(named(name, TEXTS[kind]))
    assert len(odd.splitlines()) == len(plain.splitlines())
    shape = [[len(row) for row in table] for table in tables(plain)]
    assert [[len(row) for row in table] for table in tables(odd)] == shape
    odd += text(named(name, TEXTS[kind], ids=True))
    assert all(sign.isprintable() or sign in "\n\u200b" for sign in odd)
    bare = FOLD.sub("", CODE.sub("", odd))
    assert not re.search(r"(?<!\\)[<>\[\]`&$]", bare)
    assert not re.search(r"(?i)@\w|#\d|://|www\.|gh-\d", bare)
    assert not re.search(r"(?<!\\)(\*\*b|_i|~~s)", bare)


# A name is shown, though: only what a site would take for more than text is kept apart.
@pytest.mark.parametrize(
    ("name", "shown"),
    [("a|b", r"a\|b"), ("@team", "\\@\u200bteam"), ("a_b*c", r"a\_b\*c"), ("漢字", "漢字"),
     ("https://x.org", "https:\u200b//x.org"), ("#1", "\\#\u200b1"),
     ("www.x.org", "www\u200b.x.org"),
     ("a\nb", r"a\\nb"), ("x" * 1000, "x" * 299 + "…"), ("&lt;", r"\&lt;")],
)  # fmt: skip
def test_escaped(name: str, shown: str) -> None:
    assert markdown_text.escaped(name) == shown


# Only what is surely a metric's name is set as code.
def test_code() -> None:
    assert markdown_text.code("nc1.pinv") == "`nc1.pinv`"
    assert markdown_text.code("a`b") == r"a\`b" and markdown_text.code("") == ""


# Twenty runs are cut at the end of a line, and it says so.
def test_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = compare([Run(f"run {place}", report()) for place in range(20)])
    cut = text(compared)
    kept = cut.removesuffix(f"\n\n{markdown.CLOSE}{markdown.CUT}")
    assert kept != cut and 59_000 < len(cut.encode()) <= 60_000
    monkeypatch.setattr(markdown, "MOST_BYTES", 1 << 30)
    whole = str(rendered(compared, "x.md"))
    assert whole.startswith(kept) and whole[len(kept)] == "\n"
    assert len(whole.encode()) > 60_000


# A single line that is too long is left out, not cut through.
def test_cut_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "MOST_BYTES", 300)
    compared = compare([Run("漢" * 299 + str(place), report()) for place in range(2)])
    assert text(compared) == "### Neural collapse\n" + markdown.CUT


# Short documents are whole, warnings and all.
@pytest.mark.parametrize("name", EVERY)
def test_whole(name: str) -> None:
    saved = document(name)
    whole = text(saved)
    assert markdown.CUT not in whole and whole.startswith("### Neural collapse\n")
    last = saved.last if isinstance(saved, Trajectory) else saved
    for notice in () if isinstance(last, Comparison) else last.warnings:
        assert f"- `{notice.slug}`: {markdown_text.escaped(notice.message)}" in whole
    assert ("**Worth knowing**" in whole) == bool(
        not isinstance(last, Comparison) and last.warnings
    )


# An empty report is a heading and what it is about.
def test_empty() -> None:
    assert not [*tables(text(of({})))]
    assert "|" not in text(replace(of({}), outcome="pass"))


# Where the verdict is withheld, what mends that stands behind the cause.
def test_withheld() -> None:
    notice = Notice("labels-shifted", "rows and labels do not match", "use labels - 1")
    given = judged({"nc1": 0.95, "nc2.means": 0.92}, warnings=(notice,))
    text = markdown.render(given, None, ".md")
    assert "**NO VERDICT** rows and labels do not match; use labels - 1" in text
