"""``nctool stats``: the sums over the samples of a source, to be merged and measured later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nctool.cli import defaults
from nctool.cli.command import argument, only, with_options
from nctool.cli.interruption import interruptible
from nctool.cli.outputs import Outputs
from nctool.cli.shell import say, warn, with_exit_codes
from nctool.core import files
from nctool.settings.budget import Budget
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions, resolve
from nctool.settings.option import Option, as_typed
from nctool.settings.role_options import RoleOptions

Target = Annotated[
    str, Option("The file of sums to write.", metavar="FILE", short="-o", usual=True)
]


@with_exit_codes
@with_options
def stats(
    context: typer.Context,
    sources: Annotated[
        list[str],
        argument("Files or folders that hold features, labels and the classifier.", "SOURCE..."),
    ],
    roles: Annotated[
        RoleOptions,
        only(
            "features", "labels", "head", "bias", "weights", "split", "classes", "ignore_label",
            "pool", "transpose_head",
        ),
    ],
    compute: Annotated[ComputeOptions, only("device", "threads", "deterministic")],
    convention: Annotated[ConventionOptions, only("logit_scale", "profile", "center")],
    budget: Annotated[Budget, only("seed", "memory")],
    outputs: Annotated[Outputs, only("quiet", "no_progress")],
    output: Target,
    around: Annotated[
        str | None,
        Option("A second pass, around the class means of this file of sums.", metavar="FILE",
               usual=True),
    ] = None,
    shard: Annotated[
        bool, Option("One of several shards: the first pass alone.", usual=True)
    ] = False,
) -> None:  # fmt: skip
    """Write sums over samples, which merge and are measured as the samples.

    Examples:
      nctool stats feats.npz model.ckpt -o feats.ncstats   the whole
      nctool stats feats0.npz --shard -o feats0.ncstats    a shard
      nctool stats feats0.npz --around all.ncstats -o feats0.second.ncstats

    A file of sums holds no rows: its size does not grow with the samples. Shards are summed one by
    one, merged, and summed again around the class means of all.
    """
    files.check_writable(output, [*sources, *([around] if around else [])])
    roles = replace(roles, origin=defaults.origins(context))

    from nctool.analysis.measure import Settings
    from nctool.analysis.summing import Called, statistics_of
    from nctool.inputs.sources import load
    from nctool.inputs.summed import read
    from nctool.readers.remote import Downloads
    from nctool.readers.statistics_file import write_statistics
    from nctool.render import console

    bar = interruptible(console.bar(enabled=outputs.bar))
    settings = Settings(resolve(convention), compute, budget)
    means = None if around is None else read(around)
    typed = (*sources, *as_typed(roles), *as_typed(convention), *as_typed(budget, omit=["memory"]))
    statistics = statistics_of(
        load(sources, roles, Downloads(bar) if outputs.quiet else Downloads(bar, warn)),
        settings,
        bar,
        shard=shard,
        around=means,
        called=Called(typed, Path(output).stem),
    )
    statistics = write_statistics(output, statistics)
    for notice in statistics.notices:
        warn(notice)
    if not outputs.quiet:
        say(statistics.sentence)
