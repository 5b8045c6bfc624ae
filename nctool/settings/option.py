"""How an option is declared: once, on the field of the value that carries it.

A group of options is a frozen dataclass. A field made by a panel is an option of
``nctool analyze``: its name, type and default are the field's, everything else stands in its
``Option``. The command line and its help, the settings files, the environment and the signature of
``nctool.analyze`` are made from these fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from nctool.core.errors import UsageError

G = TypeVar("G")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Panel:
    """Options that stand together in the help, and their table in a settings file."""

    title: str
    table: str | None
    """Empty for the top level; None where no file and no variable may decide."""

    def option(self, default: T, help: str, **more: Any) -> T:
        """The field of a group that is an option: its default, and what ``Option`` takes."""
        declaration: Any = field(default=default, metadata={"option": Option(help, self, **more)})
        return declaration  # type: ignore[no-any-return]


COMMAND = Panel("This command", None)
ROLES = Panel("Roles", "roles")
COMPUTE = Panel("Numbers", "")
COST = Panel("Precision and cost", "")
GATES = Panel("Gates", "gates")
OUTPUT = Panel("Output", None)
PANELS = (COMMAND, ROLES, COMPUTE, COST, GATES, OUTPUT)
"""In the order of the help, after the usual ones of all."""


@dataclass(frozen=True, slots=True)
class Option:
    """What an option is beyond a name, a type and a default."""

    help: str
    panel: Panel = COMMAND
    metavar: str | None = None
    usual: bool = False
    """In the first panel of the help, whatever its own."""
    short: str | None = None
    """A second spelling on the command line, such as -o."""
    between: tuple[int, int | None] | None = None
    """The least and the largest number that the command line accepts."""
    read: Callable[[str], Any] | None = None
    """From the text on the command line, in a file or in a variable to the value."""
    shown: str | None = None
    """The default as that text."""
    check: Callable[[Any], None] | None = None
    """Raises a ``UsageError`` for a value that makes no sense."""
    listed: bool = False
    """A list in files; one text with commas everywhere else."""
    key: str | None = None
    """Its name in files, where that is not the option's."""
    python: str | None = None
    """Its name in ``nctool.analyze``, where that is not the option's."""
    per_run: bool = False
    """Of the command line alone: no file, no variable and no Python argument decides it."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A field of a group that is an option."""

    name: str
    hint: Any
    default: Any
    option: Option

    @property
    def kinds(self) -> tuple[Any, ...]:
        """Its types, without None."""
        union = get_origin(self.hint) in (Union, UnionType)
        hints = get_args(self.hint) if union else (self.hint,)
        return tuple(hint for hint in hints if hint is not NoneType)

    @property
    def many(self) -> bool:
        """Whether it is a tuple of values, given by repeating the option."""
        return get_origin(self.kinds[0]) is tuple

    @property
    def several(self) -> bool:
        """Whether a settings file may give a list."""
        return self.many or self.option.listed

    @property
    def kind(self) -> Any:
        """The type of one value where it is given as text or in a file."""
        if self.option.read is not None or str in self.kinds:
            return str
        return get_args(self.kinds[0])[0] if self.many else self.kinds[0]

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a Literal; empty for any other type."""
        return get_args(self.kinds[0]) if get_origin(self.kinds[0]) is Literal else ()

    @property
    def key(self) -> str:
        """Its name in a settings file."""
        return self.option.key or self.name.replace("_", "-")

    def value_of(self, given: Any) -> Any:
        """The field's value from what a caller gave: text is read, several are a tuple."""
        if self.option.read is not None and isinstance(given, str):
            return self.option.read(given)
        return tuple(given) if self.many else given

    @property
    def table(self) -> str | None:
        """Its table in a settings file, if it may stand in one."""
        return None if self.option.per_run else self.option.panel.table


# Kept: evaluating the annotations of a group takes longer than building it. mypy takes a class for
# unhashable, as its instances may be.
@cache
def options_of(group: type) -> tuple[Declared, ...]:
    """The options of a group in the order of its fields."""
    hints = get_type_hints(group)
    return tuple(
        Declared(field.name, hints[field.name], field.default, field.metadata["option"])
        for field in fields(group)
        if "option" in field.metadata
    )


def build(group: type[G], values: Mapping[str, Any]) -> G:
    """A group from values by name, texts read; other names are left alone."""
    return group(
        **{
            declared.name: declared.value_of(values[declared.name])
            for declared in options_of(group)  # type: ignore[arg-type]
            if declared.name in values
        }
    )


def as_typed(group: object, omit: Sequence[str] = ()) -> tuple[str, ...]:
    """What to type for the values of a group that are not the defaults."""
    words: list[str] = []
    for declared in options_of(type(group)):  # type: ignore[arg-type]
        value, flag = getattr(group, declared.name), "--" + declared.name.replace("_", "-")
        if value == declared.default or declared.name in omit:
            continue
        if isinstance(value, bool):
            words.append(flag)
        else:
            each = value if declared.many else (value,)
            words += [word for one in each for word in (flag, str(one))]
    return tuple(words)


def check_values(group: object) -> None:
    """Raise a ``UsageError`` for the first value that its option does not allow."""
    for declared in options_of(type(group)):  # type: ignore[arg-type]
        value, name = getattr(group, declared.name), declared.name
        if value is None:
            continue
        if declared.choices and value not in declared.choices:
            hint = f"use {' or '.join(declared.choices)}"
            raise UsageError(f"unknown-{declared.key}", f"{name} {value!r} is not known", hint)
        if declared.option.check is not None:
            declared.option.check(value)
