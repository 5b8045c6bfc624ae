"""How the help looks: examples as they are typed, options in panels; and mistyped options."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

# Typer has its own copy of click or the library, by version: what comes from there is Any.


class Command(TyperCommand):
    """A command whose options stand in panels, those that are usual in the first."""

    def __init__(self, *given: Any, help: str | None = None, **more: Any) -> None:
        super().__init__(*given, help=as_typed(help), **more)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as problem:
            nearest_first(problem)
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        names = [param.metavar for param in self.params if param.param_type_name == "argument"]
        return [self.options_metavar or "", *map(str, names)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            name, text = record
            panel = getattr(param, "rich_help_panel", None) or "Options"
            if param.param_type_name == "argument":
                panel, name = "Arguments", str(param.metavar)
            panels.setdefault(panel, []).append((name, text))
        # What belongs to no panel, such as --help, stands last.
        panels["Options"] = panels.pop("Options")
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def as_typed(help: str | None) -> str | None:
    """The text with its examples kept as they are written, one to a line."""
    # The mark by which click leaves a paragraph alone.
    return help and re.sub(r"^Examples:$", "\b\nExamples:", help, flags=re.MULTILINE)


def nearest_first(problem: Any) -> None:
    """Name the options that a mistyped one is like by their likeness, not by the alphabet."""
    if getattr(problem, "possibilities", None):
        problem.message += f"; did you mean {' or '.join(problem.possibilities)}?"
        problem.possibilities = None
