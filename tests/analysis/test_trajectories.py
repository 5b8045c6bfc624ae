"""Runs and layers as trajectories: which points, in which order, and what the whole tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nctool
from nctool import metrics
from nctool.analysis import trajectories
from nctool.analysis.measure import Settings
from nctool.core.errors import InputError
from nctool.report import Report
from nctool.report.trajectory import Trajectory, joined
from nctool.report.trends import line_through, of_depth, of_time
from nctool.settings import conventions
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.role_options import RoleOptions

DIGITS = Path(__file__).parents[2] / "fixtures" / "digits"
SETTINGS = Settings(conventions.DEFAULT, ComputeOptions(device="cpu"))


def write(path: Path, spread: float, *, accuracy: float = 1.0) -> None:
    """Four clear classes; the head errs on the given share of the samples."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 25)
    means = 3 * np.eye(4, 6)
    features = means[labels] + spread * random.standard_normal((100, 6))
    given = labels.copy()
    wrong = round(100 * (1 - accuracy))
    given[:wrong] = (given[:wrong] + 1) % 4
    arrays: dict[str, Any] = {"features": features, "labels": given, "head.weight": means}
    np.savez(path, **arrays)


def followed(*sources: Path, select: str = "nc1.pinv,nc4.*") -> Trajectory:
    stops = trajectories.points_of_run([str(one) for one in sources], RoleOptions())
    return trajectories.measure_points(stops, metrics.select(select), SETTINGS).trajectory


# A run folder gives a report for each checkpoint, each as it would be alone.
def test_run_folder() -> None:
    found = followed(DIGITS)
    assert found.axis == "epoch" and found.positions == (0, 1, 3, 10, 30, 100, 300, 1000)
    alone = nctool.analyze(DIGITS / "epoch=0010.safetensors", metrics="nc1.pinv,nc4.*")
    assert found.points[3].label == "epoch=0010.safetensors"
    assert found.points[3].report.digest == alone.digest
    assert found.facts == {"zero_error": 30}


# Several files of one run are a course too, in whatever order they are named.
def test_several_files(tmp_path: Path) -> None:
    for step in (5, 20, 100):
        write(tmp_path / f"step_{step}.npz", 1 / step)
    names = [tmp_path / f"step_{step}.npz" for step in (100, 5, 20)]
    found = followed(*names)
    assert found.axis == "step" and found.positions == (5, 20, 100)
    curve = found.curve("nc1.pinv")
    assert curve == tuple(sorted(curve, reverse=True))  # type: ignore[type-var]


# Files that are not checkpoints of one run belong together: features here, head there.
@pytest.mark.parametrize(
    "names", [("a.npz",), ("a.npz", "b.npz"), ("epoch=1.npz", "head_epoch=1.npz"),
              ("epoch=1.npz", "epoch=1.npy")],
)  # fmt: skip
def test_no_course(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert trajectories.points_of_run([str(tmp_path / one) for one in names], RoleOptions()) == ()


# A head beside a run folder is the head of each of its checkpoints.
def test_head_beside(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    random = np.random.default_rng(1)
    for epoch in (1, 2):
        np.savez(run / f"epoch={epoch}.npz", features=random.standard_normal((40, 3)),
                 labels=np.arange(40) % 2)  # fmt: skip
    np.savez(tmp_path / "head.npz", weight=np.eye(2, 3))
    found = followed(run, tmp_path / "head.npz")
    assert [point.report["nc4.accuracy"].status for point in found.points] == ["ok", "ok"]


# When training error is zero is said for training samples only.
@pytest.mark.parametrize(("split", "expected"), [("train", 2), (None, 2), ("test", None)])
def test_zero_error(tmp_path: Path, split: str | None, expected: int | None) -> None:
    for epoch, accuracy in ((1, 0.9), (2, 1.0), (3, 1.0)):
        write(tmp_path / f"epoch={epoch}.npz", 0.01, accuracy=accuracy)
    found = followed(tmp_path)
    points = [
        nctool.report.trajectory.Point(one.label, one.position, _of_split(one.report, split))
        for one in found.points
    ]
    assert of_time(points).get("zero_error") == expected


# A training error that was logged decides, in whatever words; a checkpoint may say it as text.
@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("train_error", (0.2, 0.0, 0.0), 2),
        ("train/acc", (0.5, 0.9, 1.0), 3),
        ("train_acc@1", (50.0, 99.0, 100.0), 3),
        ("training-accuracy", (0.5, 0.9, 0.99), None),
        ("val_error", (0.5, 0.0, 0.0), 1),
    ],
)
def test_logged_error(
    name: str, values: tuple[float, ...], expected: int | None, tmp_path: Path
) -> None:
    from safetensors.numpy import save_file

    labels = np.arange(40) % 4
    arrays = {"features": 3.0 * np.eye(4, 6)[labels], "labels": labels, "head.weight": np.eye(4, 6)}
    for epoch, value in enumerate(values, 1):
        save_file(arrays, tmp_path / f"epoch={epoch}.safetensors", {name: str(value)})
    assert followed(tmp_path).facts.get("zero_error") == expected


