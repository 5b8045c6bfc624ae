"""Rules about numbers, and the verdict on a report, a trajectory or a comparison.

A rule is ``[warn:] WHAT OP NUMBER``. ``WHAT`` is a metric's id (a family or a glob names several),
perhaps with a part of its distribution or its bounds (``gnc2.margin.weights.p05``), perhaps inside
``last()``, ``delta()`` or ``ratio()``. The last two look back: to the baseline, or to the first
point of a trajectory.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from nctool.core.errors import UsageError
from nctool.core.metric_names import matching, suggestion
from nctool.report import Report, Result
from nctool.report.comparison import Comparison
from nctool.report.tolerance import Tolerance, tolerance_for
from nctool.report.trajectory import Trajectory

Outcome = Literal["pass", "fail", "inconclusive", "none"]
Subject = Report | Trajectory | Comparison
D = TypeVar("D", bound=Subject)

LOOKS = ("last", "delta", "ratio")
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
PARTS = ("min", "p01", "p05", "p50", "p95", "max", "mean")
BOUNDS = ("lower", "upper")
RULE = re.compile(
    r"(?P<warn>warn\s*:)?\s*(?:(?P<look>[a-z]+)\s*\(\s*(?P<inner>[^()]*?)\s*\)|(?P<plain>[^()<>=]+?))"
    r"\s*(?P<operator><=|>=|<|>)\s*(?P<bound>\S+)"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of what has to hold."""

    text: str
    source: str
    look: str
    pattern: str
    part: str | None
    operator: str
    bound: float
    warns: bool = False
    """A rule that only warns never decides the outcome."""


@dataclass(frozen=True, slots=True)
class Demands:
    """Everything the numbers have to satisfy, and what a missing number means."""

    rules: tuple[Rule, ...] = ()
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    missing_fails: bool = True
    warn_only: bool = False

    @property
    def any(self) -> bool:
        return bool(self.rules or self.tolerances)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every gate with what it saw; ``fail`` beats ``inconclusive`` beats ``pass``."""

    gates: tuple[Mapping[str, Any], ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _View:
    """The results to judge and those to look back to, by id; the run's name if there are several.

    ``before`` is None without a baseline, and empty for a baseline without any metric.
    """

    now: Mapping[str, Result]
    before: Mapping[str, Result] | None
    run: str | None = None
    against: Literal["baseline", "first"] = "baseline"
    """What ``before`` is: a baseline, or the run's own first point."""

    @property
    def past(self) -> str:
        return "first point" if self.against == "first" else "baseline"


def parse(text: str, source: str = "--gate") -> Rule:
    """The rule that a text states; ``source`` is where it was written, for messages."""
    match = RULE.fullmatch(text.strip())
    try:
        bound = float(match["bound"]) if match else math.nan
    except ValueError:
        bound = math.nan
    look = match["look"] or "last" if match else ""
    if match is None or look not in LOOKS or not math.isfinite(bound):
        raise UsageError(
            "bad-gate",
            f"gate {text!r} ({source}) cannot be read",
            "write it like 'collapse.weakest >= 0.9', 'gnc2.margin.weights.p05 >= 0.3' or "
            "'ratio(nc1.pinv) <= 1.1'",
        )
    pattern, part = (match["inner"] or match["plain"] or "").strip(), None
    head, _, tail = pattern.rpartition(".")
    if head and tail in (*PARTS, *BOUNDS):
        pattern, part = head, tail
    return Rule(
        text.strip(), source, look, pattern, part, match["operator"], bound, bool(match["warn"])
    )


def check_names(demands: Demands, known: Sequence[str]) -> None:
    """Before anything is computed: every rule and tolerance names a metric there is."""
    named = [(rule.pattern, rule.text, rule.source) for rule in demands.rules]
    named += [(pattern, pattern, "--tolerance") for pattern in demands.tolerances]
    for pattern, text, source in named:
        if matching(pattern, known):
            continue
        message = f"{text!r} ({source}) names no metric: {pattern!r}"
        hint = suggestion(pattern, known, "list them with: nctool metrics")
        raise UsageError("unknown-metric", message, hint)


def judge(subject: Subject, demands: Demands, baseline: Report | None = None) -> Verdict:
    """One gate for every rule and every metric that it names, and the outcome of all of them."""
    if not demands.any:
        return Verdict((), "none")
    gates = [
        gate
        for view in _views(subject, baseline)
        for gate in (*_ruled(view, demands), *_tolerated(view, demands))
    ]
    hard = [gate["result"] for gate in gates if gate["severity"] == "error"]
    if "fail" in hard:
        return Verdict(tuple(gates), "fail")
    # Rules that could not be checked at all prove nothing, even if each of them only warns.
    nothing = not any(gate["result"] in ("pass", "fail") for gate in gates)
    if "inconclusive" in hard or (nothing and demands.missing_fails and not demands.warn_only):
        return Verdict(tuple(gates), "inconclusive")
    return Verdict(tuple(gates), "pass")


