"""``nctool inspect``: what is inside, which role each array would get, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from nctool.cli import options
from nctool.cli.shell import check_outputs, color_wanted, guarded, write_out


@guarded
def inspect(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Files or folders.", show_default=False)
    ],
    features: options.Features = None,
    labels: options.Labels = None,
    head: options.Head = None,
    bias: options.Bias = None,
    weights: options.Weights = options.Which.raw,
    split: options.Split = None,
    pool: options.Pooling = None,
    transpose_head: options.TransposeHead = False,
    json: options.Json = None,
    width: options.Width = None,
) -> None:
    """Show what a source holds and which role each array would get. Reads headers only."""
    from nctool.render import console, inspection
    from nctool.source import inspect as look

    check_outputs(json, sources=sources)
    wishes = options.wishes(
        features, labels, head, bias, weights, split, None, None, pool, transpose_head, None
    )
    found = look(sources, wishes)
    if json is not None:
        write_out(json, inspection.to_json(found))
    if json != "-":
        columns = width or console.terminal_width()
        text = inspection.lines(found, columns)
        write_out("-", console.paint(text, width=columns, color=color_wanted()))
    if found.problem is not None:
        raise found.problem
