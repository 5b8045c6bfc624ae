"""The tools of the trade are content: linter, formatter, type checker, the shape of the house."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = {"pyproject.toml", "nctool", "tests", "fixtures", "README.md", "CHANGELOG.md", "LICENSE"}


TOOLS = [["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--no-error-summary"]]


# Linter, formatter and strict type checker find nothing, anywhere, without exemptions.
@pytest.mark.parametrize("words", TOOLS, ids=["lint", "format", "types"])
def test_tools(words: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


# The top level holds what was agreed and nothing else.
def test_top_level() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {name.split("/")[0] for name in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == TOP


# A file of the package is one thing: none has grown past 300 lines.
def test_small_files() -> None:
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in (ROOT / "nctool").rglob("*.py")
    }
    assert {name: size for name, size in sizes.items() if size > 300} == {}
