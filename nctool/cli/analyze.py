"""``nctool analyze``: from saved arrays to a report."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from nctool.cli import gating, options
from nctool.cli import settings as kept
from nctool.cli.interruption import stoppable
from nctool.cli.outputs import Outputs
from nctool.cli.shell import check_outputs, guarded, warn
from nctool.core.choices import Ci, Reach, Rows, Which


@guarded
def analyze(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Files or folders that hold features, labels and the classifier; "
            "the head may lie in another file than the features.",
            show_default=False,
        ),
    ],
    features: options.Features = None,
    labels: options.Labels = None,
    head: options.Head = None,
    bias: options.Bias = None,
    weights: options.Weights = Which.raw,
    split: options.Split = None,
    classes: options.Classes = None,
    ignore_label: options.IgnoreLabel = None,
    pool: options.Pooling = None,
    transpose_head: options.TransposeHead = False,
    ood: options.Ood = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Features of several layers, by a glob of their keys: the course over depth.",
            metavar="GLOB",
            rich_help_panel=options.ROLES,
        ),
    ] = None,
    logit_scale: options.LogitScale = None,
    save_roles: options.SaveRoles = False,
    metrics: options.Metrics = None,
    profile: options.Profile = None,
    center: options.Centering = None,
    per_class: options.PerClass = False,
    device: options.Device = "auto",
    dtype: options.Dtype = None,
    threads: options.Threads = None,
    gap: options.Gap = 1e-6,
    margin: options.Margin = Reach.all,
    margin_rows: options.MarginRows = Rows.unit,
    alpha: options.Alpha = 1.0,
    beta: options.Beta = 1.0,
    memory: options.Memory = "4GiB",
    seed: options.Seed = 0,
    bootstrap: options.Bootstrap = 0,
    deterministic: options.Deterministic = False,
    gate: options.Gate = None,
    tolerance: options.TolerancePerId = None,
    baseline: options.Baseline = None,
    missing: options.OnMissing = None,
    warn_only: options.WarnOnly = False,
    json: options.Json = None,
    output: options.Output = None,
    plot: options.Plot = False,
    ci: options.CiKind = Ci.auto,
    arrays: options.Arrays = None,
    width: options.Width = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Compute diagnostics from saved features, labels and classifier weights.

    Roles are found by name and shape; --features, --labels, --head and --bias name them. Whatever
    the inputs do not allow is skipped, and says what it needs.
    """
    from nctool.core.errors import UsageError
    from nctool.settings import conventions
    from nctool.settings.budget import Budget, check_budget, in_bytes
    from nctool.settings.config import ROLES

    if arrays == "-":
        raise UsageError("arrays-to-stdout", "arrays need a file", "--arrays FILE.safetensors")
    wanted = Outputs(json, tuple(output or ()), ci, width, quiet, per_class, plot, verbose)
    wanted.check(sources)
    check_outputs(arrays, sources=sources)
    config = context.obj
    demanded = gating.demands(config, gate, tolerance, missing, warn_only)
    before = gating.baseline(config, baseline)
    convention = conventions.resolve(
        profile,
        None if center is None else center.value,
        alpha=alpha,
        beta=beta,
        logit_scale=logit_scale,
        unit_rows=margin_rows is Rows.unit,
    )
    budget = Budget(gap, margin.value, in_bytes(memory), seed)
    check_budget(budget)
    origin = kept.origins(context)
    wishes = options.wishes(
        features, labels, head, bias, weights, split, classes, ignore_label, pool,
        transpose_head, ood, origin,
    )  # fmt: skip

    from nctool import metrics as catalogue
    from nctool.render import console

    chosen = catalogue.select(metrics)

    from nctool.analysis.measure import Analysis, Settings, check_settings, measure
    from nctool.analysis.saved_arrays import Behind, save_arrays
    from nctool.analysis.trajectories import Course, follow, stops_of_layers, stops_of_run
    from nctool.inputs.sources import inspect as look
    from nctool.inputs.sources import load
    from nctool.readers.remote import Listener

    settings = Settings(
        convention,
        device=device,
        dtype=None if dtype is None else dtype.value,
        threads=threads,
        deterministic=deterministic,
        per_class=per_class,
        budget=budget,
        bootstrap=bootstrap,
        origin={name: one for name, one in origin.items() if name.replace("_", "-") not in ROLES},
    )
    check_settings(settings)
    progress = not (no_progress or quiet or wanted.machine)
    bar = stoppable(console.bar(enabled=progress))
    wishes = replace(wishes, listener=Listener(bar) if quiet else Listener(bar, warn))
    found: Analysis | Course
    if layers is not None:
        stops = stops_of_layers(sources, layers, wishes)
        found = follow(stops, chosen, settings, bar, depth=True)
    elif stops := stops_of_run(sources, wishes):
        found = follow(stops, chosen, settings, bar)
    else:
        found = measure(load(sources, wishes), chosen, settings, bar)
    if save_roles:
        kept.save_roles(look(sources, wishes), wishes)
    course = None if isinstance(found, Analysis) else found
    last = found if isinstance(found, Analysis) else found.last
    report = last.report
    if arrays is not None:
        report = replace(report, arrays=save_arrays(arrays, last))
    whole = report if course is None else course.trajectory.with_last(report)
    document = gating.judged(whole, demanded, before)
    wanted.deliver(document, Behind(last))
    gating.leave(document)
