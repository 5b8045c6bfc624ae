"""``nctool analyze --dry-run``: one screen, the answer first, and nothing else is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nctool
from nctool.core.text import amount
from nctool.engine.cost import enough
from nctool.facts.point_costs import kernel_bytes
from tests.cli.shell import DIGITS, EPOCH_10, inside


# The answer stands first, and all of it fits a screen.
def test_screen() -> None:
    said = inside("analyze", DIGITS, "--dry-run", "--threads", "1")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].endswith("8 checkpoints or layers   1,437 × 64, 10 classes")
    assert lines[2].startswith("About ") and "(within 2 ×)" in lines[2]
    assert "Python and torch" in lines[3]
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    narrow = inside("analyze", DIGITS, "--dry-run", "--width", "60").out.splitlines()
    assert max(map(len, narrow[1:])) <= 60
    assert str(nctool.estimate(str(DIGITS), threads=1, device="cpu")) == said.out.rstrip("\n")


# The JSON is of a kind of its own, and says what the value in Python says.
def test_json(tmp_path: Path) -> None:
    said = inside("analyze", EPOCH_10, "--dry-run", "--json", "-", "--threads", "1")
    plain = json.loads(said.out)
    assert (said.code, plain["kind"], plain["schema_version"]) == (0, "estimate", "1.0")
    found = nctool.estimate(str(EPOCH_10), threads=1, device="cpu").to_dict()
    assert json.loads(json.dumps(found)) == plain
    target = tmp_path / "estimate.json"
    assert inside("analyze", EPOCH_10, "--dry-run", "-q", "--json", target).out == ""
    assert json.loads(target.read_text())["points"] == 1
    gated = inside("check", target, "--gate", "nc1.pinv < 1")
    assert gated.code == 3 and "is an estimate" in gated.err


# What takes numbers is no part of it: an error that says so, and no file.
@pytest.mark.parametrize(
    "words",
    [["-o", "a.html"], ["--arrays", "a.safetensors"], ["--gate", "nc1.pinv < 1"], ["--save-roles"],
     ["--warn-only"], ["--plot"]],
)  # fmt: skip
def test_alone(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = inside("analyze", EPOCH_10, "--dry-run", *words)
    assert (said.code, said.out) == (2, "") and "error[dry-run-alone]" in said.err
    assert list(tmp_path.iterdir()) == []


# Gates of the settings file are for measurements, and no contradiction.
def test_project_gates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nctool.toml").write_text('[gates]\nrules = ["nc1.pinv < 1"]\n')
    assert inside("analyze", EPOCH_10, "--dry-run").code == 0


# Where --memory would refuse a number the code is 5, after the screen; the message says how much.
def test_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "head.npy", np.ones((4000, 4)))
    words = ("analyze", tmp_path / "head.npy", "--head", "head", "--memory", "64MiB")
    said = inside(*words, "--metrics", "hug.logdet.weights", "--dry-run")
    assert said.code == 5 and "Refused" in said.out
    needed = kernel_bytes(4000)
    assert f"{amount(needed)} needed" in said.err and f"--memory {enough(needed)}" in said.err


# Processes are counted and not started; a source that cannot be measured is refused as ever.
def test_no_processes() -> None:
    said = inside("analyze", EPOCH_10, "--dry-run", "--processes", "2")
    assert said.code == 0 and "in each of 2 processes" in said.out
    assert inside("analyze", "absent.npz", "--dry-run").code == 3
