"""Names from files are untrusted: they may be shown, but never obeyed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.samples import renamed, sample, write
from tests.cli.shell import ESCAPE_CODE, Said, inside, nctool

KEYS = {
    "features": "\x1b[31mfeatures\x1b[0m[bold red]",
    "labels": "labels\u202e\x07[/]:smile:",
    "head__weight": "head\x9b2J\x00.weight",
    "head__bias": "[link=https://x.org]head\r.bias",
}
NAMED = [
    *("--features", KEYS["features"], "--labels", KEYS["labels"]),
    *("--head", KEYS["head__weight"].replace("[", "?"), "--bias", "*bias"),
]
SHOWN = [
    r"\x1b[31mfeatures\x1b[0m[bold red]",
    r"labels\x202e\x07[/]:smile:",
    r"head\x9b2J\x00.weight",
    r"[link=https://x.org]head\x0d.bias",
]
LOOKS = [{}, {"FORCE_COLOR": "1"}]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    folder = tmp_path / "\x1b]0;title\x07"
    folder.mkdir()
    return write(folder / "[red]a\nb.safetensors", renamed(sample(), **KEYS))


def harmless(said: Said) -> None:
    """Nothing but text, line breaks and, where they were asked for, nctool's own colours."""
    for text in (said.out, said.err):
        bare = ESCAPE_CODE.sub("", text)
        assert [char for char in bare if not char.isprintable() and char != "\n"] == []


# The report shows every name as it is, with what could command a terminal made visible.
@pytest.mark.parametrize("env", LOOKS)
def test_report(env: dict[str, str], hostile: Path) -> None:
    harmless(inside("analyze", hostile, *NAMED, env=env))
    said = inside("analyze", hostile, "--all", *NAMED, env=env)
    assert said.code == 0, said.err
    harmless(said)
    text = ESCAPE_CODE.sub("", said.out)
    for name in (*SHOWN, r"\x1b]0;title\x07/[red]a\nb.safetensors"):
        assert name in text


# Only nctool's own colours are in the report: names have none of them.
def test_no_colour_from_names(hostile: Path) -> None:
    coloured = inside("analyze", hostile, *NAMED, env={"FORCE_COLOR": "1"}).out
    assert set(ESCAPE_CODE.findall(coloured)) <= {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m"}


# The same holds for what inspect shows.
@pytest.mark.parametrize("env", LOOKS)
def test_inspect(env: dict[str, str], hostile: Path) -> None:
    said = inside("inspect", hostile, *NAMED, env=env)
    assert said.code == 0, said.err
    harmless(said)
    assert all(name in ESCAPE_CODE.sub("", said.out) for name in SHOWN)


# Messages on stderr are as careful: about a file, a key, a tie, a class.
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--head", "absent\x1b[2J"], 3),
        (["--bias", "labels*"], 3),
        (["--metrics", "\x1b[2J"], 2),
        (["--profile", "\x1b[2J"], 2),
        (["--split", "\x1b[2J"], 3),
        (["--classes", "\x1b[2J"], 2),
        (["--device", "\x1b[2J"], 2),
        (["--json", "\x1b[2J/x"], 2),
    ],
)
def test_errors(words: list[str], code: int, hostile: Path) -> None:
    said = inside("analyze", hostile, *NAMED, *words)
    assert said.code == code and said.err
    harmless(said)


# A file that is not there or cannot be read is named without its escapes.
def test_paths(tmp_path: Path) -> None:
    damaged = tmp_path / "\x1b[2Jdamaged"
    damaged.write_bytes(b"\x1b[2J")
    for path in (damaged, tmp_path / "\x1b[2Jabsent"):
        said = nctool("analyze", path)
        assert said.code == 3 and r"\x1b[2J" in said.err
        harmless(said)


# Names of classes are shown the same way, in the table and in the warnings.
def test_class_names(tmp_path: Path) -> None:
    arrays = sample()
    kept = arrays["labels"] != 2
    arrays |= {"features": arrays["features"][kept], "labels": arrays["labels"][kept]}
    names = tmp_path / "names.txt"
    names.write_text("[red]ant\n\x1b[31mbee\n\x9bcat\ndog\u202e\n", "utf-8")
    path = write(tmp_path / "a.safetensors", arrays)
    said = inside("analyze", path, "--classes", names, "--per-class")
    harmless(said)
    assert all(name in said.out for name in ("[red]ant", r"\x1b[31mbee", r"\x9bcat", r"dog\x202e"))
    quiet = inside("analyze", path, "--classes", names, "-q")
    harmless(quiet)
    assert r"\x9bcat" in quiet.err


# JSON keeps the names as they are, letter for letter.
def test_json_is_faithful(hostile: Path) -> None:
    plain = json.loads(inside("analyze", hostile, *NAMED, "--json", "-").out)
    assert {array["key"] for array in plain["inputs"]} == set(KEYS.values())
    assert {array["path"] for array in plain["inputs"]} == {str(hostile)}


# The text of the JSON has no raw character that could command a terminal.
@pytest.mark.parametrize("command", ["analyze", "inspect"])
def test_json_is_harmless(command: str, hostile: Path) -> None:
    harmless(inside(command, hostile, *NAMED, "--json", "-"))


# A file whose name is not valid UTF-8 can be analysed like any other.
@pytest.mark.parametrize("command", ["analyze", "inspect"])
def test_undecodable_path(command: str, tmp_path: Path) -> None:
    path = write(tmp_path / "bytes-\udcff.safetensors", sample())
    target = tmp_path / "report.json"
    said = inside(command, path, "--json", target)
    assert said.code == 0 and json.loads(target.read_text("utf-8"))
