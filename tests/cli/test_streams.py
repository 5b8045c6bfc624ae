"""Stdout is the result and nothing else; how it looks depends on who reads it."""

from __future__ import annotations

import json
import re
import sys
import time

import pytest

from nctool.core.text import number
from nctool.render import console
from tests.cli.shell import (
    DIGITS,
    EPOCH_10,
    ESCAPE_CODE,
    digits_json,
    digits_text,
    inside,
    nctool,
    on_terminal,
)

PAGE = ["metrics", "nc1.pinv"]


# For a machine, stdout is one JSON document and stderr is empty.
def test_json_on_stdout() -> None:
    said = digits_json()
    assert said.code == 0 and said.err == ""
    plain, end = json.JSONDecoder().raw_decode(said.out)
    assert plain["kind"] == "report" and said.out[end:] == "\n"


# For a person, the report is on stdout, and stderr has no trace of progress.
def test_text_on_stdout() -> None:
    assert "PARTLY COLLAPSED" in digits_text().out
    assert "\r" not in digits_text().err and "class means" not in digits_text().err


# A run that takes long shows no progress where stderr is not a terminal.
def test_no_bar_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stderr.isatty()
    with console.bar(enabled=True).task("first sweep", 10) as advance:
        time.sleep(0.6)
        advance(10)
    assert capsys.readouterr() == ("", "")


# -q leaves stdout empty and says the warnings only, each under its name.
def test_quiet() -> None:
    said = nctool("analyze", DIGITS, "-q")
    assert (said.code, said.out) == (0, "")
    loose = [line for line in said.err.splitlines() if not line.startswith("  ")]
    assert all(re.match(r"nctool: warning\[[a-z-]+\]: .", line) for line in loose)
    assert {"other-splits"} <= set(re.findall(r"\[([a-z-]+)\]", said.err))


# -q without anything to warn of says nothing at all.
def test_quiet_without_warnings() -> None:
    said = inside("analyze", EPOCH_10, "-q", "--split", "train", "--threads", "1")
    assert (said.code, said.out, said.err) == (0, "", "")


# Off a terminal there is no escape code, on one there is.
def test_colour_only_on_a_terminal() -> None:
    assert "\x1b" not in nctool(*PAGE).out
    assert "\x1b[1m" in on_terminal(*PAGE)


# NO_COLOR takes the colours away on a terminal, FORCE_COLOR brings them everywhere else.
def test_colour_by_environment() -> None:
    assert "\x1b" not in on_terminal(*PAGE, env={"NO_COLOR": "1"})
    assert "\x1b[1m" in nctool(*PAGE, env={"FORCE_COLOR": "1"}).out
    assert "\x1b" not in nctool(*PAGE, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out


# Colours change no letter, and break or cut no line.
def test_colours_change_no_text() -> None:
    words = ["analyze", str(EPOCH_10), "--threads", "1"]
    plain = inside(*words).out
    coloured = inside(*words, env={"FORCE_COLOR": "1"}).out
    assert "\x1b[" in coloured
    bare = [line.rstrip() for line in ESCAPE_CODE.sub("", coloured).splitlines()]
    assert bare == plain.splitlines()


# Off a terminal the report fits 80 columns.
@pytest.mark.parametrize("epoch", ["0000", "0010", "1000"])
def test_eighty_columns(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DIGITS)
    text = inside("analyze", f"epoch={epoch}.safetensors", "--threads", "1").out
    assert [line for line in text.splitlines() if len(line) > 80] == []


# However narrow: with --all every id and every number stands in the report whole.
@pytest.mark.parametrize("words", [[], ["--width", "40"], ["--per-class"]])
@pytest.mark.parametrize("env", [{}, {"FORCE_COLOR": "1", "COLUMNS": "40"}])
def test_nothing_is_cut(words: list[str], env: dict[str, str]) -> None:
    text = ESCAPE_CODE.sub("", inside("analyze", EPOCH_10, "--all", *words, env=env).out)
    assert "…" not in text
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    cells = set(re.split(r"[\s,]+", text))
    plain = json.loads(digits_json().out)
    assert len(plain["metrics"]) > 20
    for result in plain["metrics"]:
        assert result["id"] in cells
        if result["status"] == "ok":
            assert number(result["value"]) in [cell.rstrip("~°") for cell in rows[result["id"]]]


# A stdout that cannot take every letter still gets the report.
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_other_encodings(encoding: str) -> None:
    said = nctool("metrics", env={"PYTHONIOENCODING": encoding})
    assert said.code == 0 and "nc1.pinv" in said.out
