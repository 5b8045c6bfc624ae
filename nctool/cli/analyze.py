"""``nctool analyze``: from saved arrays to a report."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from nctool.cli import defaults, gate_rules, ranks
from nctool.cli import dry_run as dry
from nctool.cli.command import argument, with_options
from nctool.cli.interruption import interruptible
from nctool.cli.outputs import Outputs
from nctool.cli.result import leave_with
from nctool.cli.shell import warn, with_exit_codes
from nctool.settings.budget import Budget
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions, resolve
from nctool.settings.gate_options import GateOptions
from nctool.settings.option import COST, ROLES, Option
from nctool.settings.rank_options import RankOptions
from nctool.settings.role_options import RoleOptions

SaveRoles = Annotated[
    bool, Option("Write the roles to [tool.nctool.roles], for the next time.", ROLES)
]

DryRun = Annotated[
    bool, Option("What it would read, hold and cost; nothing is measured.", COST, usual=True)
]


@with_exit_codes
@with_options
def analyze(
    context: typer.Context,
    sources: Annotated[
        list[str],
        argument(
            "Files or folders that hold features, labels and the classifier; "
            "the head may lie in another file than the features.",
            "SOURCE...",
        ),
    ],
    roles: RoleOptions,
    compute: ComputeOptions,
    convention: ConventionOptions,
    budget: Budget,
    gates: GateOptions,
    outputs: Outputs,
    sharing: RankOptions,
    save_roles: SaveRoles = False,
    dry_run: DryRun = False,
) -> None:
    """Measure saved features, labels and classifier weights.

    Examples:
      nctool analyze runs/7 -o run.html       every checkpoint of a run, as a page
      nctool analyze feats.npz model.ckpt     features here, the classifier there
      nctool analyze feats/ --processes 4     four processes share the samples
      nctool analyze feats.npz --dry-run      what it would read, hold and cost
      nctool analyze feats.npz --gate 'collapse.weakest >= 0.9' --json run.json

    Roles are found by name and shape; --features, --labels, --head and --bias name them. Whatever
    the inputs do not allow is skipped, and says what it needs.
    """
    place = ranks.place_of(sharing)
    outputs.check(sources)
    origin = defaults.origins(context)
    if dry_run:
        dry.check(outputs, gates, save_roles=save_roles, settled=origin)
    config = context.obj
    demands = gate_rules.demands_of(config, gates)
    baseline = gate_rules.baseline_of(config, gates.baseline)
    roles = replace(roles, origin=origin)

    from nctool import metrics as catalogue
    from nctool.render import console

    chosen = catalogue.select(compute.metrics)

    from nctool.analysis.measure import Analysis, Settings

    settings = Settings(resolve(convention), compute, budget, defaults.without_roles(origin))
    if dry_run:
        dry.run(sources, chosen, settings, roles, outputs, sharing, place)
        return
    place, compute = ranks.split(sharing, place, compute)
    settings = replace(settings, compute=compute)

    from nctool.analysis.together import measure_together
    from nctool.analysis.trajectories import (
        MeasuredTrajectory,
        measure_points,
        points_of_layers,
        points_of_run,
    )
    from nctool.inputs.sources import inspect, load
    from nctool.readers.remote import Downloads

    first = place is None or place.rank == 0
    bar = interruptible(console.bar(enabled=outputs.bar and first))
    downloads = Downloads(bar) if outputs.quiet else Downloads(bar, warn)
    result: Analysis | MeasuredTrajectory
    with ranks.together(sharing, place) as group:
        if roles.layers is not None:
            points = points_of_layers(sources, roles, downloads)
            result = measure_points(points, chosen, settings, bar, depth=True, group=group)
        elif points := points_of_run(sources, roles, downloads):
            result = measure_points(points, chosen, settings, bar, group=group)
        else:
            source = load(sources, roles, downloads)
            result = measure_together(source, chosen, settings, bar, group)
    if not first:
        return
    if save_roles:
        defaults.save_roles(inspect(sources, roles, downloads), roles)
    analysis = result if isinstance(result, Analysis) else result.last
    document = result.report if isinstance(result, Analysis) else result.trajectory
    leave_with(document, analysis, outputs, demands, baseline, per_class=compute.per_class)
