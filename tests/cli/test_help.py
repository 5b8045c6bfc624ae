"""The help: examples that work, panels with the usual first, and the nearest of a mistyped flag."""

from __future__ import annotations

import re

import pytest

from nctool.cli import app
from tests.cli.shell import inside, unknown_options

COMMANDS = sorted(
    command.callback.__name__ for command in app.registered_commands if command.callback
)


def help_of(*words: str) -> str:
    return inside(*words, "--help").out


def panels(command: str) -> dict[str, list[str]]:
    """The titles of a command's help, and the flags under each."""
    found: dict[str, list[str]] = {}
    for line in help_of(command).splitlines():
        if title := re.fullmatch(r"(\w[\w ]*):", line):
            found[title[1]] = []
        elif flag := re.match(r"  (?:-\w, )?(--[a-z-]+)", line):
            found[[*found][-1]].append(flag[1])
    return found


def examples(*words: str) -> list[str]:
    """The command lines between ``Examples:`` and the next empty line, without what they mean."""
    shown = re.search(r"^ *Examples:\n((?: +nctool .*\n)+)", help_of(*words), re.MULTILINE)
    lines = shown[1].splitlines() if shown else []
    return [re.split(r" {3,}", line.strip())[0] for line in lines]


# Every command has its own help, with every option explained; the list shows each in one line.
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    said = help_of(command)
    assert said.startswith("Usage: ") and max(map(len, said.splitlines())) <= 80
    for text in re.findall(r"^  -.*(?:\n {8}.*)*", said, re.MULTILINE):
        assert len(text.split("  ", 2)[-1].split()) > 1, text
    assert re.search(rf"^  {command} +\S.*\.$", help_of(), re.MULTILINE)


# Commands that measure or judge show three examples above their options, and all can be typed.
@pytest.mark.parametrize("command", COMMANDS)
def test_examples(command: str) -> None:
    lines = examples(command)
    assert len(lines) >= 3 or "Usual" not in panels(command)
    for line in lines:
        assert line.startswith(f"nctool {command}") and unknown_options(line) == set()
    if lines:
        assert help_of(command).index("Examples:") < help_of(command).index("Arguments:")


# The program's own help begins with examples, too.
def test_examples_of_the_program() -> None:
    assert len(examples()) == 3


# The usual options come first, whatever else they belong to; a flag stands once, help last.
@pytest.mark.parametrize("command", COMMANDS)
def test_panels(command: str) -> None:
    found = panels(command)
    flags = [flag for panel in found.values() for flag in panel]
    assert len(flags) == len(set(flags)) and flags[-1] == "--help"
    if "--json" in flags:
        assert [*found][:2] == ["Arguments", "Usual"] and "--json" in found["Usual"]


# Of the flags that a mistyped one may be, the nearest is named first.
@pytest.mark.parametrize(
    ("command", "typed", "near"),
    [
        ("analyze", "--featurs", "--features"),
        ("analyze", "--metric", "--metrics"),
        ("analyze", "--margins", "--margin"),
        ("compare", "--only-change", "--only-changed"),
        ("check", "--tolerence", "--tolerance"),
        ("report", "--perclass", "--per-class"),
    ],
)
def test_nearest_first(command: str, typed: str, near: str) -> None:
    said = inside(command, "x", typed)
    assert (said.code, said.out) == (2, "")
    assert re.search(rf"No such option: {typed}; did you mean {near}[ ?]", said.err)


# A flag like no other gets no wild guess.
def test_nothing_near() -> None:
    said = inside("check", "x", "--zzz")
    assert said.code == 2 and "did you mean" not in said.err and "No such option: --zzz" in said.err
