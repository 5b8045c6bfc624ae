"""Being stopped from outside: nothing half-written, nothing said that nobody asked for."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nctool.cli.interruption import interruptible
from nctool.core.progress import Silent
from tests.cli.shell import EPOCH_10, Said, command, environment, nctool, read_terminal

ROWS, WIDTH = 2_000_000, 1024
heard = pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    reason="a job in the background: what it starts ignores Ctrl-C",
)


def _hollow(path: Path, shape: tuple[int, ...], code: str) -> None:
    """A .npy file of zeros that takes no space on the disk."""
    with path.open("wb") as file:
        header = {"descr": code, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape)) * np.dtype(code).itemsize)


@pytest.fixture
def long_work(tmp_path: Path) -> Iterator[Path]:
    """A source that takes seconds to read."""
    folder = tmp_path / "long"
    folder.mkdir()
    _hollow(folder / "features.npy", (ROWS, WIDTH), "<f4")
    _hollow(folder / "labels.npy", (ROWS,), "<i8")
    yield folder
    for file in folder.iterdir():
        file.unlink()


# Ctrl-C in the middle of the work is 130, without a word, and leaves every file as it was.
@heard
@pytest.mark.skipif(os.name != "posix", reason="signals and terminals of Unix")
def test_interrupted(long_work: Path, tmp_path: Path) -> None:
    old = tmp_path / "report.json"
    old.write_text("an older report")
    here, there = pty.openpty()
    words = command("analyze", long_work, "--json", old, "--arrays", tmp_path / "a.safetensors")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=there, env=environment({"TERM": "xterm"})
    ) as run:
        os.close(there)
        # The progress bar says when the first sweep is under way.
        assert "class means" in read_terminal(here, until="class means")
        run.send_signal(signal.SIGINT)
        rest = read_terminal(here)
        assert run.stdout is not None
        assert run.stdout.read() == b""
    assert run.returncode == 130
    assert "Traceback" not in rest and "error[" not in rest
    assert {file.name for file in tmp_path.iterdir()} == {"long", "report.json"}
    assert old.read_text() == "an older report"


# An interruption that somebody swallowed is raised again with the next step, and at the end.
def test_swallowed() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        reached = []
        with pytest.raises(KeyboardInterrupt), interruptible(Silent()).task("work", 3) as advance:
            advance(1)
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                advance(1)
            reached.append("the end")
        assert reached
    finally:
        signal.signal(signal.SIGINT, before)


# Where Ctrl-C is ignored already it stays ignored.
def test_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(Silent()).task("work", 1) as advance:
            signal.raise_signal(signal.SIGINT)
            advance(1)
    finally:
        signal.signal(signal.SIGINT, before)


def _unread(*words: str | Path) -> Said:
    """Run with a stdout that nobody reads any more."""
    read, write = os.pipe()
    os.close(read)
    try:
        return nctool(*words, stdout=write)
    finally:
        os.close(write)


# A reader who has left is 141, in silence, whatever was being written.
@pytest.mark.parametrize(
    "words",
    [
        ["schema"],
        ["metrics"],
        ["inspect", EPOCH_10],
        ["analyze", EPOCH_10, "--json", "-"],
        ["--help"],
        ["--version"],
        ["analyze", "--help"],
    ],
    ids=lambda words: str(words[0]) + str(words[-1]) if len(words) < 3 else "analyze",
)
def test_reader_gone(words: list[str | Path]) -> None:
    said = _unread(*words)
    assert (said.code, said.err) == (141, "")
