"""One declaration of an option, and everything that is made of it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

import nctool
from nctool.cli.analyze import analyze
from nctool.cli.command import only, with_options
from nctool.core.errors import UsageError
from nctool.settings.config import GROUPS, SECTIONS
from nctool.settings.option import (
    COMPUTE,
    PANELS,
    ROLES,
    Option,
    build,
    check_values,
    options_of,
)

OPTIONS = [declared for group in GROUPS for declared in options_of(group)]


# The command line has every option that a file may decide, and every file what is of no single run.
def test_command_line_and_files() -> None:
    known = {declared.name: declared for declared in OPTIONS}
    assert set(known) <= set(inspect.signature(analyze).parameters)
    tables = {table: set(options) for table, options in SECTIONS.items()}
    assert {key for keys in tables.values() for key in keys} == {
        declared.key for declared in OPTIONS if not declared.option.per_run
    }
    assert sum(map(len, tables.values())) == len(set().union(*tables.values()))


# The former name of metrics still chooses them, with a warning.
def test_select() -> None:
    with pytest.warns(DeprecationWarning, match="called metrics"):
        report = nctool.analyze(weight=[[1.0, 0.0], [0.0, 2.0]], select="nc2.norm_cv")
    assert [result.id for result in report] == ["nc2.norm_cv.means", "nc2.norm_cv.weights"]


# Every option has help; what has a table in files is in a panel of the help that has one.
def test_declarations() -> None:
    for declared in OPTIONS:
        assert declared.option.help.strip() and declared.option.panel in PANELS


def even(value: int) -> None:
    if value % 2:
        raise UsageError("odd", f"{value} is odd", "use an even number")


@dataclass(frozen=True, slots=True)
class Toys:
    """A group with an option of every kind."""

    plain: str | None = ROLES.option(None, "Text.")
    many: tuple[int, ...] = ROLES.option((7,), "Numbers.")
    choice: Literal["a", "b"] = COMPUTE.option("a", "One of two.")
    switch: bool = COMPUTE.option(False, "On.", short="-s")
    size: int = COMPUTE.option(2, "From text.", read=len, shown="xx", check=even)
    inner: int = 5

    def __post_init__(self) -> None:
        check_values(self)


# Values are taken by name; texts are read, lists become tuples, and the rest keeps its default.
def test_build() -> None:
    given = {"many": [1, 2], "size": "four", "other": 3}
    assert build(Toys, given) == Toys(many=(1, 2), size=4)
    assert build(Toys, {"size": 6}).size == 6


# A value that makes no sense cannot be made, wherever it comes from.
@pytest.mark.parametrize(
    ("given", "slug"), [({"choice": "c"}, "unknown-choice"), ({"size": 3}, "odd")]
)
def test_checks(given: dict[str, Any], slug: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(Toys, given)
    assert caught.value.slug == slug


# A command gets its groups whole; of a group it may take some options, with other defaults.
def test_command() -> None:
    calls = []

    @with_options
    def body(
        name: str, toys: Annotated[Toys, only("size", "many", choice="b")], own: Own = 0
    ) -> None:
        calls.append((name, toys, own))

    assert list(inspect.signature(body).parameters) == ["name", "own", "many", "size", "choice"]
    body("x")
    body("x", many=[1], size="four", own=3)
    assert calls == [
        ("x", Toys(choice="b"), 0),
        ("x", Toys(choice="b", many=(1,), size=4), 3),
    ]


Own = Annotated[int, Option("Of this command alone.")]
