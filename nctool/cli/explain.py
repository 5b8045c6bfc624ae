"""``nctool explain``: what an error or a notice means, and what to do."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from nctool.cli.command import argument, only, with_options
from nctool.cli.outputs import Outputs
from nctool.cli.shell import show, with_exit_codes


@with_exit_codes
@with_options
def explain(
    outputs: Annotated[Outputs, only("width")],
    slug: Annotated[
        str | None,
        argument("What stands in brackets: error[SLUG], warning[SLUG].", "[SLUG]"),
    ] = None,
) -> None:
    """List every error and notice, or explain one.

    Examples:
      nctool explain
      nctool explain few-samples    what it means, what it matters, what to do
    """
    from nctool import explanations
    from nctool.render import explained

    if slug is None:
        show(partial(explained.listing, explanations.groups()), outputs.width)
    else:
        show(partial(explained.page, explanations.explanation_of(slug), slug), outputs.width)
