"""From a function that takes groups of options to a command of Typer with all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from enum import StrEnum
from functools import wraps
from types import GenericAlias
from typing import Annotated, Any, get_type_hints

import typer

from nctool.settings.option import PANELS, Declared, build, declaration, options_of


@dataclass(frozen=True, slots=True)
class Only:
    """Of a group the options with these names, in this order; some with other defaults."""

    names: tuple[str, ...]
    defaults: Mapping[str, object]


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
    for parameter in inspect.signature(body).parameters.values():
        hint = hints[parameter.name]
        group = getattr(hint, "__origin__", hint)
        own = declaration(hint)
        if own is not None:
            options.append(Declared(parameter.name, own[0], parameter.default, own[1]))
        elif is_dataclass(group):
            assert isinstance(group, type)
            groups[parameter.name] = group
            options += _taken(group, hint)
        else:
            plain.append(parameter.replace(annotation=hint))
    # A stable sort: within a panel of the help the order is that of the fields.
    options.sort(key=lambda declared: PANELS.index(declared.option.panel))
    signature = inspect.Signature([*plain, *map(_parameter, options)])

    @wraps(body)
    def run(*args: Any, **given: Any) -> None:
        bound = signature.bind(*args, **given)
        left = {name: bound.arguments[name] for name in bound.arguments if name not in known}
        values = {
            name: value
            for name, declared in known.items()
            if (value := _value(declared, bound.arguments.get(name, declared.default))) is not None
        }
        made: dict[str, Any] = {name: build(group, values) for name, group in groups.items()}
        alone = {name: values.get(name, known[name].default) for name in known if name in hints}
        body(**left, **alone, **made)

    known = {declared.name: declared for declared in options}
    run.__signature__ = signature  # type: ignore[attr-defined]
    # Typer reads types from the annotations, names and defaults from the signature.
    run.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    return run


def _taken(group: type, hint: Any) -> list[Declared]:
    """The options of a group, or those of them that its annotation names."""
    options = {declared.name: declared for declared in options_of(group)}
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Only):
            for name, default in extra.defaults.items():
                options[name] = replace(options[name], default=default)
            return [options[name] for name in extra.names]
    return list(options.values())


def _parameter(declared: Declared) -> inspect.Parameter:
    """An option as Typer's parameter: its type there, its default there, its help."""
    option, default = declared.option, declared.default
    kind: Any = declared.kind
    if declared.choices:
        kind = enum_of(declared.choices)
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
        rich_help_panel=option.panel.title,
    )
    return inspect.Parameter(
        declared.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, info],
    )


def enum_of(choices: Sequence[str]) -> Any:
    """An enumeration of the choices, which older Typer needs where newer takes a Literal."""
    members = {choice: choice for choice in choices}
    return StrEnum("Choice", members)


def _value(declared: Declared, value: Any) -> Any:
    """The field's value from Typer's: its enum, its list; None where nothing was given."""
    if isinstance(value, StrEnum):
        return value.value
    if declared.many:
        return tuple(value) if value else None
    return value
