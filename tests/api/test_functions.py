"""The functions of Python do what the commands do, on files and on values."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nctool
from nctool.core.errors import InputError, UsageError
from tests.cli.shell import DIGITS, EPOCH_10, inside
from tests.cli.shell import report as command
from tests.support.saved import FOLDER, comparison, of, report, trajectory

EPOCH_100 = DIGITS / "epoch=0100.safetensors"
FEW = "nc1,nc4.accuracy"


def of_measuring(plain: dict[str, Any]) -> dict[str, Any]:
    """Without what is another every time it is measured."""
    kept = {key: value for key, value in plain.items() if key not in ("created", "timing_s")}
    kept["run"] = {key: value for key, value in plain["run"].items() if key != "id"}
    for part in (*kept.get("points", ()), *kept.get("runs", ())):
        part["report"] = of_measuring(part["report"])
    return kept


# A run folder is measured as by the command: the same points, numbers and facts.
def test_trajectory() -> None:
    run = nctool.trajectory(DIGITS, metrics=FEW)
    said = command(DIGITS, "--metrics", FEW)
    assert of_measuring(run.to_dict()) == of_measuring(said)
    course = run["nc1.pinv"]
    assert isinstance(course, np.ndarray) and course.dtype == np.float64
    assert course.tolist() == [point["report"]["metrics"][0]["value"] for point in said["points"]]
    assert run.epochs == run.positions == (0, 1, 3, 10, 30, 100, 300, 1000)
    assert run.steps == (0, 5, 15, 50, 150, 500, 1500, 5000)
    assert run.last["nc1.pinv"].value == course[-1]


# An error of a worker process arrives as what it was.
def test_pickle() -> None:
    error = UsageError("slug", "what was found", "what to type")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is UsageError and str(again) == str(error) and again.slug == "slug"
    assert pickle.loads(pickle.dumps(trajectory())) == trajectory()


# Ids may be a list of them; the nearest is named where one is none.
def test_metrics() -> None:
    some = nctool.analyze(EPOCH_10, metrics=["nc4.accuracy", "nc1"])
    assert {result.id.split(".")[0] for result in some} == {"nc1", "nc4"}
    with pytest.raises(UsageError, match=r"did you mean nc1\.pinv") as caught:
        nctool.trajectory(DIGITS, metrics="nc1.pniv")
    assert caught.value.slug == "unknown-metric"


# A metric that only some points have is NaN elsewhere; one that no point has is an error or None.
def test_gaps() -> None:
    first = of({"nc1.pinv": 2.0, "nc1.cdnv": None})
    run = nctool.trajectory(first, of({"nc1.pinv": 0.5, "nc3.distance": 1.0}))
    assert run["nc3.distance"].tolist()[1:] == [1.0] and np.isnan(run["nc3.distance"][0])
    assert np.isnan(run["nc1.cdnv"]).all() and "nc1.cdnv" in run
    assert "nc2" not in run and run.get("nc2") is None
    with pytest.raises(UsageError, match=r"did you mean nc1\.pinv"):
        run["nc1.pniv"]


# Reports as values, in a list or as saved files are joined, with what only all of them show.
def test_joined(tmp_path: Path) -> None:
    points = trajectory().points
    reports = [point.report for point in points]
    run = nctool.trajectory(reports)
    assert run.points == points and run == nctool.trajectory(*reports)
    assert run.facts == {"zero_error": 100}
    files = [tmp_path / f"{place}.json" for place in range(len(reports))]
    for file, each in zip(files, reports, strict=True):
        each.save(file)
    saved = nctool.trajectory(files)
    assert [point.label for point in saved.points] == ["0", "1", "2", "3", "4"]
    assert [point.report for point in saved.points] == reports
    said = inside("report", *files, "--json", "-", "-q")
    assert json.loads(said.out) == saved.to_dict()


# Features of several layers are a course over depth.
def test_layers(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        f"layer{depth}.features": random.standard_normal((20, 4)) for depth in range(3)
    }
    np.savez(tmp_path / "all.npz", labels=np.arange(20) % 2, **arrays)
    run = nctool.trajectory(tmp_path / "all.npz", layers="layer*", metrics="nc1.pinv")
    assert run.axis == "layer" and len(run["nc1.pinv"]) == 3


# One checkpoint is no run, and what is not there is told as that.
def test_no_run() -> None:
    for given, slug in ((EPOCH_10, "no-run"), ("absent", "path-missing"), (report(), "one-point")):
        with pytest.raises(InputError) as caught:
            nctool.trajectory(given)
        assert caught.value.slug == slug
    with pytest.raises(InputError):
        nctool.trajectory()


# Checkpoints and saved runs are compared as by the command, named by their files.
def test_compare() -> None:
    limit = "nc1=rel:5%"
    ours = nctool.compare(EPOCH_10, EPOCH_100, metrics=FEW, tolerance=limit)
    words: list[str | Path] = [EPOCH_10, EPOCH_100, "--metrics", FEW, "--tolerance", limit]
    said = command_json("compare", *words)
    assert of_measuring(ours.to_dict()) == of_measuring(said)
    other = FOLDER / "report-gated-1.0.json"
    saved = nctool.compare(
        FOLDER / "report-1.0.json", nctool.load(other), only_changed=True, sort="change",
        baseline=other,
    )  # fmt: skip
    assert [run.name for run in saved.runs][1:] == ["report-1.0", "epoch=0010"]
    assert saved.runs[0].report == saved.runs[2].report
    splits = nctool.compare(EPOCH_10, metrics="nc1.pinv", split=("train", "test"))
    assert [run.name for run in splits.runs] == ["train", "test"]


def command_json(*words: str | Path) -> Any:
    return json.loads(inside(*words, "--json", "-").out)


# Values are compared without a file: reports, and of trajectories the last points.
def test_compare_values() -> None:
    both = nctool.compare(report(), trajectory())
    assert both.runs[1].report == trajectory().last
    assert len({run.name for run in both.runs}) == 2
    nowhere = nctool.compare(*[replace(report(), inputs=()) for _ in range(2)])
    assert [run.name for run in nowhere.runs] == ["run 1", "run 2"]
    assert both["nc1.pinv"].metric.id == "nc1.pinv" and "nc1.pinv" in both
    assert both.get("nc9") is None and [row.metric.id for row in both] == [
        row.metric.id for row in both.rows
    ]
    with pytest.raises(UsageError, match=r"did you mean nc1\.pinv"):
        both["nc1.pniv"]
    with pytest.raises(UsageError, match="is a comparison itself"):
        nctool.compare(both, report())


# A check is true where every gate was seen to hold, and neither where one fails nor where a number
# is missing; with its report it says what the command says.
@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ("nc1.pinv <= 0.05", "pass"),
        ("nc1 <= 1", "pass"),
        ("nc1.pinv <= 1e-9", "fail"),
        ("nc5.ood_orthogonality <= 1", "inconclusive"),
        ("warn: nc1.pinv <= 1e-9", "pass"),
    ],
)
def test_check(rule: str, outcome: str, tmp_path: Path) -> None:
    path = FOLDER / "report-1.0.json"
    ours = nctool.check(path, rule)
    assert (ours.outcome, ours.passed, bool(ours)) == (
        outcome,
        outcome == "pass",
        outcome == "pass",
    )
    said = command_json("check", path, "--gate", rule)
    sources = [{**gate, "source": "nctool.check"} for gate in said["gates"]]
    assert [dict(gate) for gate in ours.gates] == sources
    assert repr(ours).startswith(f"{outcome}: ") and "\n" not in repr(ours)
    ours.report.save(tmp_path / "junit.xml")
    assert "nc" in (tmp_path / "junit.xml").read_text("utf-8")


# Rules that look back take a baseline as a value or a file; tolerances are rules, too.
def test_check_baseline() -> None:
    now, before = report("report-gated-1.0"), report()
    assert not nctool.check(now, "ratio(nc1.pinv) <= 1.1", baseline=before, tolerance="nc1=rel:5%")
    saved = nctool.check(now, "ratio(nc1.pinv) <= 1.1", baseline=FOLDER / "report-1.0.json")
    assert saved.outcome == "fail"
    assert nctool.check(now, "ratio(nc1.pinv) <= 1.1", baseline=trajectory(), warn_only=True)
    assert nctool.check(trajectory(), "ratio(nc1.pinv) <= 1.0").outcome == "pass"
    assert nctool.check(comparison(), "delta(nc1) <= 0").gates[0]["run"] == "epoch 300"
    with pytest.raises(UsageError, match="comparison"):
        nctool.check(now, "nc1.pinv < 1", baseline=comparison())


# The gates of a saved report are its own; without any there is nothing to check.
def test_own_gates() -> None:
    assert nctool.check(report("report-gated-1.0")).outcome == report("report-gated-1.0").outcome
    with pytest.raises(UsageError, match="nothing to check"):
        nctool.check(report())
    with pytest.raises(UsageError, match="did you mean"):
        nctool.check(report(), "nc1.pniv < 1")


# Inspecting shows what the command shows, with every array and its role as values.
def test_inspect() -> None:
    ours = nctool.inspect(EPOCH_10, split="test")
    assert ours.to_dict() == command_json("inspect", EPOCH_10, "--split", "test")
    said = inside("inspect", EPOCH_10, "--split", "test", "--width", "100")
    assert repr(ours) == said.out.rstrip("\n")
    features = ours.roles["features"]
    assert features is not None and features.candidate.key == "test_features"
    assert {array.key for array in ours.arrays} >= {"head.weight", "test_features"}
    assert ours.problem is None
    assert nctool.inspect(DIGITS).warnings[0].slug == "last-checkpoint"


# What cannot be decided is a value too: the candidates are there, and the error that would stop.
def test_inspect_problem(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.ones((4, 3)), one=np.arange(4) % 2, two=np.arange(4) % 2)
    ours = nctool.inspect(tmp_path / "two.npz")
    assert ours.problem is not None and ours.roles == {} and len(ours.arrays) == 3
    assert ours.problem.message in repr(ours)


# Loading gives back every kind, and what is none is an error.
def test_load(tmp_path: Path) -> None:
    assert nctool.load(FOLDER / "trajectory-1.0.json") == trajectory()
    comparison().save(tmp_path / "page.html")
    assert nctool.load(str(tmp_path / "page.html")).to_dict() == comparison().to_dict()
    with pytest.raises(InputError):
        nctool.load(EPOCH_10)


# Under autocast of the caller's, numbers are those without it.
def test_autocast() -> None:
    torch.manual_seed(0)
    labels = torch.arange(60) % 3
    features, weight = torch.randn(60, 8) + labels[:, None], torch.randn(3, 8)
    arrays: dict[str, Any] = {"features": features, "labels": labels, "weight": weight}
    with torch.autocast("cpu", torch.bfloat16):
        under = nctool.analyze(**arrays)
    assert under.digest == nctool.analyze(**arrays).digest
