"""``nctool.check``: gates on a result, and whether they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nctool import metrics
from nctool.core.errors import UsageError
from nctool.core.text import number, one_line
from nctool.report import Report, gates
from nctool.report.documents import Document, read, report_of
from nctool.report.tolerance import tolerance_of
from nctool.settings.gate_options import Missing


@dataclass(frozen=True, slots=True, repr=False)
class Check:
    """The gates of a document; true only where every one that decides was seen to hold."""

    report: Document
    """The document with its gates and outcome, to be saved with them: ``.xml`` is for CI."""

    @property
    def outcome(self) -> str:
        """``pass``, ``fail``, or ``inconclusive`` where a gated number is missing."""
        return self.report.outcome

    @property
    def passed(self) -> bool:
        return self.outcome == "pass"

    @property
    def gates(self) -> tuple[Mapping[str, Any], ...]:
        """Every gate with what it saw, as in the JSON."""
        return self.report.gates

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        broken = [gate for gate in self.gates if gate["result"] != "pass"]
        held = f"{len(self.gates) - len(broken)} of {len(self.gates)} gates hold"
        return "; ".join([f"{self.outcome}: {held}", *map(_why, broken)])


def _why(gate: Mapping[str, Any]) -> str:
    where = f"{gate['run']}: " if gate.get("run") else ""
    seen = number(gate["observed"]) if gate["observed"] is not None else gate["reason"]
    return one_line(f"{where}{gate['expr']} ({gate['id']}: {seen})")


def check(
    report: str | Path | Document,
    *gate: str,
    tolerance: str | Sequence[str] = (),
    baseline: str | Path | Document | None = None,
    missing: Missing = "fail",
    warn_only: bool = False,
) -> Check:
    """Hold a report, trajectory or comparison, or a saved one, against rules.

    ``nctool.check(report, "nc1.pinv <= 0.05", "warn: nc4 <= 0.01")``; ``delta()`` and ``ratio()``
    look back to ``baseline``, to a run's first point or to a comparison's baseline. ``tolerance``
    holds rules such as ``"nc1=rel:5%"``. Without rules the document's own gates are read. The
    result is true where all hold, and has ``outcome``, ``gates`` and ``report``.
    """
    document = _document(report)
    limits = [tolerance] if isinstance(tolerance, str) else tolerance
    demands = gates.Demands(
        tuple(gates.parse(text, "nctool.check") for text in gate),
        dict(map(tolerance_of, limits)),
        missing == "fail",
        warn_only,
    )
    gates.check_names(demands, tuple(metrics.registry()))
    check_gated(document, demands.any)
    before = None if baseline is None else baseline_report(baseline)
    return Check(gates.judged(document, demands, before))


def _document(given: str | Path | Document) -> Document:
    return read(given) if isinstance(given, str | Path) else given


def baseline_report(given: str | Path | Document) -> Report:
    """The report that changes are counted from: a trajectory's last."""
    report = report_of(_document(given))
    if report is None:
        name = f"baseline {str(given)!r}" if isinstance(given, str | Path) else "this baseline"
        raise UsageError("bad-baseline", f"{name} is a comparison", "give the report of one run")
    return report


def check_gated(document: Document, now: bool) -> None:
    """Raise where neither this call nor the saved report has a gate."""
    if not now and not document.gates:
        message = "there is nothing to check: no gate was given, and the report has none"
        hint = "--gate 'collapse.weakest >= 0.9', or [tool.nctool.gates] in pyproject.toml"
        raise UsageError("no-gates", message, hint)
