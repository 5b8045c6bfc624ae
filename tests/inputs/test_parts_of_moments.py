"""Parts of one moment are joined, and moments are a trajectory."""

from __future__ import annotations

from pathlib import Path

import pytest

import nctool
from tests.inputs.parts_help import METRICS, is_whole
from tests.support import written
from tests.support.written import FEATURES, LABELS, RANKS


# Parts of each epoch, in folders or by name, in one file a rank or three, are a trajectory.
@pytest.mark.parametrize(
    "name", ["epoch={epoch}/rank{rank}.npz", "rank{rank}_epoch{epoch}.npz", "npy", "glob"]
)
def test_trajectory_of_parts(tmp_path: Path, name: str) -> None:
    for epoch in written.EPOCHS:
        for rank, rows in enumerate(written.cut(RANKS)):
            arrays = {"features": FEATURES[rows] + epoch, "labels": LABELS[rows]}
            if name == "npy":
                prefix = f"rank{rank}_epoch{epoch}"
                written.npy(tmp_path, **{f"{prefix}_{key}": arrays[key] for key in arrays})
                continue
            path = name if name != "glob" else "epoch={epoch}/rank{rank}.npz"
            file = tmp_path / path.format(epoch=epoch, rank=rank)
            file.parent.mkdir(exist_ok=True)
            written.npz(file, **arrays)
    sources = sorted(tmp_path.glob("*/*")) if name == "glob" else [tmp_path]
    trajectory = nctool.trajectory(*sources, metrics=METRICS)
    assert trajectory.positions == written.EPOCHS
    for epoch, point in zip(written.EPOCHS, trajectory.points, strict=True):
        alone = nctool.analyze(features=FEATURES + epoch, labels=LABELS, metrics=METRICS)
        assert point.report.digest == alone.digest
    last = nctool.analyze(tmp_path, metrics=METRICS)
    assert last.digest == trajectory.points[-1].report.digest and last.run["epoch"] == 100


# One moment in parts is no run.
def test_one_moment_in_parts(tmp_path: Path) -> None:
    for rank, rows in enumerate(written.cut(RANKS)):
        written.npz(tmp_path / f"rank{rank}_epoch7.npz", features=FEATURES[rows],
                    labels=LABELS[rows])  # fmt: skip
    assert is_whole(tmp_path)
    assert nctool.analyze(tmp_path, metrics=METRICS).run["epoch"] == 7


# Epochs are moments, not parts.
def test_moments_are_no_parts(tmp_path: Path) -> None:
    for epoch in (1, 2):
        written.npz(tmp_path / f"epoch={epoch}.npz", features=FEATURES, labels=LABELS)
    assert len(nctool.trajectory(tmp_path, metrics=METRICS).points) == 2


# Features and labels of an epoch, each in a file of its own, are one point.
def test_files_of_one_array(tmp_path: Path) -> None:
    for epoch in written.EPOCHS:
        written.npy(tmp_path, **{f"features_epoch{epoch}": FEATURES + epoch,
                                 f"labels_epoch{epoch}": LABELS})  # fmt: skip
    trajectory = nctool.trajectory(tmp_path, metrics="nc1.pinv")
    assert trajectory.positions == written.EPOCHS
    assert all(point.report["nc1.pinv"].status == "ok" for point in trajectory.points)
