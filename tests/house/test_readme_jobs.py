"""The CI jobs that the README shows: real YAML-like steps whose commands run, and gate."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.shell import DIGITS, inside

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def jobs() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


def commands(job: str) -> list[list[str]]:
    """Every nctool command of a job."""
    lines = re.findall(r"^\s+- (?:run: )?(nctool .*)$", job, re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines]


# Both jobs run as they stand, on a run folder of that name, and leave what they promise to keep.
@pytest.mark.parametrize("place", [0, 1])
def test_jobs(place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs()[place]
    (words,) = commands(job)
    (tmp_path / "runs" / "latest").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for epoch in ("0010", "0100"):
        name = f"epoch={epoch}.safetensors"
        shutil.copy(DIGITS / name, tmp_path / "runs" / "latest" / name)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_ACTIONS" if place == 0 else "GITLAB_CI", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    said = inside(*words, "--metrics", "nc1.*")
    assert said.code == 0, said.err
    said = inside(*(word.replace("0.05", "1e-9") for word in words), "--metrics", "nc1.*")
    assert said.code == 1
    if place == 0:
        assert "::error title=nctool gate fail::" in said.err
        assert "a gate failed" in (tmp_path / "summary.md").read_text()
        assert (tmp_path / "report.html").is_file() and (tmp_path / "report.json").is_file()
    else:
        suite = ElementTree.parse(tmp_path / "junit.xml").getroot().find("testsuite")
        assert suite is not None and suite.get("failures") == "1"


# The settings shown are settings: every key is known, and the rules can be read.
def test_settings(tmp_path: Path) -> None:
    from nctool.report.gates import parse
    from nctool.report.tolerance import tolerance_of
    from nctool.settings.config import resolve

    (shown,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    tomllib.loads(shown)
    (tmp_path / "pyproject.toml").write_text(shown)
    config = resolve(tmp_path, {})
    assert config.values["profile"] == "papyan" and config.values["head"] == "model.fc.weight"
    rules, tolerances = config.gates["rules"], config.gates["tolerance"]
    assert isinstance(rules, list) and isinstance(tolerances, list)
    assert [parse(rule).pattern for rule in rules] == ["nc1.pinv", "nc4.mismatch"]
    assert [tolerance_of(rule)[0] for rule in tolerances] == ["nc1.pinv"]
