"""From a function that takes groups of options to a command of Typer with all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from enum import StrEnum
from functools import wraps
from types import GenericAlias
from typing import Annotated, Any, get_type_hints

import typer

from nctool.settings.option import PANELS, Declared, Option, build, options_of

KEYWORD = inspect.Parameter.KEYWORD_ONLY


def argument(help: str, metavar: str | None = None) -> Any:
    """An argument of a command; no default is shown for it."""
    return typer.Argument(help=help, metavar=metavar, show_default=False)


@dataclass(frozen=True, slots=True)
class Only:
    """Of a group the options with these names, in this order; some with other defaults."""

    names: tuple[str, ...]
    defaults: Mapping[str, object]

    def of(self, group: type) -> list[Declared]:
        options = {declared.name: declared for declared in options_of(group)}
        for name, default in self.defaults.items():
            options[name] = replace(options[name], default=default)
        return [options[name] for name in self.names]


def only(*names: str, **defaults: object) -> Only:
    """To be written into the annotation of a group: ``Annotated[Outputs, only("json")]``."""
    return Only((*names, *defaults), defaults)


def with_options(body: Callable[..., None]) -> Callable[..., None]:
    """The body as Typer wants to see it.

    A parameter that is a group of options (a dataclass) becomes one parameter for each of them,
    and the body gets the group, made of their values and checked. A parameter with an ``Option`` of
    its own is an option of this command alone. Everything else is left to Typer.
    """
    hints = get_type_hints(body, include_extras=True)
    plain: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    options: list[Declared] = []
    for name, parameter in inspect.signature(body).parameters.items():
        hint = hints[name]
        kind = getattr(hint, "__origin__", hint)
        note = next(iter(getattr(hint, "__metadata__", ())), None)
        if isinstance(note, Option):
            options.append(Declared(name, kind, parameter.default, note))
        elif isinstance(kind, type) and is_dataclass(kind):
            groups[name] = kind
            options += note.of(kind) if isinstance(note, Only) else options_of(kind)
        else:
            plain.append(parameter.replace(annotation=hint))
    # A stable sort: within a panel of the help the order is that of the fields.
    options.sort(key=lambda each: (not each.option.usual, PANELS.index(each.option.panel)))
    signature = inspect.Signature([*plain, *map(_parameter, options)])
    known = {declared.name: declared for declared in options}

    @wraps(body)
    def run(*args: Any, **given: Any) -> None:
        bound = signature.bind(*args, **given)
        bound.apply_defaults()
        values = {
            name: _value(known[name], value) if name in known else value
            for name, value in bound.arguments.items()
        }
        alone = {name: value for name, value in values.items() if name in hints}
        body(**alone, **{name: build(group, values) for name, group in groups.items()})

    run.__signature__ = signature  # type: ignore[attr-defined]
    # Typer reads types from the annotations, names and defaults from the signature.
    run.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    return run


def _parameter(declared: Declared) -> inspect.Parameter:
    """An option as Typer's parameter: its type there, its default there, its help."""
    option, default = declared.option, declared.default
    kind: Any = declared.kind
    if declared.choices:
        kind = _enumeration({choice: choice for choice in declared.choices})
        default = None if default is None else kind(default)
    elif declared.many:
        kind, default = GenericAlias(list, (kind,)), None
    elif option.read is not None:
        default = option.shown
    if default is None:
        kind = kind | None
    flag = "--" + declared.name.replace("_", "-")
    low, high = option.between or (None, None)
    info = typer.Option(
        # A named flag keeps Typer from adding a --no- form to a switch.
        *((option.short, flag) if option.short else (flag,)),
        help=option.help,
        metavar=option.metavar,
        min=low,
        max=high,
        rich_help_panel="Usual" if option.usual else option.panel.title,
    )
    return inspect.Parameter(
        declared.name, KEYWORD, default=default, annotation=Annotated[kind, info]
    )


def _enumeration(members: Mapping[str, str]) -> Any:
    """What older Typer needs where newer takes a Literal."""
    return StrEnum("Choice", members)


def _value(declared: Declared, value: Any) -> Any:
    """The field's value from Typer's: its enum, its list, empty if not given."""
    if isinstance(value, StrEnum):
        return value.value
    if declared.many:
        return tuple(value) if value else declared.default
    return value
