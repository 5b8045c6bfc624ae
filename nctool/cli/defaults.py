"""Settings files and environment as defaults of the command line, and which of them held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from nctool.cli.shell import note

if TYPE_CHECKING:
    from nctool.inputs.sources import Inspection
    from nctool.settings.config import Config
    from nctool.settings.role_options import RoleOptions

COMMANDS = ("analyze", "inspect", "compare", "check", "stats", "collect")


def adopt(context: typer.Context) -> None:
    """Make the settings the defaults of every command; the command line is stronger."""
    from nctool.settings.config import resolve
    from nctool.settings.option import options_of
    from nctool.settings.role_options import RoleOptions as Roles

    config = resolve()
    values = config.by_name()
    context.obj = config
    context.default_map = {command: values for command in COMMANDS}
    if "split" in values:  # of several splits compare takes one or more
        context.default_map["compare"] = {**values, "split": [values["split"]]}
    # Where files keep features, labels and a head says nothing about modules and batches.
    roles = {option.name for option in options_of(Roles)} - {"ignore_label"}
    context.default_map["collect"] = {
        name: value for name, value in values.items() if name not in roles
    }


def origins(context: typer.Context) -> dict[str, str]:
    """Of every option whose value is a setting: the file or the variable it comes from."""
    config: Config = context.obj
    return {
        name: config.origin[key]
        for name in context.params
        if (key := name.replace("_", "-")) in config.values
        and str(getattr(context.get_parameter_source(name), "name", "")) == "DEFAULT_MAP"
    }


def without_roles(origin: Mapping[str, str]) -> dict[str, str]:
    """The same without the roles: each input of the report has its own origin."""
    from nctool.settings.config import SECTIONS

    roles = {option.name for option in SECTIONS["roles"].values()}
    return {name: where for name, where in origin.items() if name not in roles}


def save_roles(inspection: Inspection, roles: RoleOptions) -> None:
    """Write the roles of an inspection into the settings file."""
    from nctool.inputs.saved_roles import save, settings_of

    path = save(settings_of(inspection, roles))
    note(f"roles saved to {path}: from now on nctool starts from them")
