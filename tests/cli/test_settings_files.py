"""Settings of a project and its environment, as the command uses and shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.shell import EPOCH_10, inside


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project to work in."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def analyzed(*words: str) -> dict[str, dict[str, object]]:
    said = inside("analyze", str(EPOCH_10), "--metrics", "nc1.pinv", "--json", "-", *words)
    assert said.code == 0, said.err
    report: dict[str, dict[str, object]] = json.loads(said.out)
    return report


# A setting of the project holds, and the report says where it came from; a flag is stronger.
def test_setting(project: Path) -> None:
    (project / "nctool.toml").write_text('profile = "papyan"\nseed = 4\n')
    settings = analyzed()["settings"]
    assert (settings["profile"], settings["seed"]) == ("papyan", 4)
    assert settings["from"] == {"profile": "nctool.toml", "seed": "nctool.toml"}
    settings = analyzed("--seed", "0")["settings"]
    assert settings["seed"] == 0 and settings["from"] == {"profile": "nctool.toml"}


# Saved roles are used the next time, said to come from the file, and a flag is stronger.
def test_saved_roles(project: Path) -> None:
    said = inside("inspect", str(EPOCH_10), "--save-roles", "--head", "head.weight")
    assert said.code == 0 and "nctool.toml" in said.err
    head = next(array for array in analyzed()["inputs"] if array["role"] == "head")  # type: ignore[index]
    assert head["chosen_by"] == "config" and "nctool.toml" in head["reason"]  # type: ignore[index]
    head = next(
        array
        for array in analyzed("--head", "head.*")["inputs"]
        if array["role"] == "head"  # type: ignore[index]
    )
    assert head["chosen_by"] == "flag"  # type: ignore[index]


# Analyze saves them too; the split stands for its features and labels, so another can be asked.
def test_analyze_saves(project: Path) -> None:
    analyzed("--save-roles")
    text = (project / "nctool.toml").read_text()
    assert 'split = "train"' in text and "features" not in text
    assert analyzed("--split", "test")["run"]["split"] == "test"


# Compare measures checkpoints with the project's roles and split, too.
def test_compare_keeps_to_them(project: Path) -> None:
    (project / "nctool.toml").write_text('metrics = ["nc1.pinv"]\n[roles]\nsplit = "test"\n')
    runs = [str(EPOCH_10), str(EPOCH_10.with_name("epoch=0100.safetensors"))]
    said = inside("compare", *runs, "--json", "-")
    assert said.code == 0, said.err
    assert [run["report"]["run"]["split"] for run in json.loads(said.out)["runs"]] == ["test"] * 2
    (project / "nctool.toml").write_text('[roles]\nhead = "fc.weight"\n')
    said = inside("compare", *runs)
    assert said.code == 3 and "fc.weight" in said.err


# A saved role that is not there is an error that says who asked for it.
def test_stale_role(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.nctool.roles]\nhead = "fc.weight"\n')
    said = inside("analyze", str(EPOCH_10))
    assert said.code == 3 and "head from [tool.nctool.roles] of pyproject.toml" in said.err


# A mistake in the settings is a usage error for the commands that use them, and for no other.
def test_mistake(project: Path) -> None:
    (project / "nctool.toml").write_text("sede = 4\n")
    assert inside("analyze", str(EPOCH_10)).code == 2
    assert inside("metrics").code == 0
