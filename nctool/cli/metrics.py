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
        argument("One metric, explained in full; a family (nc1) or a glob is listed.", "[ID]"),
    ] = None,
) -> None:
    """List every metric, or explain one.

    Examples:
      nctool metrics
      nctool metrics nc1                a family
      nctool metrics collapse.weakest   formula, convention, words, reference
    """
    from nctool import metrics as catalogue
    from nctool.render import handbook

    chosen = catalogue.select(metric_id)
    if len(chosen) > 1:
        show(lambda columns: handbook.listing(chosen), outputs.width)
    else:
        show(partial(handbook.page, chosen[0]), outputs.width)
