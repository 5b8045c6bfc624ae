"""``nctool collect``: a user's own model, data and checkpoints, as one command."""

from __future__ import annotations

import json
import signal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import nctool as package
from nctool.report.trajectory import Trajectory
from tests.cli.shell import Said, inside, nctool
from tests.support.digits import by_hand, folder, near

SCRIPT = "train.py:make_model", "train.py:make_loader"
NOTICE = "nctool: this runs your own code, as python would: train.py\n"

heard = pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    reason="a job in the background: what it starts ignores Ctrl-C",
)


@cache
def collected() -> Said:
    """The digits network at its checkpoints, as its author would ask for it."""
    return nctool("collect", *SCRIPT, "epoch=*.pt", "--json", "-", cwd=folder())


# The numbers are those of features taken by hand, every one of them at every checkpoint.
def test_as_by_hand() -> None:
    said = collected()
    assert (said.code, said.err) == (0, "")
    run = Trajectory.from_dict(json.loads(said.out))
    assert run.epochs == (0, 10, 100, 1000)
    for point in run.points:
        expected = by_hand(point.label)
        assert {result.id for result in point.report} == {result.id for result in expected}
        for result in expected:
            value = point.report[result.id]
            assert value.status == result.status, result.id
            assert value.value == near(result.value), result.id
        assert point.report.data["n"] == 1437


# The report names the code, the checkpoint and the head, in that order of trust.
def test_origin() -> None:
    report = Trajectory.from_dict(json.loads(collected().out)).last
    roles = {source.role: source for source in report.inputs}
    assert roles["model"].path == "epoch=1000.pt" and roles["model"].key == "model"
    assert roles["head"].reason.startswith("head: head (Linear, 10 x 64)")
    collection = report.settings["collection"]
    assert (collection["model"], collection["loader"]) == SCRIPT
    assert [*collection["code"]] == ["train.py"]


# For people the first line says whose code is run; the rest of stderr is empty, stdout the result.
def test_streams() -> None:
    said = nctool("collect", *SCRIPT, "epoch=1000.pt", cwd=folder())
    assert (said.code, said.err) == (0, NOTICE)
    assert "COLLAPSED" in said.out and "nctool:" not in said.out
    assert "runs YOUR CODE" in inside("collect", "--help").out


def write(text: str, tmp_path: Path) -> Path:
    """A file of the user's own beside the training script."""
    for name in ("train.py", "digits.npz"):
        (tmp_path / name).symlink_to(folder() / name)
    (tmp_path / "mine.py").write_text(f"from train import *\n{text}")
    return tmp_path


# What their code prints does not get into the result.
def test_prints(tmp_path: Path) -> None:
    text = "print('hello')\n\ndef loader():\n    print('made')\n    return make_loader()"
    given = ("collect", "mine.py:make_model", "mine.py:loader", "--json", "-")
    said = nctool(*given, cwd=write(text, tmp_path))
    assert said.code == 0 and json.loads(said.out)["kind"] == "report"
    assert said.err == "hello\nmade\n"


# Arguments reach the functions; the split and the moment are said of the report.
def test_arguments() -> None:
    given = ["--set", "split=test", "--set", "batch_size=100", "--split", "test", "--epoch", "3"]
    said = nctool("collect", *SCRIPT, *given, "--json", "-", cwd=folder())
    report = json.loads(said.out)
    assert report["data"]["n"] == 360
    assert (report["run"]["split"], report["run"]["epoch"]) == ("test", 3)


# An error in their code is one message with its place, and exit code 3.
def test_their_errors(tmp_path: Path) -> None:
    text = """
def broken():
    for number, batch in enumerate(make_loader()):
        if number == 2:
            raise OSError("disk of images is gone")
        yield batch
"""
    said = nctool("collect", "mine.py:make_model", "mine.py:broken", cwd=write(text, tmp_path))
    assert (said.code, said.out) == (3, "")
    assert "error[user-code]: mine.py:6 in broken: OSError: disk of images is gone" in said.err
    assert "Traceback" not in said.err


# So is one in the forward of the model, though torch raises it.
def test_their_forward(tmp_path: Path) -> None:
    text = """
class Wrong(Network):
    def forward(self, images):
        return self.head(images[:, :5])

def wrong():
    return Wrong(128)
"""
    said = nctool("collect", "mine.py:wrong", "mine.py:make_loader", cwd=write(text, tmp_path))
    assert (said.code, said.out) == (3, "")
    assert "error[user-code]: mine.py:5 in forward: RuntimeError: mat1 and mat2" in said.err


# What is named is a model and a loader, or it is said what it is instead.
@pytest.mark.parametrize(
    ("model", "loader", "said"),
    [
        ("EPOCHS", "make_loader", "error[not-a-model]: mine.py:EPOCHS is: int; expected"),
        ("both", "make_loader", "error[not-a-model]: mine.py:both returned: tuple of 2 (Network, "),
        ("make_model", "make_model", "error[not-a-loader]: mine.py:make_model returned: Network"),
        ("make_model", "EPOCHS", "error[not-a-loader]: mine.py:EPOCHS is: int; expected"),
    ],
)
def test_other_objects(model: str, loader: str, said: str, tmp_path: Path) -> None:
    write("def both():\n    return make_model(), 'state'", tmp_path)
    done = nctool("collect", f"mine.py:{model}", f"mine.py:{loader}", cwd=tmp_path)
    assert done.code == 3 and said in done.err