def judged(document: D, demands: Demands, baseline: Report | None) -> D:
    """The same document, with every gate and the outcome; without demands its own are left."""
    if not demands.any:
        return document
    verdict = judge(document, demands, baseline)
    return replace(document, gates=verdict.gates, outcome=verdict.outcome)


def _views(subject: Subject, baseline: Report | None) -> Iterator[_View]:
    """One view per run that is judged: each run of a comparison, else the report or last point."""

    def by_id(report: Report) -> dict[str, Result]:
        return {result.id: result for result in report}

    if isinstance(subject, Comparison):
        before = by_id(subject.runs[subject.baseline].report)
        for index, run in enumerate(subject.runs):
            if index != subject.baseline:
                yield _View(by_id(run.report), before, run.name)
    elif isinstance(subject, Trajectory):
        against: Literal["baseline", "first"] = "baseline" if baseline else "first"
        yield _View(by_id(subject.last), by_id(baseline or subject.first), against=against)
    else:
        yield _View(by_id(subject), None if baseline is None else by_id(baseline))


def _ruled(view: _View, demands: Demands) -> Iterator[Mapping[str, Any]]:
    for rule in demands.rules:
        for name in matching(rule.pattern, view.now) or [rule.pattern]:
            yield _held(rule, name, view, demands)


def _held(rule: Rule, name: str, view: _View, demands: Demands) -> Mapping[str, Any]:
    now, why = _number(view.now.get(name), rule.part)
    before, _ = _number((view.before or {}).get(name), rule.part)
    observed = now
    if rule.look != "last" and now is not None:
        observed, why = _against(rule.look, now, before, view)
    holds = None if observed is None else OPERATORS[rule.operator](observed, rule.bound)
    tolerance = tolerance_for(name, demands.tolerances)
    if holds is False and rule.look != "last" and tolerance:
        assert now is not None and before is not None
        # Looking back, a change within tolerance is no change.
        holds = not tolerance.exceeded(before, now)
    return _gate(
        name, rule.text, observed, before, holds, rule.warns, rule.source, view, demands, why
    )


def _tolerated(view: _View, demands: Demands) -> Iterator[Mapping[str, Any]]:
    """A tolerance alone asks that no metric becomes less collapsed than the baseline's by more."""
    looked_back = {
        name for rule in demands.rules if rule.look != "last"
        for name in matching(rule.pattern, view.now)
    }  # fmt: skip
    for pattern, tolerance in demands.tolerances.items():
        for name in matching(pattern, view.now) or [pattern]:
            if name in looked_back:
                continue
            metric = view.now.get(name)
            now, why = _number(metric)
            before, _ = _number((view.before or {}).get(name))
            why = why or (None if before is not None else f"no {view.past} value")
            holds = None
            # Only what has become less collapsed fails, by however much it is more.
            if metric is not None and now is not None and before is not None:
                holds = not tolerance.exceeded(before, now) or metric.gained(before, now) >= 0
            text = f"{name} within {tolerance} of the {view.past}"
            yield _gate(name, text, now, before, holds, False, "--tolerance", view, demands, why)


def _number(result: Result | None, part: str | None = None) -> tuple[float | None, str | None]:
    """A metric's value, or a part of its distribution or of its bounds; and why there is none."""
    if result is None:
        return None, "not computed"
    number = result.value
    if part in BOUNDS:
        number = None if result.bounds is None else result.bounds[BOUNDS.index(part)]
    elif part is not None:
        spread = result.distribution
        number = None if spread is None else float(getattr(spread, part))
    if result.value is None:
        return number, result.reason
    return number, f"has no {part}" if number is None else None


def _against(
    look: str, now: float, before: float | None, view: _View
) -> tuple[float | None, str | None]:
    """The difference or ratio to what was before, or why there is none."""
    if view.before is None:
        return None, "there is no baseline"
    if before is None:
        return None, f"the {view.past} has no value"
    if look == "delta":
        return now - before, None
    return (now / before, None) if before else (None, f"the {view.past}'s value is zero")


def _gate(
    name: str, text: str, observed: float | None, before: float | None, holds: bool | None,
    warns: bool, source: str, view: _View, demands: Demands, why: str | None,
) -> Mapping[str, Any]:  # fmt: skip
    missing = "inconclusive" if demands.missing_fails else "missing"
    result = missing if holds is None else "pass" if holds else "fail"
    gate: dict[str, Any] = {
        "id": name, "expr": text, "observed": observed, "baseline": before, "result": result,
        "severity": "warning" if warns or demands.warn_only or result == "missing" else "error",
        "source": source, "reason": why, "against": view.against,
    }  # fmt: skip
    return gate if view.run is None else gate | {"run": view.run}
