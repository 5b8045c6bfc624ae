"""OpenMetrics: read back by the rules of its specification, and every number found again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import pytest

from nctool.render import rendered
from nctool.report.comparison import Comparison, compare
from nctool.report.documents import Document
from nctool.report.runs import Run
from nctool.report.trajectory import Point, Trajectory
from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, document, of, report, trajectory

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass
class Family:
    help: str
    samples: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)


def families(subject: Document) -> dict[str, Family]:
    """Parsed strictly: TYPE and HELP once, then samples, no series twice, EOF at the end."""
    whole = rendered(subject, "x.prom")
    assert isinstance(whole, str) and whole.endswith("\n# EOF\n")
    known: dict[str, Family] = {}
    lines = whole.removesuffix("# EOF\n").split("\n")[:-1]
    assert "# EOF" not in lines
    title = ""
    while lines:
        line = lines.pop(0)
        if line.startswith("# "):
            _, kind, title, rest = line.split(" ", 3)
            assert (kind, rest) == ("TYPE", "gauge") and NAME.fullmatch(title)
            assert title not in known
            _, kind, again, text = lines.pop(0).split(" ", 3)
            assert (kind, again) == ("HELP", title)
            assert re.fullmatch(r'(?:[^"\\]|\\["\\n])*', text)
            known[title] = Family(text)
        else:
            matched = SAMPLE.fullmatch(line)
            assert matched, line
            assert matched[1] == title and NUMBER.fullmatch(matched[3])
            labels = _labels(matched[2] or "")
            assert labels not in known[title].samples, "a series is there twice"
            known[title].samples[labels] = float(matched[3])
    assert all(family.samples for family in known.values())
    return known


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    while text:
        matched = LABEL.match(text)
        assert matched, text
        plain = re.sub(r"\\(.)", lambda one: {"n": "\n"}.get(one[1], one[1]), matched[2])
        found.append((matched[1], plain))
        text = text[matched.end() :]
    assert len(dict(found)) == len(found)
    return tuple(sorted(found))


# Every number of every run and point is one sample, to the last digit, under its metric's name.
@pytest.mark.parametrize("name", EVERY)
def test_every_number(name: str) -> None:
    saved = document(name)
    if isinstance(saved, Trajectory):
        reports = [({"point": point.label}, point.report) for point in saved.points]
    elif isinstance(saved, Comparison):
        reports = [({"run": run.name}, run.report) for run in saved.runs]
    else:
        reports = [({}, saved)]
    expected: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for labels, one in reports:
        moment = {key: one.run[key] for key in ("epoch", "step", "split")}
        labels |= {key: str(value) for key, value in moment.items() if value is not None}
        for result in one:
            if result.value is not None:
                title = "nctool_" + result.id.replace(".", "_")
                expected.setdefault(title, {})[tuple(sorted(labels.items()))] = result.value
    parsed = families(saved)
    outcome = parsed.pop("nctool_outcome")
    assert {title: family.samples for title, family in parsed.items()} == expected
    assert parsed["nctool_nc2_max_cos_weights"].help == report()["nc2.max_cos.weights"].title
    assert [*outcome.samples.values()] == [1.0 if saved.outcome == "fail" else 0.0]


# What an alert asks for: how the gates ended.
@pytest.mark.parametrize(
    ("outcome", "value"), [("none", 0), ("pass", 0), ("fail", 1), ("inconclusive", 2), ("new", 2)]
)
def test_outcome(outcome: str, value: int) -> None:
    parsed = families(of({"nc1.pinv": 1.0}, outcome=outcome))
    assert parsed["nctool_outcome"].samples == {(): value}


# Two points of one name and moment stay two series.
def test_same_names() -> None:
    one = of({"nc1.pinv": 1.0})
    points = tuple(Point("report", place, one) for place in (1, 2, 3))
    parsed = families(Trajectory("checkpoint", points))
    assert len(parsed["nctool_nc1_pinv"].samples) == 3
    runs = [Run("a", one), Run("a", one)]
    assert len(families(compare(runs))["nctool_nc1_pinv"].samples) == 2


# Two metrics that become one name stay two, and none takes the place of the outcome.
def test_same_titles() -> None:
    one = report()["nc1.pinv"]
    ids = ("a.b", "a_b", "a-b", "outcome", "a.b")
    changed = replace(report(), metrics=tuple(replace(one, id=name) for name in ids))
    assert [*families(changed)] == [
        "nctool_a_b", "nctool_a_b_2", "nctool_a_b_3", "nctool_outcome_2", "nctool_outcome",
    ]  # fmt: skip


# Names cannot end a label, begin a line, or say that the file is over.
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", ["report-gated-1.0", "trajectory-1.0", "comparison-splits-1.0"])
def test_names_are_text(name: str, kind: str) -> None:
    plain = families(named(name, ""))
    odd = families(named(name, TEXTS[kind], ids=True))
    assert "nctool_fake" not in odd and len(odd) == len(plain)
    assert [len(family.samples) for family in odd.values()] == [
        len(line.samples) for line in plain.values()
    ]


# A label is what the name was, once its escapes are undone.
@pytest.mark.parametrize("label", ['a"b', "a\\b", "a\\n", "a b,c=1}"])
def test_labels_are_kept(label: str) -> None:
    point = replace(trajectory().points[0], label=label)
    samples = families(replace(trajectory(), points=(point,)))["nctool_nc1_pinv"].samples
    assert {dict(labels)["point"] for labels in samples} == {label}