def _of_split(report: Report, split: str | None) -> Report:
    from dataclasses import replace

    return replace(report, run={**report.run, "split": split})


# Layers come in the order of their numbers; only the last has the head; the rate is the true one.
def test_layers(tmp_path: Path) -> None:
    layers: dict[str, Any] = {}
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 25)
    noise = random.standard_normal((100, 6))
    means = 3 * np.eye(4, 6)
    noise -= np.stack([noise[labels == c].mean(0) for c in range(4)])[labels]
    for depth in (1, 2, 10, 11):
        place = (1, 2, 10, 11).index(depth)
        layers[f"layer{depth}.features"] = means[labels] + 2 * 0.5**place * noise
    layers["head.weight"] = means
    np.savez(tmp_path / "x.npz", labels=labels, **layers)
    source = [str(tmp_path / "x.npz")]
    stops = trajectories.points_of_layers(source, RoleOptions(layers="layer*.features"))
    found = trajectories.measure_points(
        stops, metrics.select("nc1.*,nc4.*"), SETTINGS, depth=True
    ).trajectory
    assert found.axis == "layer"
    assert [one.label for one in found.points] == [f"layer{one}.features" for one in (1, 2, 10, 11)]
    heads = [one.report["nc4.accuracy"].status for one in found.points]
    assert heads == ["skipped", "skipped", "skipped", "ok"]
    separation = found.facts["separation"]
    assert separation["rate"] == pytest.approx(0.25, rel=1e-6)
    assert separation["r_squared"] == pytest.approx(1, abs=1e-9)
    nearest = found.curve("nc4.ncc_accuracy")
    reached = found.facts["as_good_as_the_head"]["position"]
    head = found.last["nc4.accuracy"].value
    assert head is not None
    assert [one is not None and one >= head for one in nearest].index(True) + 1 == reached


# A glob that names no two layers is an error.
def test_too_few_layers(tmp_path: Path) -> None:
    write(tmp_path / "x.npz", 1.0)
    with pytest.raises(InputError) as caught:
        trajectories.points_of_layers([str(tmp_path / "x.npz")], RoleOptions(layers="feat*"))
    assert caught.value.slug == "too-few-layers"


# The line through points is the least-squares line.
def test_line() -> None:
    random = np.random.default_rng(0)
    x, y = np.arange(9.0), random.standard_normal(9)
    slope, share = line_through(list(zip(x.tolist(), y.tolist(), strict=True)))
    assert slope == pytest.approx(np.polyfit(x, y, 1)[0])
    assert share == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert line_through([(1, 2.0), (2, 2.0), (3, 2.0)]) == (0.0, None)


# Points without the metric say nothing of depth.
def test_no_depth() -> None:
    found = followed(DIGITS, select="nc4.accuracy")
    assert "separation" not in of_depth(found.points)


# Reports without moments are in the order in which they are given.
def test_joined() -> None:
    reports = [nctool.analyze(weight=np.eye(3)), nctool.analyze(weight=np.eye(4))]
    found = joined(reports, ["b", "a"])
    assert found.axis == "checkpoint" and [one.label for one in found.points] == ["b", "a"]
    assert found.positions == (1, 2)
