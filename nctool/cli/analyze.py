"""``nctool analyze``: from saved arrays to a report."""

from __future__ import annotations

from typing import Annotated

import typer

from nctool.choices import Reach, Rows, Which
from nctool.cli import options
from nctool.cli import settings as kept
from nctool.cli.interruption import stoppable
from nctool.cli.shell import check_outputs, color_wanted, guarded, warn, write_out


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
    deterministic: options.Deterministic = False,
    json: options.Json = None,
    arrays: options.Arrays = None,
    width: options.Width = None,
    quiet: options.Quiet = False,
    no_progress: options.NoProgress = False,
) -> None:
    """Compute diagnostics from saved features, labels and classifier weights.

    Roles are found by name and shape; --features, --labels, --head and --bias name them. Whatever
    the inputs do not allow is skipped, and says what it needs.
    """
    from nctool import conventions
    from nctool.config import ROLES
    from nctool.effort import Effort, check_effort, in_bytes
    from nctool.errors import UsageError

    if arrays == "-":
        raise UsageError("arrays-to-stdout", "arrays need a file", "--arrays FILE.safetensors")
    check_outputs(json, arrays, sources=sources)
    convention = conventions.resolve(
        profile,
        None if center is None else center.value,
        alpha=alpha,
        beta=beta,
        logit_scale=logit_scale,
        unit_rows=margin_rows is Rows.unit,
    )
    effort = Effort(gap, margin.value, in_bytes(memory), seed)
    check_effort(effort)
    origin = kept.origins(context)
    wishes = options.wishes(
        features, labels, head, bias, weights, split, classes, ignore_label, pool,
        transpose_head, ood, origin,
    )  # fmt: skip

    from nctool import metrics as catalogue
    from nctool.render import console

    chosen = catalogue.select(metrics)

    from nctool.measure import Settings, measure
    from nctool.source import inspect as look
    from nctool.source import load

    settings = Settings(
        convention,
        device=device,
        dtype=None if dtype is None else dtype.value,
        threads=threads,
        deterministic=deterministic,
        per_class=per_class,
        effort=effort,
        origin={name: one for name, one in origin.items() if name.replace("_", "-") not in ROLES},
    )
    machine = json == "-"
    source = load(sources, wishes)
    if save_roles:
        kept.save_roles(look(sources, wishes), wishes)
    bar = stoppable(console.bar(enabled=not (no_progress or quiet or machine)))
    analysis = measure(source, chosen, settings, bar)
    report = analysis.report
    if arrays is not None:
        from nctool.collect import save_arrays

        report = save_arrays(arrays, analysis)
    if json is not None:
        write_out(json, report.to_json())
    if machine or quiet:
        if machine:
            return
        for notice in report.warnings:
            warn(notice)
        return
    text = console.report(
        report,
        width=width or console.terminal_width(),
        color=color_wanted(),
        per_class=per_class,
    )
    write_out("-", text)
