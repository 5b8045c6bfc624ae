"""Python says what the command line says: the same names, types and defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

import nctool
from nctool.api import given as arrays
from nctool.api import options
from nctool.cli.analyze import analyze
from nctool.cli.check import check
from nctool.cli.collect import collect as collect_command
from nctool.cli.compare import compare
from nctool.cli.inspect import inspect as inspect_command
from nctool.cli.merge import merge as merge_command
from nctool.cli.outputs import Outputs
from nctool.cli.stats import stats as stats_command
from nctool.settings.budget import Budget
from nctool.settings.capture_options import CaptureOptions
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions
from nctool.settings.gate_options import GateOptions
from nctool.settings.option import Declared, options_of
from nctool.settings.rank_options import RankOptions

OUTPUTS = {declared.name for declared in options_of(Outputs)} | {"save_roles"}
"""A value is there to be saved, printed and looked at: what decides that is no keyword."""
GATES = {declared.name for declared in options_of(GateOptions)}
RANKS = {declared.name for declared in options_of(RankOptions)}
"""Processes that a command starts or joins; a function is called in those that there are."""
BY_POSITION = {"context", "sources", "runs", "report", "sums"}

FUNCTIONS: dict[str, tuple[Callable[..., Any], set[str], set[str]]] = {
    # The command, what of its options is elsewhere in Python, and what Python has beside them.
    "analyze": (analyze, GATES | RANKS | {"layers", "dry_run"}, {"class_names", "select", "ranks"}),
    "trajectory": (analyze, GATES | RANKS | {"dry_run"}, set()),
    "estimate": (analyze, GATES | {"rank_timeout", "dry_run"}, {"class_names"}),
    "compare": (compare, GATES - {"tolerance", "baseline"}, set()),
    "check": (check, set(), set()),
    "inspect": (inspect_command, set(), set()),
    "stats": (stats_command, set(), {"class_names", "out"}),
    "merge": (merge_command, set(), {"out"}),
}
DECLARED = {
    declared.name: declared
    for group in (*options.GROUPS, GateOptions)
    for declared in options_of(group)
}


def in_python(name: str) -> str:
    return DECLARED[name].option.python or name if name in DECLARED else name


def keywords(name: str) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(getattr(nctool, name)).parameters
    return {key: each for key, each in parameters.items() if each.kind is not each.VAR_POSITIONAL}


# Every function has the options of its command, by the same names, and none that it has not.
@pytest.mark.parametrize("name", FUNCTIONS)
def test_names(name: str) -> None:
    command, elsewhere, own = FUNCTIONS[name]
    given = set(inspect.signature(command).parameters) - OUTPUTS - elsewhere - BY_POSITION
    expected = {in_python(each) for each in given} | own
    # Rules are given by position.
    assert set(keywords(name)) - BY_POSITION == expected - {"gate"}


# Each default is the command's, but where several values may be one text alone.
@pytest.mark.parametrize("name", FUNCTIONS)
def test_defaults(name: str) -> None:
    by_python = {in_python(declared.name): declared for declared in DECLARED.values()}
    compared = 0
    for key, parameter in keywords(name).items():
        if key in by_python and key not in ("missing", "split"):
            assert parameter.default == by_python[key].default, key
            compared += 1
    assert compared > 2 or name == "merge"


def hinted(declared: Declared) -> Any:
    """What a keyword of this option takes: text that is read may be given as text, too."""
    return declared.hint if declared.option.read is None else declared.hint | str


# Type checkers see what is declared; wider is only what Python has other values for.
@pytest.mark.parametrize("name", ["analyze", "trajectory", "estimate", "inspect"])
def test_types(name: str) -> None:
    function = getattr(nctool, name)
    types = get_type_hints(function, vars(arrays) | function.__globals__ | {"Values": Any})
    wider = {*arrays.ARRAYS, "ignore_labels", "metrics"}
    for key, declared in options.in_python(function, *options.GROUPS):
        if key not in wider:
            assert types[key] == hinted(declared), key


RUNNING = (CaptureOptions, ComputeOptions, ConventionOptions, Budget)
OTHERWISE = {"head", "labels", "out", "metrics", "epoch", "step", "split"}
"""In Python a module, a function, a path or a list of ids, too; and what ``report`` takes."""


# What runs a model has the options of collecting, by the same names, types and defaults.
@pytest.mark.parametrize("name", ["collect", "Monitor"])
def test_running(name: str) -> None:
    function = getattr(nctool, name)
    known = options.in_python(function, *RUNNING)
    assert len(known) > 20
    constructor = function.__init__ if name == "Monitor" else function
    types = get_type_hints(constructor, function.__globals__ if name == "collect" else None)
    for key, declared in known:
        default = inspect.signature(function).parameters[key].default
        if (name, key) == ("Monitor", "spool"):  # rows only where they are asked for
            assert default is None
            continue
        assert default == declared.default, key
        if key not in OTHERWISE:
            assert types[key] == hinted(declared), key
        assert f"``{key}``: {declared.option.help}" in (inspect.getdoc(function) or "")
    if name == "collect":
        expected = {python for python, _ in known} | {"call", "class_names", "ignore_labels"}
        own = {"model", "loader", "progress", "ranks", "checkpoints", "resume"}
        assert set(inspect.signature(function).parameters) - own == expected
        # In Python functions beside keys, names beside a file, and no --set for what is made.
        command = set(inspect.signature(collect_command).parameters) - OUTPUTS - GATES
        here = {"call", "class_names", "ignore_labels", "progress", "resume", "ranks"}
        there = {"context", "set", "classes", "ignore_label"}
        assert command - there == set(inspect.signature(function).parameters) - here


# help() tells every option with the words of the command, and nothing is named that is not there.
@pytest.mark.parametrize("name", [*FUNCTIONS, "load"])
def test_documented(name: str) -> None:
    text = inspect.getdoc(getattr(nctool, name)) or ""
    assert len(text.splitlines()[0]) > 30
    if name in ("analyze", "trajectory", "inspect"):
        assert "``split``: train, val, test" in text
    for key, declared in options.in_python(getattr(nctool, name), *options.GROUPS):
        if f"``{key}``:" in text:
            assert f"``{key}``: {declared.option.help}" in text


# The face shows what there is, to completion and to a star, and knows nothing else.
def test_face() -> None:
    assert set(nctool.__all__) <= set(dir(nctool))
    assert {*FUNCTIONS, "collect", "load"} == set(nctool.FUNCTIONS) <= set(nctool.__all__)
    assert all(callable(getattr(nctool, name)) for name in nctool.FUNCTIONS)
    with pytest.raises(AttributeError):
        _ = nctool.analyse


# What is no option is refused as Python refuses it.
@pytest.mark.parametrize("name", ["analyze", "trajectory", "compare", "inspect"])
def test_unknown_keyword(name: str) -> None:
    with pytest.raises(TypeError, match="'sede'"):
        getattr(nctool, name)("x", sede=1)
