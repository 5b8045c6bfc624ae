"""What is demanded of the numbers: rules of the command line and of the settings file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from nctool.core.choices import Missing
from nctool.core.errors import UsageError
from nctool.report import Report
from nctool.report.trajectory import Trajectory

if TYPE_CHECKING:
    from nctool.report.documents import Document
    from nctool.report.gates import Demands
    from nctool.settings.config import Config

EXIT = {"pass": 0, "none": 0, "fail": 1, "inconclusive": 4}

D = TypeVar("D", bound="Document")


def demands(
    config: Config,
    gate: Sequence[str] | None,
    tolerance: Sequence[str] | None,
    missing: Missing | None,
    warn_only: bool,
) -> Demands:
    """All rules together; the names in them are checked before anything else happens."""
    from nctool import metrics
    from nctool.report.gates import Demands, check_names, parse
    from nctool.report.tolerance import tolerance_of

    kept = config.gates
    rules = [parse(text, config.origin["rules"]) for text in _texts(kept, "rules")]
    rules += [parse(text) for text in gate or ()]
    tolerances = dict(tolerance_of(text) for text in _texts(kept, "tolerance"))
    tolerances |= dict(tolerance_of(text) for text in tolerance or ())
    asked = missing or Missing(str(kept.get("missing", Missing.fail)))
    found = Demands(
        tuple(rules), tolerances, asked is Missing.fail, warn_only or bool(kept.get("warn-only"))
    )
    check_names(found, tuple(metrics.registry()))
    return found


def baseline(config: Config, asked: str | None) -> Report | None:
    """The report to look back to: of the command line, or of the settings file beside it."""
    from nctool.report.documents import read

    path = asked
    if path is None and "baseline" in config.gates:
        assert config.folder is not None
        path = str(config.folder / Path(str(config.gates["baseline"])))
    if path is None:
        return None
    found = read(path)
    if isinstance(found, Report):
        return found
    if isinstance(found, Trajectory):
        return found.last
    raise UsageError(
        "bad-baseline", f"baseline {path!r} is a comparison", "give the report of one run"
    )


def judged(document: D, demanded: Demands, before: Report | None) -> D:
    """The same document, with every gate and the outcome."""
    from nctool.report.gates import judge

    if not demanded.any:
        return document
    verdict = judge(document, demanded, before)
    return replace(document, gates=verdict.gates, outcome=verdict.outcome)


def leave(document: Document) -> None:
    """The exit code that the outcome means, after everything was written."""
    code = EXIT[document.outcome]
    if code:
        raise typer.Exit(code)


def _texts(kept: Mapping[str, object], key: str) -> list[str]:
    found = kept.get(key, [])
    return [str(one) for one in found] if isinstance(found, list) else []
