"""``nctool merge``: the sums of several files as those of one."""

from __future__ import annotations

from typing import Annotated

import typer

from nctool.cli.command import argument, only, with_options
from nctool.cli.outputs import Outputs
from nctool.cli.shell import say, with_exit_codes
from nctool.cli.stats import Target
from nctool.core import files


@with_exit_codes
@with_options
def merge(
    context: typer.Context,
    sums: Annotated[list[str], argument("Files that nctool stats wrote.", "STATS...")],
    outputs: Annotated[Outputs, only("quiet")],
    output: Target,
) -> None:
    """Merge files of sums: in any order the sums of all samples.

    Examples:
      nctool merge feats0.ncstats feats1.ncstats -o all.ncstats
      nctool merge 'feats*.second.ncstats' -o all.ncstats   both passes
      nctool merge all.ncstats feats7.ncstats -o more.ncstats

    The second pass stays where all files made it around the same class means; what to type for it
    is said where it does not. The same samples twice, other heads, layers, classes or precisions
    are refused.
    """
    files.check_writable(output, sums)

    from nctool.analysis.merging import merged
    from nctool.inputs.statistics import commands
    from nctool.inputs.summed import read_all
    from nctool.readers.statistics_file import write_statistics

    statistics = write_statistics(output, merged(read_all(sums)))
    if outputs.quiet:
        return
    say(statistics.sentence)
    if statistics.around is None and len(statistics.parts) > 1:
        say("for the second pass, around the class means of all:")
        for command in commands(statistics):
            say(f"  {command}")
