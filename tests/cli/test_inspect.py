"""A look into a source: every array, the role it would get, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.samples import renamed, sample, write
from tests.cli.shell import DIGITS, EPOCH_10, inside, nctool, report

SHAPES = {
    "train_features": [1437, 64], "train_labels": [1437], "test_features": [360, 64],
    "test_labels": [360], "head.weight": [10, 64], "head.bias": [10],
}  # fmt: skip


@pytest.fixture
def ambiguous(tmp_path: Path) -> Path:
    arrays = renamed(sample(), head__weight="head_a.weight", head__bias="head_a.bias")
    arrays["head_b.weight"] = arrays["head_a.weight"]
    return write(tmp_path / "two.safetensors", arrays)


# The text lists every array with shape, type and role, and gives a reason for each role.
def test_text() -> None:
    said = nctool("inspect", EPOCH_10)
    assert (said.code, said.err) == (0, "")
    above, below = said.out.split("\nRoles\n")
    for key, shape in SHAPES.items():
        [row] = [line for line in above.splitlines() if key in line.split()]
        assert " × ".join(f"{size:,}" for size in shape) in row
    roles = {line.split()[0]: line.split()[1] for line in below.splitlines() if ": " in line}
    assert roles["features"] == "train_features:" and roles["head"] == "head.weight:"
    assert "2-D float with 1,437 rows like train_labels" in below


# The JSON has the same: the arrays, the roles by name, and how each was chosen.
def test_json() -> None:
    said = nctool("inspect", EPOCH_10, "--json", "-", "--head", "head.weight")
    assert (said.code, said.err) == (0, "")
    plain = json.loads(said.out)
    assert (plain["kind"], plain["epoch"], plain["step"]) == ("inspection", 10, 50)
    assert {array["key"]: array["shape"] for array in plain["arrays"]} == SHAPES
    given = {array["role"]: array["key"] for array in plain["arrays"] if array["role"]}
    assert given == {role: pick["key"] for role, pick in plain["roles"].items()}
    chosen = {role: pick["chosen_by"] for role, pick in plain["roles"].items()}
    assert chosen == dict.fromkeys(("features", "labels", "bias"), "auto") | {"head": "flag"}
    assert all(pick["reason"] for pick in plain["roles"].values())
    assert plain["problem"] is None


# What inspect says is what analyze does.
@pytest.mark.parametrize("flags", [[], ["--split", "test"], ["--bias", "none"], ["--head", "none"]])
def test_agrees_with_analyze(flags: list[str]) -> None:
    said = json.loads(inside("inspect", EPOCH_10, *flags, "--json", "-").out)
    done = {
        array["role"]: (array["key"], array["reason"])
        for array in report(EPOCH_10, *flags)["inputs"]
    }
    picked = {role: pick for role, pick in said["roles"].items() if pick is not None}
    assert {role: (pick["key"], pick["reason"]) for role, pick in picked.items()} == done


# A tie is 3 here too, after all that was found has been shown.
def test_tie(ambiguous: Path) -> None:
    said = inside("inspect", ambiguous)
    assert said.code == 3 and "error[ambiguous-head]" in said.err
    assert "head_a.weight" in said.out and "head_b.weight" in said.out
    assert "Roles" not in said.out


# The JSON of a tie holds the problem and what to type next.
def test_tie_in_json(ambiguous: Path) -> None:
    said = inside("inspect", ambiguous, "--json", "-")
    plain = json.loads(said.out)
    assert said.code == 3 and plain["roles"] is None
    assert plain["problem"]["slug"] == "ambiguous-head"
    assert "--head 'head_b.weight'" in plain["problem"]["hint"]


# A folder of checkpoints is looked into at its last, and that is said.
def test_folder() -> None:
    plain = json.loads(inside("inspect", DIGITS, "--json", "-").out)
    assert plain["epoch"] == 1000
    assert "last-checkpoint" in [notice["slug"] for notice in plain["warnings"]]
    assert "epoch=1000.safetensors" in inside("inspect", DIGITS).out.splitlines()[0]
