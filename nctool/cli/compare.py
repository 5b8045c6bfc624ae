"""``nctool compare``: several runs side by side."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from nctool.cli.command import argument, only, with_options
from nctool.cli.outputs import Outputs
from nctool.cli.shell import with_exit_codes
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions
from nctool.settings.gate_options import GateOptions
from nctool.settings.option import Option


@with_exit_codes
@with_options
def compare(
    context: typer.Context,
    runs: Annotated[
        list[str],
        argument("Reports, run folders or checkpoints; the first is the baseline.", "RUN..."),
    ],
    compute: Annotated[ComputeOptions, only("metrics", "device")],
    convention: Annotated[ConventionOptions, only("profile", "center")],
    gates: GateOptions,
    outputs: Annotated[
        Outputs, only("json", "output", "all", "ci", "width", "quiet", "no_progress")
    ],
    allow_mismatch: Annotated[bool, Option("Compare although more than collapse differs.")] = False,
    only_changed: Annotated[bool, Option("Leave out what is within tolerance.")] = False,
    split: Annotated[
        tuple[str, ...],
        Option(
            "train, val, test …; two or more of one run are compared with each other.",
            metavar="NAME",
            usual=True,
        ),
    ] = (),
    sort: Annotated[
        Literal["id", "change"] | None, Option("Order of the rows.  [default: as computed]")
    ] = None,
    group_by: Annotated[
        str | None,
        Option("Mean and spread over runs that differ in this alone, such as seed.", metavar="KEY"),
    ] = None,
) -> None:
    """Compare runs: what differs, and which is more collapsed.

    Examples:
      nctool compare runs/7 runs/8            the first is the baseline
      nctool compare runs/7 --split train --split test
      nctool compare a.json b.json c.json --only-changed -o changes.html
    """
    from nctool.api.compared_runs import Measuring, compared
    from nctool.cli import gate_rules
    from nctool.cli.interruption import interruptible
    from nctool.render import console
    from nctool.report.gates import judged

    outputs.check(sources=runs)
    config = context.obj
    demands = gate_rules.demands_of(config, gates)
    progress = interruptible(console.bar(enabled=outputs.bar))
    document = compared(
        runs,
        Measuring(compute, convention, config.by_name(), progress),
        baseline=gates.baseline,
        tolerances=demands.tolerances,
        allow_mismatch=allow_mismatch,
        only_changed=only_changed,
        split=split,
        sort=sort,
        group_by=group_by,
    )
    document = judged(document, demands, None)
    # How the table is to look was asked for: so it is the table that is wanted.
    outputs.deliver(document, table=only_changed or sort is not None)
    gate_rules.leave(document)
