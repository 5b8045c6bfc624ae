"""Annotations in the log of a CI job: one line each, and no name gives an order of its own."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nctool.core.text import one_line
from nctool.render import ci, console
from nctool.render.lines import line
from nctool.report.gates import Demands, judge, parse
from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, comparison, document, of, report, trajectory

GITHUB = re.compile(r"::(error|warning) title=([^:,%\n]|%25|%3A|%2C)*::(?:[^%\n]|%25)*")


def decoded(command: str) -> tuple[str, str, str]:
    """Level, title and text, as the runner reads them."""
    matched = re.fullmatch(r"::(\w+) title=([^:]*)::(.*)", command)
    assert matched
    level, title, text = matched.groups()
    for code, sign in (("%3A", ":"), ("%2C", ","), ("%25", "%")):
        title = title.replace(code, sign)
    return level, title, text.replace("%25", "%")


# A gate that did not pass is one line: an error, or a warning where that is all it does; one
# without a number says why.
def test_gates() -> None:
    assert [*ci.log_lines(report("report-gated-1.0"), "github")] == [
        "::error title=nctool gate fail (error)::nc1.pinv <= 0.05: is 0.1531",
        "::error title=nctool gate inconclusive (error)::nc5.ood_orthogonality <= 0.1: no value: "
        "needs ood",
        "::warning title=nctool gate fail (warning)::warn: gnc2.margin.weights.p05 >= 2: is 0.9848",
        "::error title=nctool gate fail (error)::nc1.trace_ratio within rel:0.05,abs:0.002 of the "
        "baseline: is 0.3787",
    ]
    assert next(ci.log_lines(report("report-gated-1.0"), "gitlab")) == (
        "ERROR: nctool gate fail: nc1.pinv <= 0.05: is 0.1531"
    )


# A number that may be missing is a warning, and a comparison says of which run.
def test_lenient_and_runs() -> None:
    gates = judge(report(), Demands((parse("nc5.* < 1"),), missing_fails=False)).gates
    assert next(ci.log_lines(of({}, gates=gates), "github")).startswith(
        "::warning title=nctool gate missing (warning)::"
    )
    verdict = judge(comparison(), Demands((parse("delta(nc1.pinv) > 0"),)))
    compared = replace(comparison(), gates=verdict.gates)
    assert [decoded(log_line)[2] for log_line in ci.log_lines(compared, "github")] == [
        f"delta(nc1.pinv) > 0 of {gate['run']}: is {-abs(gate['observed']):.4g}"
        for gate in verdict.gates
    ]


# Warnings are told once, those of the report that stands for the whole.
@pytest.mark.parametrize("kind", ["github", "gitlab"])
@pytest.mark.parametrize("name", EVERY)
def test_warnings(name: str, kind: str) -> None:
    saved = document(name)
    lines = [log_line for log_line in ci.log_lines(saved, kind) if "nctool gate" not in log_line]
    assert len(lines) == len(ci.warnings_of(saved))
    for text, notice in zip(lines, ci.warnings_of(saved), strict=True):
        assert notice.slug in text
        assert notice.message in (decoded(text)[2] if kind == "github" else text)


def test_warnings_of_a_course() -> None:
    hostile = named("trajectory-1.0", "")
    assert [notice.slug for notice in ci.warnings_of(hostile)] == ["odd"]
    assert ci.warnings_of(trajectory()) == trajectory().last.warnings


# A name stays within its line and its place, and is read back as it was.
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("name", ["report-gated-1.0", "comparison-splits-1.0", "trajectory-1.0"])
def test_names_are_text(name: str, text: str) -> None:
    hostile = named(name, text, ids=True)
    plain = [*ci.log_lines(named(name, ""), "github")]
    lines = [*ci.log_lines(hostile, "github")]
    assert len(lines) == len(plain) > 0
    for one, before in zip(lines, plain, strict=True):
        assert one.isprintable() and GITHUB.fullmatch(one)
        level, title, said = decoded(one)
        assert (level, title.split(" ")[0]) == (decoded(before)[0], "nctool")
        assert one_line(text) in said
    for log_line in ci.log_lines(hostile, "gitlab"):
        assert log_line.isprintable() and re.match("(ERROR|WARNING): nctool ", log_line)


# Nor does the log itself: what begins a line on the screen is no command either.
@pytest.mark.parametrize("color", [False, True])
def test_no_command_on_the_screen(color: bool) -> None:
    shown = console.paint(
        [line("::error::x"), line("   ", ("::add-mask::y", "faint")), line("a ::b"), line("")],
        width=80, color=color,
    )  # fmt: skip
    bare = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert bare == "\\x3a:error::x\n   \\x3a:add-mask::y\na ::b\n\n"
