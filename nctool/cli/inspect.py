"""``nctool inspect``: what is inside, which role each array would get, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from nctool.cli import options, settings
from nctool.cli.shell import check_outputs, color_wanted, guarded, warn, write_out
from nctool.core.choices import Which


@guarded
def inspect(
    context: typer.Context,
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Files or folders.", show_default=False)
    ],
    features: options.Features = None,
    labels: options.Labels = None,
    head: options.Head = None,
    bias: options.Bias = None,
    weights: options.Weights = Which.raw,
    split: options.Split = None,
    classes: options.Classes = None,
    pool: options.Pooling = None,
    transpose_head: options.TransposeHead = False,
    save_roles: options.SaveRoles = False,
    json: options.Json = None,
    width: options.Width = None,
) -> None:
    """Show what a source holds and which role each array would get. Reads headers only."""
    from nctool.inputs.sources import inspect as look
    from nctool.readers.remote import Listener
    from nctool.render import console, inspection

    check_outputs(json, sources=sources)
    wishes = options.wishes(
        features, labels, head, bias, weights, split, classes, None, pool, transpose_head, None,
        settings.origins(context),
    )  # fmt: skip
    wishes = replace(wishes, listener=Listener(console.bar(enabled=json != "-"), warn))
    found = look(sources, wishes)
    if json is not None:
        write_out(json, inspection.to_json(found))
    if json != "-":
        columns = width or console.terminal_width()
        text = inspection.lines(found, columns)
        write_out("-", console.paint(text, width=columns, color=color_wanted()))
    if found.problem is not None:
        raise found.problem
    if save_roles:
        settings.save_roles(found, wishes)
