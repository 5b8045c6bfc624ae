"""The command as a user runs it, and what it said; never anything of its insides."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from nctool.cli import app

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "fixtures" / "digits"
EPOCH_10 = DIGITS / "epoch=0010.safetensors"

# Whatever the caller's shell says about looks would change what is tested.
LOOKS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONIOENCODING", "TERM")
ESCAPE_CODE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Said:
    """What one run left behind."""

    code: int
    out: str
    err: str


def nctool(
    *words: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None, stdout: int = -1
) -> Said:
    """The installed command in a process of its own."""
    run = subprocess.run(
        command(*words),
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=120,
    )
    return Said(run.returncode, run.stdout or "", run.stderr)


def on_terminal(*words: str | Path, env: Mapping[str, str] | None = None) -> str:
    """What the command writes to a terminal."""
    here, there = pty.openpty()
    with subprocess.Popen(
        command(*words), cwd=ROOT, env=environment(env), stdout=there, stderr=subprocess.DEVNULL
    ) as run:
        os.close(there)
        text = read_terminal(here)
    assert run.returncode == 0
    return text.replace("\r\n", "\n")


def read_terminal(here: int, until: str | None = None) -> str:
    """Everything up to a text, or up to the end."""
    seen = b""
    while until is None or until.encode() not in seen:
        try:
            part = os.read(here, 65536)
        except OSError:  # Linux: the other side has closed.
            break
        if not part:
            break
        seen += part
    return seen.decode()


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "nctool", *map(str, words)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """One thread and no GPU: the same on every machine."""
    kept = {name: value for name, value in os.environ.items() if name not in LOOKS}
    return kept | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""} | dict(extra or {})


def inside(*words: str | Path, env: Mapping[str, str] | None = None) -> Said:
    """The same command line in this process: for laws about numbers and words, not streams."""
    given = [str(word) for word in words]
    if given[0] == "analyze" and "--device" not in given:
        given += ["--device", "cpu"]
    looks: dict[str, str | None] = dict.fromkeys(LOOKS)
    done = CliRunner().invoke(app, given, env=looks | dict(env or {}))
    return Said(done.exit_code, done.stdout, done.stderr)


def unknown_options(line: str) -> set[str]:
    """The options of a command line, as people are shown it, that its command does not have."""
    program, command, *words = shlex.split(line, comments=True)
    assert program == "nctool"
    # At the edge of the panels: the help has examples too, which prove nothing.
    listed = re.findall(r"^  (?:(-\w), )?(--[a-z-]+)", inside(command, "--help").out, re.MULTILINE)
    known = {flag for flags in listed for flag in flags}
    given = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    return given - known


def report(*words: str | Path) -> dict[str, Any]:
    """The JSON of one analysis."""
    said = inside("analyze", *words, "--json", "-", "--threads", "1")
    assert said.code == 0, said.err
    plain: dict[str, Any] = json.loads(said.out)
    return plain


def values(plain: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a report by id."""
    return {
        result["id"]: result["value"] for result in plain["metrics"] if result["status"] == "ok"
    }


@cache
def digits_text() -> Said:
    """The text report of the digits at epoch 10."""
    return nctool("analyze", EPOCH_10.relative_to(ROOT))


@cache
def digits_json() -> Said:
    """The same for a machine."""
    return nctool("analyze", EPOCH_10.relative_to(ROOT), "--json", "-", "--deterministic")