# Values are taken as they are, a class is called, and a generator is made anew for every point.
def test_kinds_of_objects(tmp_path: Path) -> None:
    text = """
class Small(Network):
    def __init__(self):
        super().__init__(128)

values = make_loader()

def stream():
    yield from make_loader()
"""
    write(text, tmp_path)
    both = [str(folder() / f"epoch={epoch}.pt") for epoch in ("0010", "1000")]
    for loader in ("values", "stream"):
        given = ("mine.py:Small", f"mine.py:{loader}", *both, "--metrics", "nc1,nc4", "--json", "-")
        said = nctool("collect", *given, cwd=tmp_path)
        assert said.code == 0, said.err
        run = Trajectory.from_dict(json.loads(said.out))
        assert run["nc1.trace_ratio"][1] == pytest.approx(
            by_hand("epoch=1000.pt").value("nc1.trace_ratio"), rel=1e-6
        )


# The rows that are kept are a run, with the numbers that were measured.
def test_out(tmp_path: Path) -> None:
    out, given = tmp_path / "feats", ("--metrics", "nc1,nc3", "--json", "-")
    said = nctool("collect", *SCRIPT, "epoch=*.pt", "--out", out, *given, cwd=folder())
    assert said.code == 0, said.err
    assert sorted(path.name for path in out.iterdir()) == [
        "epoch=0", "epoch=10", "epoch=100", "epoch=1000",
    ]  # fmt: skip
    first = Trajectory.from_dict(json.loads(said.out))
    second = Trajectory.from_dict(json.loads(nctool("analyze", out, *given).out))
    assert second.epochs == first.epochs
    for result in first:
        np.testing.assert_allclose(second[result.id], first[result.id], rtol=1e-9)


SLOW = """
import os

def slow():
    for batch in make_loader():
        with open("batches", "a") as file:
            file.write("x")
        if os.path.getsize("batches") == int(os.environ["STOP"]):
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        yield batch
"""
BATCHES = 6


# A collection that was killed, or stopped by Ctrl-C, goes on where it was; what is done is said.
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=heard)])
def test_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    given: tuple[str, ...] = "collect", "mine.py:make_model", "mine.py:slow"
    given += (str(folder() / "epoch=*.pt"),)
    given += ("-o", "run.json", "-o", "run.md", "--metrics", "nc1")
    stop = {"STOP": str(2 * BATCHES + 3), "SIGNAL": str(int(number))}
    said = nctool(*given, cwd=write(SLOW, tmp_path), env=stop)
    assert said.code == (130 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        assert "interrupted: 2 points in run.json\n  the same command goes on" in said.err
    so_far = package.load(tmp_path / "run.json")
    assert isinstance(so_far, Trajectory) and so_far.epochs == (0, 10)
    assert not (tmp_path / "run.md").exists()
    said = nctool(*given, cwd=tmp_path, env=stop)
    assert said.code == 0 and "points-kept: 2 points in run.json" in said.out
    # The third was begun twice: it was not done.
    assert len((tmp_path / "batches").read_text()) == 4 * BATCHES + 3
    run = package.load(tmp_path / "run.json")
    assert isinstance(run, Trajectory) and run.epochs == (0, 10, 100, 1000)
    assert (tmp_path / "run.md").exists()


# Code that has changed since, or other settings, measure all points again.
@pytest.mark.parametrize("change", ["code", "settings"])
def test_changed(change: str, tmp_path: Path) -> None:
    write("", tmp_path)
    given: tuple[str, ...] = "collect", "mine.py:make_model", "mine.py:make_loader"
    given += (str(folder() / "epoch=*.pt"),)
    given += ("-o", "run.json", "--metrics", "nc1")
    assert nctool(*given, cwd=tmp_path).code == 0
    if change == "code":
        (tmp_path / "mine.py").write_text("from train import *\n# other\n")
    else:
        given += ("--center", "samples")
    said = nctool(*given, cwd=tmp_path)
    assert said.code == 0 and "points-kept" not in said.out


# Gates, arrays and other outputs are those of analyze.
def test_outputs(tmp_path: Path) -> None:
    arrays = tmp_path / "a.safetensors"
    said = nctool(
        "collect", *SCRIPT, "epoch=1000.pt", "--gate", "nc1.pinv <= 1e-9", "--arrays", arrays,
        "-o", tmp_path / "run.html", "-q", cwd=folder(),
    )  # fmt: skip
    assert said.code == 1 and arrays.exists()
    assert isinstance(package.load(tmp_path / "run.html"), package.Report)


# Settings of files and folders that hold features say nothing about modules and batches.
def test_settings(tmp_path: Path) -> None:
    write("", tmp_path)
    text = "center = 'samples'\n[roles]\nhead = 'model.fc.weight'\nlabels = 'y'\nsplit = 'val'\n"
    (tmp_path / "nctool.toml").write_text(text)
    said = nctool(
        "collect", "mine.py:make_model", "mine.py:make_loader", "--json", "-", cwd=tmp_path
    )
    assert said.code == 0, said.err
    report = json.loads(said.out)
    assert report["settings"]["center"] == "samples" and report["run"]["split"] is None
