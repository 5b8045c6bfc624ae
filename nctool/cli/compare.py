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
    outputs: Annotated[Outputs, only("json", "output", "ci", "width", "quiet", "no_progress")],
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
    from nctool.cli import gate_rules
    from nctool.cli.compared_runs import Measuring, runs_of
    from nctool.report import comparison
    from nctool.report.runs import grouped

    outputs.check(sources=runs)
    config = context.obj
    demands = gate_rules.demands_of(config, gates)
    measuring = Measuring(compute, convention, config.by_name(), bar=outputs.bar)
    compared = runs_of(runs, split, measuring)
    if gates.baseline is not None:
        compared = [*runs_of([gates.baseline], split, measuring), *compared]
    document = comparison.compare(
        grouped(compared, group_by) if group_by else compared,
        tolerances=demands.tolerances,
        allow_mismatch=allow_mismatch or len(split) > 1,
    )
    document = comparison.arranged(document, only_changed=only_changed, by=sort)
    document = gate_rules.judged(document, demands, None)
    outputs.deliver(document)
    gate_rules.leave(document)
