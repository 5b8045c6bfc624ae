"""The command line: arguments, one call, one rendering, an exit code."""

from __future__ import annotations

from typing import Annotated

import typer

from nctool.cli import defaults
from nctool.cli.analyze import analyze
from nctool.cli.check import check
from nctool.cli.compare import compare
from nctool.cli.doctor import doctor
from nctool.cli.explain import explain
from nctool.cli.inspect import inspect
from nctool.cli.metrics import metrics
from nctool.cli.report import report
from nctool.cli.schema import schema
from nctool.cli.shell import PIPE_CLOSED, reader_left, with_exit_codes
from nctool.core.version import __version__

app = typer.Typer(
    name="nctool",
    help="Has this network collapsed, and how far is it from perfect?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for function in (analyze, compare, check, inspect, report, explain, metrics, schema, doctor):
    app.command()(function)


def _version(given: bool) -> None:
    if given:
        typer.echo(f"nctool {__version__}")
        raise typer.Exit


@app.callback()
@with_exit_codes
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Has this network collapsed, and how far is it from perfect?"""
    if context.invoked_subcommand in defaults.COMMANDS:
        defaults.adopt(context)


def main() -> None:
    """The installed command."""
    try:
        app()
    except SystemExit as stop:
        if stop.code == 1 and reader_left():
            raise SystemExit(PIPE_CLOSED) from None
        raise
