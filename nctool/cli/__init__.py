"""Has this network collapsed, and how far is it from perfect?

Examples:
  nctool analyze runs/7 -o run.html    a run, and a page about it
  nctool inspect model.ckpt            what is inside, and what would be used
  nctool COMMAND --help                options and examples of a command
"""

# The text above is the help of the program. A command is arguments, one call, one rendering, an
# exit code, each in a file of its own.

from __future__ import annotations

from typing import Annotated

import typer

from nctool.cli import defaults
from nctool.cli.analyze import analyze
from nctool.cli.check import check
from nctool.cli.collect import collect
from nctool.cli.compare import compare
from nctool.cli.doctor import doctor
from nctool.cli.explain import explain
from nctool.cli.help import Command, as_typed
from nctool.cli.inspect import inspect
from nctool.cli.merge import merge
from nctool.cli.metrics import metrics
from nctool.cli.report import report
from nctool.cli.schema import schema
from nctool.cli.shell import PIPE_CLOSED, reader_left, with_exit_codes
from nctool.cli.stats import stats
from nctool.core.version import __version__

app = typer.Typer(
    name="nctool",
    help=as_typed(__doc__),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for function in (
    analyze, collect, compare, check, inspect, report, stats, merge, explain, metrics, schema,
    doctor,
):  # fmt: skip
    app.command(cls=Command)(function)


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
