"""What files and environment say, as defaults of the options; and which of them held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from nctool.cli.shell import note

if TYPE_CHECKING:
    from nctool.inputs.sources import Inspection, Wishes
    from nctool.settings.config import Config

COMMANDS = ("analyze", "inspect", "compare", "check")


def adopt(context: typer.Context) -> None:
    """Make the settings the defaults of every command; the command line is stronger."""
    from nctool.settings.config import resolve

    config = resolve()
    found = {key.replace("-", "_"): value for key, value in config.values.items()}
    match found.get("metrics"):
        case list(globs):
            found["metrics"] = ",".join(globs)
    context.obj = config
    context.default_map = {command: found for command in COMMANDS}
    if "split" in found:  # of several splits compare takes one or more
        context.default_map["compare"] = {**found, "split": [found["split"]]}


def origins(context: typer.Context) -> dict[str, str]:
    """Of every option that neither the command line nor nctool itself decided: who did."""
    config: Config = context.obj
    return {
        name: config.origin[key]
        for name in context.params
        if (key := name.replace("_", "-")) in config.values
        and str(getattr(context.get_parameter_source(name), "name", "")) == "DEFAULT_MAP"
    }


def save_roles(found: Inspection, wishes: Wishes) -> None:
    from nctool.inputs.saved_roles import save, settings_of

    path = save(settings_of(found, wishes))
    note(f"roles saved to {path}: from now on nctool starts from them")
