"""``nctool check``: hold a saved result against its gates; instant, no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nctool.cli.command import argument, only, with_options
from nctool.cli.outputs import Outputs
from nctool.cli.shell import with_exit_codes
from nctool.settings.gate_options import GateOptions

if TYPE_CHECKING:
    pass


@with_exit_codes
@with_options
def check(
    context: typer.Context,
    report: Annotated[str, argument("A saved report, trajectory or comparison.", "REPORT")],
    gates: GateOptions,
    outputs: Annotated[Outputs, only("json", "output", "all", "ci", "width", "quiet")],
) -> None:
    """Apply gates to a saved report.

    Examples:
      nctool check run.json --gate 'collapse.weakest >= 0.9'
      nctool check run.json --gate 'ratio(nc1.pinv) <= 1.1' --baseline main.json
      nctool check run.json                   the gates of the settings file

    Exit code 0: all hold; 1: one failed; 4: a gated number is missing.
    """
    from nctool.api.check import check_gated
    from nctool.cli import gate_rules
    from nctool.report.documents import read
    from nctool.report.gates import judged

    outputs.check()
    config = context.obj
    demands = gate_rules.demands_of(config, gates)
    document = read(report)
    check_gated(document, demands.any)
    document = judged(document, demands, gate_rules.baseline_of(config, gates.baseline))
    outputs.deliver(document, every_gate=True)
    gate_rules.leave(document)
