"""The CI jobs that the README shows: valid YAML whose commands run, and gate."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.cli.shell import DIGITS, ROOT, inside
from tests.house.test_action import ACTION, HOME, HOOK, MEASURE, as_installed, run

README = (ROOT / "README.md").read_text("utf-8")
GITHUB, GITLAB, HOOKS = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a run of two checkpoints, where the jobs look for it."""
    (tmp_path / "runs" / "latest").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for epoch in ("0010", "0100"):
        name = f"epoch={epoch}.safetensors"
        shutil.copy(DIGITS / name, tmp_path / "runs" / "latest" / name)
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def unreachable(text: str) -> str:
    """The same rule with a limit that nothing meets."""
    return re.sub(r"[\d.]+$", "-9" if "<" in text else "9", text)


def options(words: list[str]) -> list[str]:
    """The words of a command with its gate out of reach."""
    return [unreachable(word) if "=" in word and " " in word else word for word in words]


# The GitHub job gives this repository's action inputs that there are; it runs and gates.
def test_github(project: Path) -> None:
    (job,) = GITHUB["jobs"].values()
    step = job["steps"][-1]
    place = step["uses"].partition("@")[0].split("/", 2)[2]
    assert (ROOT / place).resolve() == HOME
    assert step["with"].keys() <= ACTION["inputs"].keys()
    as_installed(project)
    assert run(MEASURE, project, **step["with"]).returncode == 0
    assert "a gate failed" not in (project / "summary.md").read_text()
    given = {**step["with"], "gates": unreachable(step["with"]["gates"])}
    failed = run(MEASURE, project, **given)
    assert failed.returncode == 1 and "::error title=nctool gate fail" in failed.stderr
    assert "a gate failed" in (project / "summary.md").read_text()


# The GitLab job installs torch before nctool; its command runs, gates, and writes what is kept.
def test_gitlab(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = GITLAB.values()
    torch, nctool, command = job["script"]
    assert torch.startswith("pip install torch --index-url") and nctool.startswith("pip install")
    monkeypatch.setenv("GITLAB_CI", "true")
    words = shlex.split(command)[1:]
    said = inside(*words)
    assert said.code == 0, said.err
    assert inside(*options(words)).code == 1
    kept = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    assert all((project / name).is_file() for name in kept)
    suite = ElementTree.parse(project / kept[-1]).getroot().find("testsuite")
    assert suite is not None and suite.get("failures") == "1"


# The pre-commit hook is the one that this repository offers; with its words it runs and gates.
def test_hook(project: Path) -> None:
    ((hook,),) = [each["hooks"] for each in HOOKS["repos"]]
    assert hook["id"] == HOOK["id"]
    report, *rules = map(str, hook["args"])
    assert inside("analyze", "runs/latest", "--json", report, "-q").code == 0
    words = shlex.split(HOOK["entry"])[1:]
    assert inside(*words, report, *rules).code == 0
    assert inside(*words, report, *options(rules)).code == 1


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
    assert [parse(rule).pattern for rule in rules] == ["collapse.weakest", "nc4.mismatch"]
    assert [tolerance_of(rule)[0] for rule in tolerances] == ["nc1.pinv"]
