"""``nctool compare``: several runs side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from nctool.cli import options
from nctool.cli.shell import guarded
from nctool.core.choices import Ci


@guarded
def compare(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Reports, run folders or checkpoints; the first is the baseline.",
            show_default=False,
        ),
    ],
    baseline: options.Baseline = None,
    allow_mismatch: Annotated[
        bool,
        typer.Option("--allow-mismatch", help="Compare although more than collapse differs."),
    ] = False,
    only_changed: Annotated[
        bool, typer.Option("--only-changed", help="Leave out what is within tolerance.")
    ] = False,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="train, val, test …; two or more of one run are compared with each other."
        ),
    ] = None,
    sort: options.Sort = None,
    group_by: Annotated[
        str | None,
        typer.Option(help="Mean and spread over runs that differ in this alone, such as seed."),
    ] = None,
    metrics: options.Metrics = None,
    profile: options.Profile = None,
    center: options.Centering = None,
    device: options.Device = "auto",
    gate: options.Gate = None,
    tolerance: options.TolerancePerId = None,
    missing: options.OnMissing = None,
    warn_only: options.WarnOnly = False,
    json: options.Json = None,
    output: options.Output = None,
    ci: options.CiKind = Ci.auto,
    width: options.Width = None,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Compare runs: what differs between them, and which is more collapsed."""
    from nctool.cli import gathering, gating
    from nctool.cli.outputs import Outputs
    from nctool.report import comparison
    from nctool.report.runs import grouped

    wanted = Outputs(json, tuple(output or ()), ci, width, quiet)
    wanted.check(sources=runs)
    config = context.obj
    demanded = gating.demands(config, gate, tolerance, missing, warn_only)
    how = gathering.How(
        metrics, profile, None if center is None else center.value, device,
        quiet=no_progress or quiet or wanted.machine, kept=config.values,
    )  # fmt: skip
    found = gathering.runs(runs, split or (), how)
    if baseline is not None:
        found = [*gathering.runs([baseline], split or (), how), *found]
    compared = comparison.compare(
        grouped(found, group_by) if group_by else found,
        tolerances=demanded.tolerances,
        allow_mismatch=allow_mismatch or len(split or ()) > 1,
    )
    compared = comparison.arranged(compared, only_changed=only_changed, by=sort and sort.value)
    compared = gating.judged(compared, demanded, None)
    wanted.deliver(compared)
    gating.leave(compared)
