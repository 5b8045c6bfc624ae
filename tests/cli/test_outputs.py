"""Files that a run writes: at the path that was given, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from nctool.metrics import registry
from tests.cli.samples import CLASSES, sample, write
from tests.cli.shell import inside, report


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source.safetensors", sample())


@pytest.fixture
def diverged(tmp_path: Path) -> Path:
    """Found out only by reading it: one feature is not a number."""
    arrays = sample()
    arrays["features"][5, 2] = np.nan
    return write(tmp_path / "diverged.safetensors", arrays)


# --json FILE holds the report that --json - would print, and the text still goes to stdout.
def test_json_file(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    said = inside("analyze", source, "--json", target, "--deterministic")
    assert said.code == 0 and "All " in said.out.splitlines()[-1]
    text = target.read_text("utf-8")
    assert text.endswith("}\n")
    assert json.loads(text)["digest"] == report(source, "--deterministic")["digest"]


# A run that succeeds replaces an older file and leaves nothing else behind.
@pytest.mark.parametrize("command", ["analyze", "inspect"])
def test_older_file_replaced(command: str, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("older")
    assert inside(command, source, "--json", target).code == 0
    assert json.loads(target.read_text("utf-8"))["schema_version"] == "1.0"
    assert {file.name for file in tmp_path.iterdir()} == {source.name, "report.json"}


# A run that fails leaves no file, and an older one as it was.
@pytest.mark.parametrize("option", ["--json", "--arrays"])
@pytest.mark.parametrize("older", [None, "older"])
def test_failing_run(option: str, older: str | None, diverged: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    if older is not None:
        target.write_text(older)
    assert inside("analyze", diverged, option, target).code == 3
    left = {file.name: file for file in tmp_path.iterdir()}
    assert set(left) == {diverged.name} | ({"target"} if older else set())
    assert older is None or target.read_text() == older


# A disk that fills up while the file is written is 5, and leaves everything as it was.
@pytest.mark.parametrize("older", [None, "older"])
def test_disk_full(
    older: str | None, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "report.json"
    if older is not None:
        target.write_text(older)
    monkeypatch.setattr(Path, "replace", full)
    said = inside("analyze", source, "--json", target)
    assert said.code == 5 and "error[disk-full]" in said.err
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {source.name} | ({"report.json"} if older else set())
    assert older is None or target.read_text() == older


# New files are as open to others as the user's own mask allows.
@pytest.mark.parametrize("option", ["--json", "--arrays"])
def test_permissions(option: str, source: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert inside("analyze", source, option, tmp_path / "target").code == 0
    finally:
        os.umask(before)
    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o640


# A pipe or device under the given path is written to, never replaced by a file.
def test_a_device_stays_one(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "pipe"
    os.mkfifo(target)
    reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
    try:
        inside("analyze", source, "--metrics", "nc1.pinv", "--json", target)
    finally:
        os.close(reader)
    assert target.is_fifo()


# --arrays holds Gram matrices, spectra, every value by class, and the names of the classes.
def test_arrays(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "arrays.safetensors"
    plain = report(source, "--arrays", target, "--per-class")
    by_class = {
        result["id"]: result["per_class"] for result in plain["metrics"] if "per_class" in result
    }
    assert {"nc1.pinv", "nc3.cosine", "nc4.accuracy"} <= set(by_class) < set(registry())
    with safe_open(target, "np") as file:
        saved = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        assert json.loads(file.metadata()["class_names"]) == ["0", "1", "2", "3"]
    assert plain["arrays"] == {"file": str(target), "names": sorted(saved)}
    square = {f"gram/{kind}": (CLASSES, CLASSES) for kind in ("means", "weights")}
    long = {f"spectrum/{kind}": (CLASSES,) for kind in ("means", "weights")}
    long |= {
        f"{what}/{kind}": (CLASSES,)
        for what in ("classes", "order")
        for kind in ("means", "weights")
    }
    each = {f"per_class/{metric_id}": (CLASSES,) for metric_id in by_class}
    assert {key: value.shape for key, value in saved.items()} == {**square, **long, **each}
    for metric_id, values in by_class.items():
        np.testing.assert_array_equal(saved[f"per_class/{metric_id}"], values)
    for key in square:
        np.testing.assert_allclose(saved[key], saved[key].T, atol=1e-12)  # rounding only
        np.testing.assert_allclose(saved[key].diagonal(), 1, atol=1e-12)
    assert (np.diff(saved["spectrum/means"]) <= 0).all()
    assert saved["classes/means"].tolist() == sorted(saved["order/means"]) == [*range(CLASSES)]


# A class without samples has its place among the values by class, and no value in it.
def test_arrays_with_an_empty_class(tmp_path: Path) -> None:
    arrays = sample()
    kept = arrays["labels"] != 2
    arrays |= {"features": arrays["features"][kept], "labels": arrays["labels"][kept]}
    target = tmp_path / "arrays.safetensors"
    report(write(tmp_path / "a.safetensors", arrays), "--arrays", target)
    with safe_open(target, "np") as file:
        variance = file.get_tensor("per_class/nc1.trace_ratio")
    assert variance.shape == (CLASSES,)
    assert np.isnan(variance).tolist() == [False, False, True, False]


# Arrays have no stdout: asking for it is a mistake of usage, not a file called "-".
def test_arrays_to_stdout(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = inside("analyze", source, "--arrays", "-")
    assert said.code == 2 and not Path("-").exists()
