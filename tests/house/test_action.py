"""What other projects install from here: the GitHub action and the pre-commit hook."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.shell import DIGITS, ROOT, environment, inside, nctool, unknown_options

HOME = ROOT / ".github" / "actions" / "nctool"
TEXT = (HOME / "action.yml").read_text("utf-8")
ACTION: dict[str, Any] = yaml.safe_load(TEXT)
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
INSTALL, MEASURE, UPLOAD = ACTION["runs"]["steps"]
EPOCH_100 = DIGITS / "epoch=0100.safetensors"
HOLDS, FAILS = "nc1.pinv <= 0.05", "nc4.mismatch < 0"


def filled(text: str, inputs: Mapping[str, str]) -> str:
    """An expression with the inputs' values in place, as the runner fills it in."""
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda name: inputs[name[1]], text)


def run(step: Mapping[str, Any], home: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """A step as the runner runs it, with inputs that are given and those that are defaults."""
    defaults = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
    inputs = {**defaults, **given}
    variables = {name: filled(text, inputs) for name, text in step["env"].items()}
    runner = {
        "RUNNER_TEMP": str(home),
        "GITHUB_ACTION_PATH": str(HOME),
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(home / "summary.md"),
        "PYTHONPATH": str(ROOT),
        "PATH": os.pathsep.join([str(home), os.environ["PATH"]]),
    }
    # The options of GitHub's own call of bash.
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    env = environment(variables | runner)
    return subprocess.run(words, cwd=home, env=env, capture_output=True, text=True, check=False)


def program(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/bash", *lines, ""]))
    path.chmod(0o755)


def as_installed(home: Path) -> None:
    """What the action's first step leaves in the runner's folder."""
    program(home / "nctool" / "bin" / "nctool", f'exec {sys.executable} -m nctool "$@"')


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    as_installed(tmp_path)
    (tmp_path / ".git").mkdir()
    return tmp_path


# Every input is used, every one that is used is declared, and each has a word about it.
def test_inputs() -> None:
    used = set(re.findall(r"inputs\.([\w-]+)", TEXT))
    assert used == ACTION["inputs"].keys()
    assert all(each["description"].endswith(".") for each in ACTION["inputs"].values())
    required = {name for name, each in ACTION["inputs"].items() if each.get("required")}
    assert required == {name for name, each in ACTION["inputs"].items() if "default" not in each}


# Inputs reach a script as variables only: as text in it they could be commands.
def test_no_injection() -> None:
    assert all("${{" not in step["run"] for step in (INSTALL, MEASURE))


# torch comes from the index without CUDA, before nctool, which would otherwise bring another.
@pytest.mark.parametrize("index", [None, ""])
def test_install(tmp_path: Path, index: str | None) -> None:
    pip = f"{tmp_path}/nctool/bin/pip"
    program(tmp_path / "pip", f'echo "$@" >> {tmp_path}/log')
    program(tmp_path / "python", f"mkdir -p {Path(pip).parent} && cp {tmp_path}/pip {pip}")
    done = run(INSTALL, tmp_path, **({} if index is None else {"torch-index": index}))
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "log").read_text().splitlines()
    torch = ["install torch --index-url https://download.pytorch.org/whl/cpu"]
    assert lines[:-1] == (torch if index is None else [])
    assert Path(lines[-1].removeprefix("install ")).resolve() == ROOT


# The action keeps the report, the page and the job's summary, holds every rule, and fails when one
# does not hold; a rule is a word and never a command.
@pytest.mark.parametrize(
    ("rules", "code"),
    [(f"{HOLDS}\n", 0), (f"{HOLDS}\n{FAILS}\n", 1), ("nc1.pinv <= $(touch broken)", 2)],
)
def test_analyze(rules: str, code: int, installed: Path) -> None:
    options = "--metrics=nc1,nc4\n--no-progress\n"
    done = run(MEASURE, installed, source=str(EPOCH_100), gates=rules, options=options)
    assert done.returncode == code, done.stderr
    written = {path.name for path in installed.iterdir() if path.is_file()}
    assert written == ({"nctool.json", "nctool.html", "summary.md"} if code < 2 else set())
    assert ("::error title=nctool gate fail" in done.stderr) == (code == 1)


# With check it holds a saved report to gates, and to a baseline.
def test_check(installed: Path) -> None:
    report = installed / "saved.json"
    assert inside("analyze", EPOCH_100, "--metrics", "nc1", "--json", report, "-q").code == 0
    given = {"command": "check", "source": str(report), "baseline": str(report)}
    assert run(MEASURE, installed, gates="ratio(nc1.pinv) <= 1", **given).returncode == 0
    assert run(MEASURE, installed, gates="ratio(nc1.pinv) < 1", **given).returncode == 1
    assert (installed / "nctool.html").is_file()


# What was measured is uploaded when a gate fails, too, under the paths that were given.
def test_upload() -> None:
    assert UPLOAD["if"] == "${{ always() && inputs.artifact != '' }}"
    assert UPLOAD["uses"].startswith("actions/upload-artifact@")
    paths = filled(UPLOAD["with"]["path"], {"json": "a.json", "page": "b.html"})
    assert paths.split() == ["a.json", "b.html"]


# The workflow uses the action on the bundled run, with inputs that there are.
def test_workflow() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))
    steps = workflow["jobs"]["action"]["steps"]
    (step,) = (step for step in steps if step["uses"].startswith("./"))
    assert (ROOT / step["uses"]).resolve() == HOME
    assert step["with"].keys() <= ACTION["inputs"].keys()
    assert (ROOT / step["with"]["source"]).is_dir()


# The hook runs a command that there is, on the report and the gates that a project gives it.
def test_hook(tmp_path: Path) -> None:
    assert HOOK["pass_filenames"] is False and re.search(HOOK["files"], "runs/latest.json")
    report = tmp_path / "latest.json"
    assert inside("analyze", EPOCH_100, "--metrics", "nc1", "--json", report, "-q").code == 0
    program_name, *words = shlex.split(HOOK["entry"])
    assert program_name == "nctool" and unknown_options(HOOK["entry"]) == set()
    assert nctool(*words, report, "--gate", HOLDS, cwd=tmp_path).code == 0
    assert nctool(*words, report, "--gate", "nc1.pinv < 0", cwd=tmp_path).code == 1
