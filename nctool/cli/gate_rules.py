"""Gates of a command: rules of the command line and of the settings files, and their outcome."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from nctool.report import Report
    from nctool.report.documents import Document
    from nctool.report.gates import Demands
    from nctool.settings.config import Config
    from nctool.settings.gate_options import GateOptions

EXIT = {"pass": 0, "none": 0, "fail": 1, "inconclusive": 4}


def demands_of(config: Config, options: GateOptions) -> Demands:
    """All rules together; the names in them are checked before anything else happens."""
    from nctool import metrics
    from nctool.report.gates import Demands, check_names, parse
    from nctool.report.tolerance import tolerance_of

    # Rules of the project always hold; those of the command line come on top of them.
    gates: Mapping[str, Any] = config.gates
    rules = [parse(text, config.origin["rules"]) for text in gates.get("rules", ())]
    rules += [parse(text) for text in options.gate]
    texts = [*gates.get("tolerance", ()), *options.tolerance]
    missing = options.missing or gates.get("missing", "fail")
    warn_only = options.warn_only or gates.get("warn-only", False)
    demands = Demands(tuple(rules), dict(map(tolerance_of, texts)), missing == "fail", warn_only)
    check_names(demands, tuple(metrics.registry()))
    return demands


def baseline_of(config: Config, path: str | None) -> Report | None:
    """The report that changes are counted from, named by the command line or the settings."""
    from nctool.api.check import baseline_report

    if path is None and "baseline" in config.gates:
        assert config.folder is not None
        # Relative to the settings file, wherever the command runs.
        path = str(config.folder / Path(str(config.gates["baseline"])))
    return None if path is None else baseline_report(path)


def leave(document: Document) -> None:
    """Exit with the code of the outcome; called after everything was written."""
    if code := EXIT[document.outcome]:
        raise typer.Exit(code)
