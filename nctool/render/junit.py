"""Gates as test cases, as CI servers show them; without gates, every metric is one that passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from nctool.core.text import number, one_line
from nctool.render import Arrays, Renderer
from nctool.report.comparison import Comparison
from nctool.report.documents import Document


def render(document: Document, arrays: Arrays | None, suffix: str) -> str:
    suite = ElementTree.Element("testsuite", name="nctool")
    cases = [_gate(suite, gate) for gate in document.gates] or _metrics(suite, document)
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    # Some readers know no other root than testsuites, and all know this one.
    whole = ElementTree.Element("testsuites", name="nctool")
    whole.append(suite)
    ElementTree.indent(whole)
    return ElementTree.tostring(whole, encoding="unicode", xml_declaration=True) + "\n"


def _gate(suite: ElementTree.Element, gate: Mapping[str, Any]) -> ElementTree.Element:
    place = f"nctool.{gate['run']}" if gate.get("run") else "nctool.report.gates"
    case = _case(suite, place, str(gate["expr"]))
    result, soft = gate["result"], gate["severity"] == "warning"
    seen = "no value" if gate["observed"] is None else f"is {number(gate['observed'], 6)}"
    if gate["baseline"] is not None:
        seen += f", baseline {number(gate['baseline'], 6)}"
    if gate.get("reason"):
        seen += f": {gate['reason']}"
    message = one_line(f"{gate['id']} {seen}")
    # JUnit has no warning: a gate that only warns is a skipped case, which no server calls red.
    if result == "fail" and not soft:
        ElementTree.SubElement(case, "failure", message=message, type="gate")
    elif result == "inconclusive" and not soft:
        ElementTree.SubElement(case, "error", message=message, type="inconclusive")
    elif result != "pass":
        ElementTree.SubElement(case, "skipped", message=one_line(f"{result}: {message}"))
    _out(case, f"{message}; asked by {gate['source']}")
    return case


def _metrics(suite: ElementTree.Element, document: Document) -> list[ElementTree.Element]:
    if isinstance(document, Comparison):
        results = [row.metric for row in document.rows]
    else:
        results = list(document)
    cases = []
    for result in results:
        case = _case(suite, "nctool.metrics", result.id)
        if result.value is None:
            why = one_line(result.reason or result.status)
            ElementTree.SubElement(case, "skipped", message=why)
        else:
            _out(case, f"{result.id} = {number(result.value, 6)}")
        cases.append(case)
    return cases


def _case(suite: ElementTree.Element, place: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=one_line(place), name=one_line(name))


def _out(case: ElementTree.Element, text: str) -> None:
    ElementTree.SubElement(case, "system-out").text = one_line(text)


RENDERER = Renderer("JUnit", (".xml",), render)
