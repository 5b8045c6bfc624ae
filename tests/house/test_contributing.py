"""What contributors are told is true: the map, the paths, the workflow, the hooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.test_floors import FLOORS, PACKAGE
from tests.house.test_workshop import TOOLS

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")


def command() -> str:
    """The README's test command."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (command,) = [block.strip() for block in blocks if "pytest" in block]
    return str(command)


# The map names exactly the rooms that there are, each once and on its floor.
def test_map() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| .+ \|$", CONTRIBUTING, re.MULTILINE)
    floors = [(str(number), room) for number, rooms in enumerate(FLOORS, 1) for room in rooms]
    assert sorted(rows) == sorted(floors)


# Every file and folder that is named exists.
def test_named_paths_exist() -> None:
    named = {
        name for name in re.findall(r"`([\w./-]+)`", CONTRIBUTING) if "/" in name or "." in name
    }
    paths = {name for name in named if name.endswith(("/", ".py", ".md", ".yml"))}
    assert len(paths) > 10
    missing = {name for name in paths if not (ROOT / name).exists() and not [*PACKAGE.rglob(name)]}
    assert missing == set()


# Workflow and contributors run the README's test command, letter for letter.
def test_one_test_command() -> None:
    assert command() in [line.strip() for line in WORKFLOW.splitlines()]
    assert command() in CONTRIBUTING.splitlines()


# The workflow tries every Python from the oldest that is supported.
def test_pythons() -> None:
    listed = re.search(r"python: \[(.*)\]", WORKFLOW)
    assert listed is not None
    versions = [int(minor) for minor in re.findall(r"3\.(\d+)", listed[1])]
    oldest = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert oldest is not None and versions[0] == int(oldest[1])
    assert versions == list(range(versions[0], versions[-1] + 1))


# Hooks and lint job run what the tests run.
@pytest.mark.parametrize("words", TOOLS, ids=" ".join)
def test_one_set_of_tools(words: list[str]) -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert f"entry: python -m {' '.join(words)}\n" in hooks
    assert f"- run: {' '.join(words)}\n" in WORKFLOW
