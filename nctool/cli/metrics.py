"""``nctool metrics``: the list, or one metric explained."""

from __future__ import annotations

from typing import Annotated

import typer

from nctool.cli.command import only, with_options
from nctool.cli.outputs import Outputs
from nctool.cli.shell import color_wanted, with_exit_codes, write_out


@with_exit_codes
@with_options
def metrics(
    outputs: Annotated[Outputs, only("width")],
    metric_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One metric, explained in full.", show_default=False),
    ] = None,
) -> None:
    """List every metric, or explain one: formula, convention, when it is undefined, reference."""
    from nctool import metrics as catalogue
    from nctool.render import console, handbook

    known = catalogue.registry()
    if metric_id is not None and metric_id not in known:
        raise catalogue.unknown_metric(metric_id)
    columns = outputs.width or console.terminal_width()
    text = (
        handbook.listing(known.values())
        if metric_id is None
        else handbook.page(known[metric_id], columns)
    )
    write_out("-", console.paint(text, width=columns, color=color_wanted()))
