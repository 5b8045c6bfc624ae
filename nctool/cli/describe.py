"""``nctool metrics``, ``schema`` and ``doctor``: what there is to know without any data."""

from __future__ import annotations

from typing import Annotated

import typer

from nctool.cli import options
from nctool.cli.shell import color_wanted, guarded, write_out


@guarded
def metrics(
    metric_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One metric, explained in full.", show_default=False),
    ] = None,
    width: options.Width = None,
) -> None:
    """List every metric, or explain one: formula, convention, when it is undefined, reference."""
    from nctool import metrics as catalogue
    from nctool.render import console, handbook

    known = catalogue.registry()
    if metric_id is not None and metric_id not in known:
        raise catalogue.unknown_metric(metric_id)
    columns = width or console.terminal_width()
    text = (
        handbook.listing(known.values())
        if metric_id is None
        else handbook.page(known[metric_id], columns)
    )
    write_out("-", console.paint(text, width=columns, color=color_wanted()))


@guarded
def schema() -> None:
    """Print the JSON Schema of the report."""
    import json

    from nctool.report import schema as published

    write_out("-", json.dumps(published(), indent=2))


@guarded
def doctor() -> None:
    """Print versions, devices, threads, and the formats that can be read here."""
    from nctool.cli.doctor import checkup
    from nctool.render import console

    write_out("-", console.paint(checkup(), width=console.terminal_width(), color=color_wanted()))
