"""``nctool metrics``: the list, or one metric explained."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from nctool.cli.command import argument, only, with_options
from nctool.cli.outputs import Outputs
from nctool.cli.shell import show, with_exit_codes


@with_exit_codes
@with_options
def metrics(
    outputs: Annotated[Outputs, only("width")],
    metric_id: Annotated[
        str | None,
        argument("One metric, explained in full.", "[ID]"),
    ] = None,
) -> None:
    """List every metric, or explain one: formula, convention, when it is undefined, reference."""
    from nctool import metrics as catalogue
    from nctool.render import handbook

    known = catalogue.registry()
    if metric_id is None:
        show(lambda columns: handbook.listing(known.values()), outputs.width)
    elif metric_id in known:
        show(partial(handbook.page, known[metric_id]), outputs.width)
    else:
        raise catalogue.unknown_metric(metric_id)
