"""JUnit: what CI servers read, in the form that all of them agree on."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from nctool.render import rendered
from nctool.report import Report
from nctool.report.comparison import Comparison
from nctool.report.documents import Document
from nctool.report.gates import Demands, judge, parse
from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, comparison, document, of, report

OUTCOMES = ("failure", "error", "skipped")
GATED = "report-gated-1.0"


def text(subject: Document) -> str:
    whole = rendered(subject, "x.xml")
    assert isinstance(whole, str)
    return whole


def suite(subject: Document) -> ElementTree.Element:
    """The one suite, after every rule of the common schema held."""
    whole = text(subject)
    assert whole.startswith("<?xml version='1.0' encoding='utf-8'?>\n")
    root = ElementTree.fromstring(whole.encode())
    assert root.tag == "testsuites"
    (only,) = root
    assert only.tag == "testsuite" and only.get("name") == "nctool"
    cases = list(only)
    counts = dict.fromkeys(OUTCOMES, 0)
    for case in cases:
        assert case.tag == "testcase" and set(case.attrib) == {"classname", "name"}
        assert all(case.attrib.values())
        tags = [child.tag for child in case]
        # At most one outcome, and what was said comes last.
        assert re.fullmatch("(failure |error |skipped )?(system-out )?", " ".join([*tags, ""]))
        for child in case:
            allowed = {"failure": {"message", "type"}, "error": {"message", "type"}}
            assert set(child.attrib) == allowed.get(child.tag, set() if child.text else {"message"})
            counts[child.tag] = counts.get(child.tag, 0) + 1
    assert only.get("tests") == str(len(cases))
    said = {"failure": "failures", "error": "errors", "skipped": "skipped"}
    assert {one: only.get(said[one]) for one in OUTCOMES} == {
        one: str(counts[one]) for one in OUTCOMES
    }
    return only


def outcome(case: ElementTree.Element) -> str:
    return next((child.tag for child in case if child.tag in OUTCOMES), "passed")


# Every document keeps the rules; without gates every metric is a case, with its value if any.
@pytest.mark.parametrize("name", [name for name in EVERY if name != GATED])
def test_metrics(name: str) -> None:
    saved = document(name)
    results = [row.metric for row in saved.rows] if isinstance(saved, Comparison) else [*saved]
    cases = list(suite(saved))
    assert [case.get("name") for case in cases] == [result.id for result in results]
    for case, result in zip(cases, results, strict=True):
        if result.value is None:
            (skipped,) = case
            assert skipped.tag == "skipped" and skipped.get("message") == result.reason
        else:
            said, _, value = (case.findtext("system-out") or "").partition(" = ")
            assert said == result.id and float(value) == pytest.approx(result.value, rel=1e-4)


# A gate is a case: it fails, errs without a number, passes, or is skipped where it only warns.
def test_gates() -> None:
    saved = report(GATED)
    cases = list(suite(saved))
    assert [outcome(case) for case in cases] == [
        "failure", "passed", "error", "skipped", "failure",
    ]  # fmt: skip
    for case, gate in zip(cases, saved.gates, strict=True):
        assert case.get("name") == gate["expr"]
        said = case.findtext("system-out") or ""
        assert str(gate["source"]) in said
        if gate["observed"] is not None:
            (value,) = re.findall(r" is ([^,;]*)", said)
            assert float(value) == pytest.approx(gate["observed"], rel=1e-5)
    assert "0.153062" in str(cases[0][0].get("message"))
    assert "needs ood" in str(cases[2][0].get("message"))


# What proves nothing but is forgiven is skipped, not an error; and so is what only warns.
def test_lenient() -> None:
    demands = Demands((parse("nc5.ood_orthogonality < 1"),), missing_fails=False)
    subject = report()
    gates = judge(subject, demands).gates
    (case,) = suite(of({}, gates=gates))
    assert outcome(case) == "skipped" and str(case[0].get("message")).startswith("missing: ")


# A gate on a run of a comparison is a case in a class of that run.
def test_runs() -> None:
    saved = comparison()
    verdict = judge(saved, Demands((parse("delta(nc1.pinv) < 0"),)))
    gated = Comparison(saved.runs, 0, (), saved.rows, verdict.gates, verdict.outcome)
    assert [case.get("classname") for case in suite(gated)] == [
        "nctool.epoch 300", "nctool.epoch 1000",
    ]  # fmt: skip


# A suite without cases is a suite.
def test_empty() -> None:
    assert len(suite(of({}))) == 0


# Names cannot end an element, begin another, or hold what XML has no letters for.
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", [GATED, "trajectory-1.0", "comparison-splits-1.0"])
def test_names_are_text(name: str, kind: str) -> None:
    hostile = named(name, TEXTS[kind], ids=True)
    assert len(suite(hostile)) == len(hostile.gates)
    bare = replace(hostile, gates=())
    size = len(bare.rows) if isinstance(bare, Comparison) else len([*bare])
    assert len(suite(bare)) == size


# The same, seen: the text is in the message as it was.
def test_text_is_kept() -> None:
    hostile = named(GATED, TEXTS["script"])
    assert isinstance(hostile, Report)
    assert suite(hostile)[0].get("name") == hostile.gates[0]["expr"]
