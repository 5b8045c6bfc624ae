"""What happens to all when something happens to one: one message, one exit code, nobody hangs."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nctool.ranks.place import Place, place_in
from nctool.ranks.watch import leave_cause
from tests.cli.shell import DIGITS, ROOT, command, environment, nctool, read_terminal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are split by fork")
heard = pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    reason="a job in the background: what it starts ignores Ctrl-C",
)
CHECKPOINT = DIGITS / "epoch=1000.safetensors"


def harmed(harm: str, *words: str) -> tuple[int, str]:
    """The exit code and stderr of the command, of whose two processes the second is harmed."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.faulty", harm, "analyze", str(CHECKPOINT),
         "--split", "train", "--processes", "2", "--metrics", "nc1", *words],
        cwd=ROOT, env=environment({"PYTHONPATH": str(ROOT)}), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert run.stdout == ""
    return run.returncode, run.stderr


# Whatever ends one process ends all, with its exit code and one message that names it.
@pytest.mark.parametrize(
    ("harm", "code", "said"),
    [
        ("killed", 5, "error[rank-lost]: rank 1 was ended by SIGKILL"),
        ("crashed", 5, "error[rank-lost]: rank 1 was ended by SIGSEGV"),
        ("raised", 3, "error[truncated]: rank 1: the file ends early"),
        ("mistaken", 70, "error[internal]: rank 1: a mistake of nctool's own (ZeroDivisionError)"),
        ("other", 3, "error[ranks-differ]: rank 1 is given other labels than rank 0"),
    ],
)
def test_one_is_harmed(harm: str, code: int, said: str) -> None:
    ended, err = harmed(harm)
    assert (ended, err.count("nctool: error")) == (code, 1), err
    assert f"nctool: {said}" in err and "Traceback" not in err


# Who waits longer than the timeout for another process says for whom, and all end.
def test_one_hangs() -> None:
    code, err = harmed("hung", "--rank-timeout", "2")
    assert (code, err.count("nctool: error")) == (5, 1), err
    assert "rank 1 kept the others waiting for more than 2 seconds" in err


# What goes wrong alike in all of them is said once, and of none.
def test_all_fail_alike(tmp_path: Path) -> None:
    said = nctool("analyze", tmp_path / "none.npz", "--processes", "2")
    assert said.code == 3 and said.out == ""
    assert said.err.count("nctool: error") == 1 and "error[path-missing]: there is no" in said.err


@pytest.fixture
def long_work(tmp_path: Path) -> Path:
    """Files of zeros that take no space on the disk, and seconds to read."""
    for name, shape, code in (
        ("features", (2_000_000, 1024), "<f4"),
        ("labels", (2_000_000,), "<i8"),
    ):
        with (tmp_path / f"{name}.npy").open("wb") as file:
            header = {"descr": code, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + int(np.prod(shape)) * np.dtype(code).itemsize)
    return tmp_path


# Ctrl-C ends all with 130 and without a word, whether all processes hear it or the first alone.
@heard
@pytest.mark.parametrize("everybody", [True, False])
def test_interrupted(long_work: Path, everybody: bool) -> None:
    here, there = pty.openpty()
    words = command("analyze", long_work, "--processes", "2", "--metrics", "nc1")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=there, env=environment({"TERM": "xterm"}),
        start_new_session=True,
    ) as run:  # fmt: skip
        os.close(there)
        assert "class means" in read_terminal(here, until="class means")
        if everybody:
            os.killpg(run.pid, signal.SIGINT)
        else:
            run.send_signal(signal.SIGINT)
        rest = read_terminal(here)
        assert run.wait(60) == 130
    assert "Traceback" not in rest and "error[" not in rest


# torchrun finds the cause where it looks for it.
def test_cause(tmp_path: Path) -> None:
    file = tmp_path / "error.json"
    leave_cause(Place(1, 2, error_file=str(file)), "truncated: rank 1: the file ends early")
    left = json.loads(file.read_text())["message"]
    assert left["message"] == left["extraInfo"]["py_callstack"]
    assert left["message"] == "truncated: rank 1: the file ends early"
    assert int(left["extraInfo"]["timestamp"]) > 1e9


# What torchrun sets says which process this is; a part of it says nothing.
def test_place() -> None:
    given = {"RANK": "3", "WORLD_SIZE": "8", "MASTER_ADDR": "a", "MASTER_PORT": "1",
             "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}  # fmt: skip
    assert place_in(given) == Place(3, 8, local=1, neighbours=2)
    assert all(place_in(given | {name: ""}) is None for name in ("RANK", "MASTER_PORT"))
    assert place_in(given | {"RANK": "first"}) is None
