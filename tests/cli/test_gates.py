"""Gates, comparisons and reports as commands: what they say, write, and end with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import DIGITS, EPOCH_10, inside, nctool
from tests.support.saved import EVERY, FOLDER, document

REPORT, GATED = FOLDER / "report-1.0.json", FOLDER / "report-gated-1.0.json"
COURSE, COMPARED = FOLDER / "trajectory-1.0.json", FOLDER / "comparison-1.0.json"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings, outside of any CI."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


# The outcome decides the code: a failed gate is 1, a missing number 4, and 1 beats 4 beats 0.
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--gate", "nc1.pinv <= 0.05"], 0),
        (["--gate", "nc1.pinv > 0.05"], 1),
        (["--gate", "nc5.ood_orthogonality <= 1"], 4),
        (["--gate", "nc5.* <= 1", "--gate", "nc1.pinv <= 1"], 4),
        (["--gate", "nc5.* <= 1", "--gate", "nc1.pinv > 1"], 1),
        (["--gate", "nc5.* <= 1", "--missing", "warn", "--gate", "nc1.pinv <= 1"], 0),
        (["--gate", "nc1.pinv > 1", "--warn-only"], 0),
        (["--gate", "nc5.* <= 1", "--warn-only"], 0),
        (["--gate", "gnc2.margin.weights.p05 >= 0.3"], 0),
        (["--gate", "delta(nc1.pinv) <= 0"], 4),
        (["--gate", "delta(nc1.pinv) <= 0", "--baseline", str(GATED)], 0),
        (["--tolerance", "nc1.pinv=rel:5%,abs:0.002", "--baseline", str(GATED)], 0),
        (["--gate", "nc1.pniv <= 1"], 2),
        (["--gate", "nc1.pinv = 1"], 2),
        (["--tolerance", "nc1.pinv=5"], 2),
        (["--gate", "nc1.pinv <= 1", "--baseline", "absent.json"], 3),
        ([], 2),
    ],
)
def test_check(words: list[str], code: int) -> None:
    assert inside("check", str(REPORT), *words).code == code


# A trajectory looks back to its first point, or to the baseline that was named.
def test_baseline_of_a_trajectory() -> None:
    words = ["check", str(COURSE), "--gate", "ratio(nc1.pinv) < 1"]
    own = inside(*words)
    assert own.code == 0 and ", first 1" in own.out and "baseline" not in own.out
    named = inside(*words, "--baseline", str(REPORT))
    assert named.code == 1 and ", baseline 9.87e-05" in named.out and ", first" not in named.out


# The installed command ends so too, and neither it nor a report imports torch.
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["check", REPORT, "--gate", "nc1.pinv <= 1"], 0),
        (["check", REPORT, "--gate", "nc1.pinv > 1"], 1),
        (["check", REPORT, "--gate", "nope > 1"], 2),
        (["check", "absent.json", "--gate", "nc1.pinv > 1"], 3),
        (["check", REPORT, "--gate", "nc5.* > 1"], 4),
        (["compare", REPORT, GATED], 0),
        (["compare", COURSE, COMPARED], 2),
        (["report", COURSE, "-o", "x.md"], 0),
    ],
)
def test_installed(words: list[str | Path], code: int, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemError('torch was imported')")
    said = nctool(*words, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert said.code == code, said.err


# The report's own verdict stands where nothing new is asked.
def test_own_gates() -> None:
    said = inside("check", str(GATED))
    assert said.code == 1 and "FAIL" in said.out and "nc1.pinv <= 0.05" in said.out


# Rules of the project hold without a flag, and its baseline lies beside its settings.
def test_settings(nowhere: Path) -> None:
    (nowhere / "base.json").write_text(GATED.read_text())
    (nowhere / "pyproject.toml").write_text(
        '[tool.nctool.gates]\nrules = ["ratio(nc1.pinv) < 1"]\nbaseline = "base.json"\n'
    )
    said = inside("check", str(REPORT), "--json", "-")
    (gate,) = json.loads(said.out)["gates"]
    assert said.code == 0 and gate["result"] == "pass" and "pyproject.toml" in gate["source"]
    (nowhere / "pyproject.toml").write_text('[tool.nctool.gates]\nrules = ["nc1.pinv > 1"]\n')
    assert inside("check", str(REPORT)).code == 1
    (nowhere / "pyproject.toml").write_text('[tool.nctool.gates]\nrule = ["nc1.pinv > 1"]\n')
    said = inside("check", str(REPORT))
    assert said.code == 2 and "rules" in said.err


# Analyze holds gates itself: everything is written before the code is decided.
def test_analyze(nowhere: Path) -> None:
    words = ["analyze", str(EPOCH_10), "--metrics", "nc1.*", "--json", "r.json", "-o", "r.md",
             "-o", "r.xml"]  # fmt: skip
    said = inside(*words, "--gate", "nc1.pinv <= 0.05")
    assert said.code == 1
    plain = json.loads((nowhere / "r.json").read_text())
    assert plain["outcome"] == "fail" and plain["gates"][0]["observed"] > 0.05
    assert "fail" in (nowhere / "r.md").read_text() and (nowhere / "r.xml").is_file()
    said = inside(*words, "--gate", "ratio(nc1.pinv) < 2", "--baseline", "r.json")
    assert said.code == 0


# An output of an unknown kind is refused before the work.
def test_unknown_output() -> None:
    said = inside("analyze", "absent.npz", "-o", "r.docx")
    assert said.code == 2 and ".md" in said.err


# A run folder is a trajectory: curves on the screen, every point in the JSON.
def test_run_folder() -> None:
    words = ["analyze", str(DIGITS), "--metrics", "nc1.pinv,nc4.accuracy", "--json"]
    plain: dict[str, Any] = json.loads(inside(*words, "-").out)
    assert plain["kind"] == "trajectory" and plain["axis"] == "epoch"
    assert [point["position"] for point in plain["points"]] == [0, 1, 3, 10, 30, 100, 300, 1000]
    said = inside(*words, "r.json", "--plot", "--gate", "ratio(nc1.pinv) < 1e-3")
    assert said.code == 0 and "8 points, epoch 0 to epoch 1000" in said.out
    assert "nc1.pinv, log" in said.out


# Checkpoints are measured where they are compared; splits of one run are a comparison too.
def test_compare_checkpoints() -> None:
    later = DIGITS / "epoch=0100.safetensors"
    said = inside("compare", str(EPOCH_10), str(later), "--metrics", "nc1.pinv", "--json", "-")
    plain = json.loads(said.out)
    assert plain["metrics"][0]["changes"][1]["word"] == "more collapsed"
    said = inside(
        "compare", str(later), "--split", "train", "--split", "test", "--metrics", "nc1.*"
    )
    assert said.code == 0 and "split: train | test" in said.out


# Runs that differ in kind are refused, and compared when it is asked for.
def test_mismatch(nowhere: Path) -> None:
    plain = json.loads(REPORT.read_text())
    plain["settings"]["center"] = "samples"
    (nowhere / "other.json").write_text(json.dumps(plain))
    said = inside("compare", str(REPORT), "other.json")
    assert said.code == 3 and "balanced against samples" in said.err
    said = inside("compare", str(REPORT), "other.json", "--allow-mismatch", "--only-changed")
    assert said.code == 0 and "nothing changed" in said.out


# Seeds of one setting are one run with a spread.
def test_group_by(nowhere: Path) -> None:
    plain = json.loads(REPORT.read_text())
    for name, value in (("a-seed1", 1.0), ("a-seed2", 2.0), ("b-seed1", 5.0), ("b-seed2", 7.0)):
        plain["metrics"] = [{**plain["metrics"][0], "value": value}]
        (nowhere / f"{name}.json").write_text(json.dumps(plain))
    names = sorted(str(path) for path in nowhere.glob("*-seed*.json"))
    said = inside("compare", *names, "--group-by", "seed")
    assert "a (mean of 2)" in said.out and "1.5 ± 0.71" in said.out and "6 ± 1.4" in said.out
    said = inside("compare", *names, "--group-by", "lr")
    assert said.code == 2 and "error[nothing-grouped]" in said.err


# Every document is rendered in every form from the file, and reports of epochs are joined.
@pytest.mark.parametrize("name", EVERY)
def test_report(name: str, nowhere: Path) -> None:
    said = inside("report", str(FOLDER / f"{name}.json"))
    assert said.code == 0 and len(said.out.splitlines()) > 8
    words = [
        word for suffix in ("md", "csv", "xml", "prom", "json") for word in ("-o", f"x.{suffix}")
    ]
    assert inside("report", str(FOLDER / f"{name}.json"), "-q", *words).code == 0
    again = json.loads((nowhere / "x.json").read_text())
    assert again == document(name).to_dict()


# A page made later has the pictures too, if the arrays still lie beside the report.
def test_arrays_beside(nowhere: Path) -> None:
    words = ["analyze", str(EPOCH_10), "--metrics", "nc1.*,nc2.*", "-q"]
    inside(*words, "--json", "r.json", "--arrays", "a.safetensors", "-o", "now.html")
    assert inside("report", "r.json", "-q", "-o", "later.html").code == 0
    assert (nowhere / "later.html").read_text() == (nowhere / "now.html").read_text()
    elsewhere = nowhere / "elsewhere"
    elsewhere.mkdir()
    (nowhere / "r.json").rename(elsewhere / "r.json")
    assert inside("report", "elsewhere/r.json", "-q", "-o", "alone.html").code == 0
    assert (nowhere / "alone.html").read_text() != (nowhere / "now.html").read_text()


def test_joined(nowhere: Path) -> None:
    for point in json.loads(COURSE.read_text())["points"]:
        (nowhere / f"{point['position']}.json").write_text(json.dumps(point["report"]))
    said = inside("report", *map(str, nowhere.glob("*.json")), "--json", "-")
    assert json.loads(said.out)["axis"] == "epoch" and len(json.loads(said.out)["points"]) == 5


# In a CI job gates become annotations on stderr, and a summary is appended; names cannot command.
def test_ci(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["check", str(GATED)]
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(nowhere / "summary.md"))
    said = inside(*words)
    assert "::error title=nctool gate fail (error)::nc1.pinv <= 0.05: is 0.1531" in said.err
    assert "::warning" in said.err and "::" not in said.out
    assert "a gate failed" in (nowhere / "summary.md").read_text()
    assert "::error" not in inside(*words, "--ci", "none").err
    monkeypatch.delenv("GITHUB_ACTIONS")
    monkeypatch.setenv("GITLAB_CI", "true")
    assert "ERROR: nctool gate fail" in inside(*words).err
