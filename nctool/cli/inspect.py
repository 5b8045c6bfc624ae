"""``nctool inspect``: what is inside, which role each array would get, and why."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from nctool.cli import defaults
from nctool.cli.analyze import SaveRoles
from nctool.cli.command import argument, only, with_options
from nctool.cli.outputs import Outputs
from nctool.cli.shell import show, warn, with_exit_codes, write_out
from nctool.settings.role_options import RoleOptions


@with_exit_codes
@with_options
def inspect(
    context: typer.Context,
    sources: Annotated[
        list[str], argument("Files or folders.", "SOURCE...")
    ],
    roles: Annotated[
        RoleOptions,
        only(
            "features", "labels", "head", "bias", "weights", "split", "classes", "pool",
            "transpose_head",
        ),
    ],
    outputs: Annotated[Outputs, only("json", "width")],
    save_roles: SaveRoles = False,
) -> None:  # fmt: skip
    """Show what a source holds, and which role each array would get.

    Examples:
      nctool inspect model.ckpt
      nctool inspect feats.npz model.ckpt --head model.fc.weight
      nctool inspect feats.npz --save-roles   keep the choice for the next time

    Only descriptions are read: it takes no longer for a large file.
    """
    from nctool.inputs.sources import inspect as look
    from nctool.readers.remote import Downloads
    from nctool.render import console, inspection

    outputs.check(sources)
    roles = replace(roles, origin=defaults.origins(context))
    result = look(sources, roles, Downloads(console.bar(enabled=outputs.bar), warn))
    if outputs.json is not None:
        write_out(outputs.json, inspection.to_json(result))
    if not outputs.machine:
        show(partial(inspection.lines, result), outputs.width)
    if result.problem is not None:
        raise result.problem
    if save_roles:
        defaults.save_roles(result, roles)
