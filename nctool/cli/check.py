"""``nctool check``: hold a saved result against its gates; instant, no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nctool.cli import options
from nctool.cli.shell import guarded
from nctool.core.choices import Ci
from nctool.core.errors import UsageError

if TYPE_CHECKING:
    from nctool.report.documents import Document


@guarded
def check(
    context: typer.Context,
    report: Annotated[
        str,
        typer.Argument(help="A saved report, trajectory or comparison.", show_default=False),
    ],
    gate: options.Gate = None,
    tolerance: options.TolerancePerId = None,
    baseline: options.Baseline = None,
    missing: options.OnMissing = None,
    warn_only: options.WarnOnly = False,
    json: options.Json = None,
    output: options.Output = None,
    ci: options.CiKind = Ci.auto,
    width: options.Width = None,
    quiet: options.Quiet = False,
) -> None:
    """Apply gates to a saved report. Exit code 1: a gate failed; 4: a gated number is missing."""
    from nctool.cli import gating
    from nctool.cli.outputs import Outputs
    from nctool.report.documents import read

    wanted = Outputs(json, tuple(output or ()), ci, width, quiet, only_gates=True)
    wanted.check()
    config = context.obj
    demanded = gating.demands(config, gate, tolerance, missing, warn_only)
    found = read(report)
    asked(found, demanded.any)
    found = gating.judged(found, demanded, gating.baseline(config, baseline))
    wanted.deliver(found)
    gating.leave(found)


def asked(found: Document, now: bool) -> None:
    """Gates of this call, or at least those that the report was written with."""
    if not now and not found.gates:
        raise UsageError(
            "no-gates",
            "there is nothing to check: no gate was given, and the report has none",
            "--gate 'nc1.pinv <= 0.05', or [tool.nctool.gates] in pyproject.toml",
        )
