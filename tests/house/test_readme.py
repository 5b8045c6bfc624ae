"""The README says what is true: its commands run, its output is the real one, its test is CI's."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import nctool
from nctool.cli import app
from nctool.metrics import registry
from nctool.settings.conventions import PROFILES
from tests.bench.table import table
from tests.cli.shell import unknown_options
from tests.support import digits

ROOT = Path(__file__).parents[2]
FILE = ROOT / "README.md"
README = FILE.read_text("utf-8")

SHOWN = re.compile(r"(<!-- output of: nctool ([^\n]*) -->\n```text\n)(.*?)(?=```)", re.DOTALL)
"""A command, and the block that shows what it prints."""
MEASURED = re.compile(r"(<!-- table of: python -m tests.bench.table -->\n)((?:\|[^\n]*\n)*)")
"""The table of speeds."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def settled(text: str) -> str:
    """Without what depends on the machine: threads and the version."""
    text = re.sub(r"\d+ threads?", "N threads", text)
    return re.sub(r"^nctool \S+", "nctool V", text, flags=re.MULTILINE)


def printed(command: str, folder: Path = ROOT) -> str:
    words = [sys.executable, "-m", "nctool", *shlex.split(command.removeprefix("nctool "))]
    run = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout


def as_printed(shown: re.Match[str]) -> str:
    """The command and its output: what is shown, if that is what it prints now."""
    head, command, text = shown.groups()
    output = printed(command)
    return shown[0] if settled(output) == settled(text) else head + output


# The output shown in the README is that of the command that stands above it, and its table is what
# was measured.
def test_shown_output_is_real(regenerate: bool) -> None:
    assert SHOWN.search(README)
    assert MEASURED.search(README)
    real = SHOWN.sub(as_printed, MEASURED.sub(lambda shown: shown[1] + table(), README))
    if regenerate:
        FILE.write_text(real, "utf-8")
    else:
        assert real == README


# Two hundred lines are what a newcomer reads; the rest is in --help and nctool metrics.
def test_short() -> None:
    assert len(README.splitlines()) <= 200


# CI runs the README's test command, letter for letter.
def test_ci_runs_the_readme_command() -> None:
    command = next(block for block in blocks("sh") if "pytest" in block).strip()
    assert command in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()


def shown_commands() -> list[str]:
    """Every nctool command of the shell blocks."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("nctool ")]


# Every command that is shown has the options that it is shown with.
@pytest.mark.parametrize("line", shown_commands())
def test_shown_options_exist(line: str) -> None:
    assert unknown_options(line) == set()


# The Python shown in the README runs on arrays of the described shapes, and says what it says.
def test_python_example_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    random = torch.Generator().manual_seed(0)
    names: dict[str, object] = {
        "H": torch.randn(40, 8, generator=random),
        "y": torch.arange(40) % 4,
        "W": torch.randn(4, 8, generator=random),
        "b": torch.zeros(4),
    }
    exec(blocks("python")[0], names)
    report, run = names["report"], names["run"]
    assert isinstance(report, nctool.Report)
    assert report.to_dict() == nctool.load("page.html").to_dict()
    assert isinstance(run, nctool.Trajectory) and len(run["nc1.pinv"]) == len(run.epochs) == 8
    word = nctool.compare(run.first, run.last)["nc1.pinv"].changes[1].word
    assert f'"{word}"' in blocks("python")[0]


@pytest.fixture
def of_one_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A folder with a training script and its checkpoints, as the README supposes; the script."""
    (tmp_path / "ckpt").mkdir()
    for path in digits.folder().iterdir():
        if path.is_file():
            (tmp_path / ("ckpt" if path.suffix == ".pt" else ".") / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return digits.script()


# The Python for one's own model runs beside a training script, and is one measurement three times.
def test_own_model_runs(of_one_s_own: Any) -> None:
    model, loader = of_one_s_own.make_model(), of_one_s_own.make_loader()
    state = torch.load("ckpt/epoch=1000.pt")["model"]
    model.load_state_dict(state)
    model.eval()
    names: dict[str, Any] = {"nctool": nctool, "model": model, "loader": loader}
    exec(blocks("python")[1], names)
    assert len(names["run"].epochs) == 4
    for result in digits.by_hand("epoch=1000.pt"):
        for each in (names["report"], names["run"].last):
            assert each.value(result.id) == digits.near(result.value), result.id
        if names["same"].get(result.id) is not None and names["same"][result.id].status == "ok":
            assert names["same"].value(result.id) == digits.near(result.value), result.id


# So does the command.
def test_own_model_by_command(of_one_s_own: Any) -> None:
    [line] = [line for line in shown_commands() if line.startswith("nctool collect")]
    printed(line, Path.cwd())
    run = nctool.load("run.json")
    assert isinstance(run, nctool.Trajectory) and len(run.epochs) == 4
    assert run.last.data["n"] == 360


# Every profile and every command stands in the README.
@pytest.mark.parametrize(
    "word",
    [
        *PROFILES,
        *(command.callback.__name__ for command in app.registered_commands if command.callback),
    ],
)
def test_everything_is_mentioned(word: str) -> None:
    assert f"`{word}`" in README or f"nctool {word}" in README


# The metrics that the README names exist.
def test_named_metrics_exist() -> None:
    family = r"\b(?:collapse|nc\d|gnc\d?|hug|imbalance)"
    named = set(re.findall(family + r"\.[a-z0-9_]+(?:\.(?:means|weights))?", README))
    assert named and named <= set(registry())
