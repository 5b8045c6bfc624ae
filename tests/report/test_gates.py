"""Rules and tolerances: what they mean, what they refuse, and which outcome wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nctool.core.errors import UsageError
from nctool.report import Report
from nctool.report.gates import Demands, Subject, Verdict, check_names, judge, parse
from nctool.report.tolerance import Tolerance, tolerance_of
from tests.support.saved import comparison, of, report, trajectory


def verdict(
    subject: Subject, *rules: str, baseline: Report | None = None, tolerance: str = "", **how: bool
) -> Verdict:
    tolerances = dict([tolerance_of(tolerance)]) if tolerance else {}
    return judge(subject, Demands(tuple(map(parse, rules)), tolerances, **how), baseline)


def result(subject: Subject, *rules: str, **how: object) -> str:
    (gate,) = verdict(subject, *rules, **how).gates  # type: ignore[arg-type]
    return str(gate["result"])


# Every operator holds on its side of the bound, and on it where it says so.
@pytest.mark.parametrize(
    ("operator", "holds"),
    [("<", (True, False, False)), ("<=", (True, True, False)), (">", (False, False, True)),
     (">=", (False, True, True))],
)  # fmt: skip
def test_operators(operator: str, holds: tuple[bool, ...]) -> None:
    for value, expected in zip((0.04, 0.05, 0.06), holds, strict=True):
        outcome = result(of({"nc1.pinv": value}), f"nc1.pinv {operator} 0.05")
        assert outcome == ("pass" if expected else "fail"), value


# A rule is written with spaces or without, with a sign, an exponent, a part, a look back.
@pytest.mark.parametrize(
    ("text", "pattern", "part", "look", "bound"),
    [
        ("nc1.pinv<=0.05", "nc1.pinv", None, "last", 0.05),
        ("  nc1.pinv   >  -1e-3 ", "nc1.pinv", None, "last", -1e-3),
        ("gnc2.margin.weights.p05 >= .3", "gnc2.margin.weights", "p05", "last", 0.3),
        ("gnc2.margin.weights.lower >= 0.3", "gnc2.margin.weights", "lower", "last", 0.3),
        ("delta(nc1.pinv) < 0", "nc1.pinv", None, "delta", 0.0),
        ("ratio( hug.energy_s0.means.max ) < 1.1", "hug.energy_s0.means", "max", "ratio", 1.1),
        ("last(nc1.*) < 1", "nc1.*", None, "last", 1.0),
        ("warn: nc1.pinv < 1", "nc1.pinv", None, "last", 1.0),
    ],
)
def test_parse(text: str, pattern: str, part: str | None, look: str, bound: float) -> None:
    rule = parse(text)
    assert (rule.pattern, rule.part, rule.look, rule.bound) == (pattern, part, look, bound)
    assert rule.warns == text.startswith("warn")


# What is no rule is refused with an example.
@pytest.mark.parametrize(
    "text",
    ["", "nc1.pinv", "nc1.pinv == 1", "nc1.pinv <= x", "<= 3", "nc1.pinv <= nan", "a <= 1 <= 2",
     "nc1.pinv <= inf", "mean(nc1.pinv) < 1", "delta(nc1.pinv < 1", "nc1.pinv =< 1"],
)  # fmt: skip
def test_no_rule(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.slug == "bad-gate" and "collapse.weakest >= 0.9" in caught.value.hint


# A name that no metric has is found before anything is computed, with the nearest names.
def test_unknown_names() -> None:
    known = ("nc1.pinv", "nc2.cos_std.means")
    check_names(Demands((parse("nc1.* < 1"),), {"nc2.cos_std.*": Tolerance()}), known)
    with pytest.raises(UsageError) as caught:
        check_names(Demands((parse("nc1.pniv < 1"),)), known)
    assert "nc1.pinv" in caught.value.hint
    with pytest.raises(UsageError, match="tolerance"):
        check_names(Demands((), {"nc9.x": Tolerance()}), known)


# Failing beats having no value, and that beats passing; a gate without any value proves nothing.
@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        ([], "none"),
        (["nc1.pinv < 1"], "pass"),
        (["nc1.pinv < 1", "nc1.pinv > 1"], "fail"),
        (["nc1.pinv < 1", "nc1.cdnv < 1"], "inconclusive"),
        (["nc1.pinv > 1", "nc1.cdnv < 1"], "fail"),
        (["nc5.ood_orthogonality < 1"], "inconclusive"),
        (["warn: nc1.pinv > 1", "nc1.pinv < 1"], "pass"),
        (["warn: nc1.pinv > 1"], "pass"),
        (["nc5.* < 1"], "inconclusive"),
    ],
)
def test_outcome(rules: list[str], outcome: str) -> None:
    subject = of({"nc1.pinv": 0.5, "nc1.cdnv": None})
    assert verdict(subject, *rules).outcome == outcome


# With --missing warn a missing number is said and decides nothing; with --warn-only nothing does.
def test_lenient() -> None:
    subject = of({"nc1.pinv": 0.5, "nc1.cdnv": None})
    judged = verdict(subject, "nc1.cdnv < 1", "nc1.pinv < 1", missing_fails=False)
    assert judged.outcome == "pass"
    assert [gate["result"] for gate in judged.gates] == ["missing", "pass"]
    assert judged.gates[0]["reason"] == "for a reason"
    judged = verdict(subject, "nc1.cdnv < 1", "nc1.pinv > 1", warn_only=True)
    assert judged.outcome == "pass" and {gate["severity"] for gate in judged.gates} == {"warning"}
    assert [gate["result"] for gate in judged.gates] == ["inconclusive", "fail"]
    # Not even that no number is there at all, which without it proves nothing.
    for rules in (["nc1.cdnv < 1"], ["warn: nc1.cdnv < 1", "nc5.* < 1"]):
        assert verdict(subject, *rules).outcome == "inconclusive"
        judged = verdict(subject, *rules, warn_only=True)
        assert judged.outcome == "pass" and {gate["severity"] for gate in judged.gates} == {
            "warning"
        }


# One rule is a gate for every metric that its glob or its family names.
@pytest.mark.parametrize("pattern", ["nc1.*", "nc1"])
def test_globs(pattern: str) -> None:
    subject = of({"nc1.pinv": 0.5, "nc1.cdnv": 2.0, "nc4.accuracy": 1.0})
    judged = verdict(subject, f"{pattern} < 1")
    assert [(gate["id"], gate["result"]) for gate in judged.gates] == [
        ("nc1.pinv", "pass"), ("nc1.cdnv", "fail"),
    ]  # fmt: skip


# Parts of the distribution and the bounds are what the report says.
def test_parts() -> None:
    margins = report()["gnc2.margin.weights"]
    assert margins.distribution is not None and margins.bounds is not None
    gates = verdict(
        report(), "gnc2.margin.weights.p05 > 0", "gnc2.margin.weights.lower > 0",
        "gnc2.margin.weights.upper > 0", "nc1.pinv.lower > 0",
    ).gates  # fmt: skip
    assert [gate["observed"] for gate in gates] == [margins.distribution.p05, *margins.bounds, None]
    assert gates[3]["reason"] == "has no lower"


# Looking back: to the baseline report, to the first point of a trajectory, to the baseline run.
def test_looking_back() -> None:
    before, now = of({"nc1.pinv": 0.5}), of({"nc1.pinv": 0.25})
    gates = verdict(now, "delta(nc1.pinv) < 0", "ratio(nc1.pinv) < 0.4", baseline=before).gates
    assert [(gate["observed"], gate["result"]) for gate in gates] == [
        (-0.25, "pass"),
        (0.5, "fail"),
    ]
    course = trajectory()
    curve = course.curve("nc1.pinv")
    (gate,) = verdict(course, "ratio(nc1.pinv) < 1").gates
    assert curve[-1] is not None and curve[0] is not None
    assert gate["observed"] == curve[-1] / curve[0] and gate["baseline"] == curve[0]
    # A baseline that was named takes the place of the first point, for rules and tolerances.
    named = of({"nc1.pinv": 1e-6})
    (gate,) = verdict(course, "ratio(nc1.pinv) < 1", baseline=named).gates
    assert (gate["baseline"], gate["observed"]) == (1e-6, curve[-1] / 1e-6)
    assert gate["result"] == "fail"
    tolerance = "nc1.pinv=rel:5%"
    assert result(course, tolerance=tolerance) == "pass"
    assert result(course, baseline=named, tolerance=tolerance) == "fail"
    gates = verdict(comparison(), "delta(nc1.pinv) < 0").gates
    assert [gate["run"] for gate in gates] == ["epoch 300", "epoch 1000"]
    first = comparison().rows[0].changes
    assert [gate["observed"] for gate in gates] == [first[1].delta, first[2].delta]


# Without anything to look back to a look back proves nothing; nor does the ratio to zero.
def test_nothing_to_look_back_to() -> None:
    now, zero = of({"nc1.pinv": 0.5}), of({"nc1.pinv": 0.0})
    assert result(now, "delta(nc1.pinv) < 0") == "inconclusive"
    assert result(now, "ratio(nc1.pinv) < 2", baseline=zero) == "inconclusive"
    assert result(now, "delta(nc1.pinv) < 2", baseline=of({"nc1.cdnv": 1.0})) == "inconclusive"
    assert result(now, "nc1.pinv < 1") == "pass"


# A tolerance is exceeded only when both of its halves are; only being less collapsed counts.
@pytest.mark.parametrize(
    ("name", "before", "now", "expected"),
    [
        ("nc1.pinv", 0.100, 0.104, "pass"),  # 4 %
        ("nc1.pinv", 0.100, 0.110, "fail"),  # 10 % and 0.01
        ("nc1.pinv", 0.010, 0.0115, "pass"),  # 15 %, but only 0.0015
        ("nc1.pinv", 0.100, 0.010, "pass"),  # more collapsed
        ("nc4.accuracy", 1.00, 0.90, "fail"),
        ("nc4.accuracy", 0.90, 1.00, "pass"),
        ("gnc2.margin.weights", 1.0, 0.9, "fail"),  # no ideal: less is less collapsed
        ("gnc2.margin.weights", 0.9, 1.0, "pass"),
    ],
)
def test_tolerance(name: str, before: float, now: float, expected: str) -> None:
    tolerance = f"{name}=rel:5%,abs:0.002"
    assert result(of({name: now}), baseline=of({name: before}), tolerance=tolerance) == expected


# A rule that looks back forgives what is within tolerance, and then there is one gate, not two.
def test_tolerance_of_a_rule() -> None:
    before, now = of({"nc1.pinv": 0.100}), of({"nc1.pinv": 0.101})
    rule = "delta(nc1.pinv) <= 0"
    assert result(now, rule, baseline=before) == "fail"
    assert result(now, rule, baseline=before, tolerance="nc1.pinv=rel:5%,abs:0") == "pass"
    # A bound on the number itself stays a bound.
    judged = verdict(now, "nc1.pinv <= 0.1", baseline=before, tolerance="nc1.pinv=rel:5%,abs:0")
    assert [gate["result"] for gate in judged.gates] == ["fail", "pass"]


# A tolerance without a baseline proves nothing.
def test_tolerance_without_baseline() -> None:
    assert result(of({"nc1.pinv": 1.0}), tolerance="nc1.pinv=rel:5%") == "inconclusive"


# Tolerances are written as documented, and nothing else is guessed at.
@pytest.mark.parametrize(
    ("text", "rel", "absolute"),
    [("a=rel:5%,abs:0.002", 0.05, 0.002), ("a = rel:0.1", 0.1, 0.0), ("a=abs:1e-3", 0.0, 1e-3)],
)
def test_tolerance_of(text: str, rel: float, absolute: float) -> None:
    name, tolerance = tolerance_of(text)
    assert name == "a" and (tolerance.rel, tolerance.abs) == pytest.approx((rel, absolute))
    assert tolerance_of(f"a={tolerance}")[1] == tolerance


@pytest.mark.parametrize(
    "text", ["a", "a=", "=rel:5%", "a=5%", "a=rel:-1", "a=rel:x", "a=rel:1,rel:2", "a=abs:inf"]
)
def test_no_tolerance(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        tolerance_of(text)
    assert caught.value.slug == "bad-tolerance"


# The frozen report with gates still has the verdict that it was given.
def test_frozen() -> None:
    gated = report("report-gated-1.0")
    assert gated.outcome == "fail"
    assert [gate["result"] for gate in gated.gates] == [
        "fail", "pass", "inconclusive", "fail", "fail",
    ]  # fmt: skip
    assert replace(gated, gates=()).to_dict()["gates"] == []
