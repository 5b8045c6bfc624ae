"""Everything on the screen, at every width: nothing cut off, nothing wider than it has to be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from nctool.core.text import number, one_line
from nctool.render import console, gates, terminal
from nctool.report import Report
from nctool.report.comparison import Comparison, arranged, compare
from nctool.report.documents import Document
from nctool.report.gates import Demands, judge, parse
from nctool.report.runs import Run
from nctool.report.trajectory import Trajectory
from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, comparison, document, of, report

WIDTHS = (40, 80, 140)
AS_WIDE = r"\S  +\S"
"""Cells of a table or a heading of two parts stand beside each other, at any width."""


def shown(subject: Document, width: int, **how: bool) -> list[str]:
    text = console.paint(terminal.lines(subject, width, **how), width=width, color=False)
    return text.splitlines()


def packed(text: str) -> str:
    """Without any space, so that folding makes no difference."""
    return re.sub(r"\s+", "", one_line(text))


def expected(subject: Document) -> Iterator[str]:
    """Names, numbers, reasons and warnings that have to be there in full."""
    for gate in subject.gates:
        yield str(gate["expr"])
        if gate["observed"] is not None:
            yield "is " + number(gate["observed"])
    if isinstance(subject, Comparison):
        yield from (run.name for run in subject.runs)
        for difference in subject.differences:
            yield from (difference.what, *difference.values)
        for row in subject.rows:
            yield row.metric.id
            for change in row.changes:
                yield from (number(change.value), number(change.delta, 3))
        return
    if isinstance(subject, Trajectory):
        yield from (
            number(subject.curve(result.id)[0]) for result in subject if result.value is not None
        )
        subject = subject.last
    yield from _of_report(subject)


def _of_report(subject: Report) -> Iterator[str]:
    for result in subject:
        yield result.id
        yield (
            number(result.value)
            if result.value is not None
            else f"{result.status}: {result.reason}"
        )
    for each in subject.inputs:
        yield from (each.path, each.key)
    for notice in subject.warnings:
        yield from (notice.slug, notice.message, notice.hint)


# Nothing is cut off at any width: every name, number, reason and warning is there.
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EVERY)
def test_nothing_truncated(name: str, width: int) -> None:
    saved = document(name)
    text = packed("".join(shown(saved, width, plot=True)))
    missing = [one for one in expected(saved) if one != "–" and packed(one) not in text]
    assert missing == []
    assert "…" not in text


# No line is wider than the screen, at 80 columns and more.
@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("name", EVERY)
def test_fits(name: str, width: int) -> None:
    assert [one for one in shown(document(name), width, plot=True) if len(one) > width] == []


# On a narrow one, only cells of a table are.
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_narrow(name: str, per_class: bool) -> None:
    wide = [
        one for one in shown(document(name), 40, plot=True, per_class=per_class) if len(one) > 40
    ]
    assert [line for line in wide if not re.search(AS_WIDE, line.strip())] == []


# Gates are a table where it has room; otherwise what was seen stands below what was asked.
def test_gates_fold() -> None:
    gated = report("report-gated-1.0")
    for width in (40, 60, 80, 100):
        text = ["".join(part for part, _ in line) for line in gates.lines(gated, width)]
        assert max(map(len, text)) <= width
        assert sum("is 0.1531" in one for one in text) == 1
    wide = ["".join(part for part, _ in line) for line in gates.lines(gated, 140)]
    assert wide[1].split() == [
        "FAIL",
        "nc1.pinv",
        "<=",
        "0.05",
        "is",
        "0.1531,",
        "baseline",
        "0.02036",
    ]
    assert len(wide) == 1 + len(gated.gates) + 1


# Every outcome has its sentence; a document without gates has none.
@pytest.mark.parametrize(
    ("rule", "said"),
    [("nc1.pinv < 1", "1 gate: every gate passed"), ("nc1.pinv > 1", "at least one gate failed"),
     ("nc5.* < 1", "a gated number is missing: nothing is proved")],
)  # fmt: skip
def test_outcomes(rule: str, said: str) -> None:
    result = judge(report(), Demands((parse(rule),)))
    changed = replace(of({"nc1.pinv": 0.5}), gates=result.gates, outcome=result.outcome)
    for width in WIDTHS:
        assert packed(said) in packed("".join(shown(changed, width)))
        lines = ["".join(part for part, _ in line) for line in gates.lines(changed, width)]
        assert max(map(len, lines)) <= width
    assert gates.lines(report(), 80) == []


# A gate on one run of several says which; what only warns is never said to fail.
def test_runs_and_warnings() -> None:
    judged = judge(comparison(), Demands((parse("warn: delta(nc1.pinv) > 0"),)))
    gated = replace(comparison(), gates=judged.gates, outcome=judged.outcome)
    rows = [one for one in shown(gated, 140) if "delta(nc1.pinv)" in one]
    assert [row.split()[0] for row in rows] == ["warning", "warning"]
    assert [
        row.rstrip().endswith(f"epoch {epoch}")
        for row, epoch in zip(rows, (300, 1000), strict=True)
    ] == [True, True]


# A comparison in which nothing changed says so.
def test_nothing_changed() -> None:
    same = compare([Run("a", report()), Run("b", report())])
    assert shown(arranged(same, only_changed=True), 80)[-1] == (
        "  nothing changed by more than the tolerance"
    )


# Words beside the numbers: more, less, same, and a sign where intervals overlap.
def test_words() -> None:
    def run(name: str, value: float, ci: tuple[float, float]) -> Run:
        (one,) = of({"nc1.pinv": value}).metrics
        return Run(name, replace(of({}), metrics=(replace(one, ci=ci),)))

    compared = compare(
        [run("a", 1.0, (0.9, 1.5)), run("b", 0.5, (0.4, 0.6)), run("c", 2.0, (1.4, 3))]
    )
    rows = [one.split(maxsplit=5) for one in shown(compared, 80) if one.startswith("  nc1.pinv")]
    assert rows[0] == ["nc1.pinv", "1", "0.5", "-0.5", "0.5", "more"]
    assert rows[1] == ["nc1.pinv", "1", "2", "+1", "2", "less ~"]


# Names are shown on their line and cannot command a terminal or a CI server.
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", ["report-gated-1.0", "trajectory-1.0", "comparison-splits-1.0"])
def test_names_are_text(name: str, kind: str) -> None:
    lines = shown(named(name, TEXTS[kind], ids=True), 80, per_class=True)
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.lstrip().startswith("::")]
    text = packed("".join(lines)).replace("\\x3a", ":")
    assert packed(TEXTS[kind]).replace("\\x3a", ":") in text
