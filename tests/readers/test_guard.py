"""The guard: whatever happens in the child is an answer or one clear input error."""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

from nctool.core.errors import InputError
from nctool.readers import guard
from nctool.readers.guard import Guarded, Limits
from nctool.readers.guard import child as child_side
from nctool.readers.guard.process import Process

HELP = "tests.readers.guard_help"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux promises this")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    (tmp_path / "a").write_bytes(bytes(100))
    limits = Limits(memory=2**30, cpu=1, wall=10)
    session = Guarded(tmp_path / "a", "test", HELP, "ä", limits=limits)
    yield session
    session.close()


def described(guarded: Guarded) -> dict[str, object]:
    answer = guarded.ask("describe")
    assert isinstance(answer, dict)
    return answer


def stopped(guarded: Guarded, name: str, *args: object) -> str:
    """The one error that is left of a child, which names the file; another child answers then."""
    with pytest.raises(InputError) as caught:
        guarded.ask(name, *args)
    error = caught.value
    assert error.slug == "reader-stopped" and str(guarded.path) in error.message
    assert str(guarded.path) in error.hint and error.message.isprintable()
    assert described(guarded)["size"] == 100
    return error.message


def alive(pid: object) -> bool:
    """Does this process run? One that ended but was not waited for does not."""
    assert isinstance(pid, int)
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip()[:1] not in ("", "Z")


def gone(pid: object) -> bool:
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


# Plain data and bytes come back as they were given, from one child for all questions.
def test_answers(guarded: Guarded) -> None:
    first, second = described(guarded), described(guarded)
    assert (first["size"], first["marks"], first["calls"]) == (100, "ä", 1)
    assert second["calls"] == 2 and second["pid"] == first["pid"] != os.getpid()
    content = guarded.read(4 * 5, "rows", 3, 8)
    assert numpy.frombuffer(content, "<i4").tolist() == [3, 4, 5, 6, 7]
    assert guarded.read(0, "rows", 3, 3) == b"" and guarded.ask("prints") == "quiet"


# Megabytes come through the pipe whole.
def test_many_rows(guarded: Guarded) -> None:
    count = 2**22
    rows = numpy.frombuffer(guarded.read(4 * count, "rows", 0, count), "<i4")
    assert (rows == numpy.arange(count)).all() and rows.flags.writeable


# What the library says against the file is an error about the file, and the child is kept.
def test_refused(guarded: Guarded) -> None:
    pid = described(guarded)["pid"]
    with pytest.raises(InputError) as caught:
        guarded.ask("refuse", "no \x1b[31m magic")
    assert caught.value.slug == "file-corrupt" and "no \\x1b[31m magic" in caught.value.message
    assert described(guarded)["pid"] == pid


# An error of our own that is raised in the child arrives with its own words, made printable.
@pytest.mark.parametrize("here", [False, True])
def test_own_error(guarded: Guarded, monkeypatch: pytest.MonkeyPatch, here: bool) -> None:
    monkeypatch.setattr(guard, "isolated", lambda: not here)
    with pytest.raises(InputError) as caught:
        guarded.ask("stop", "row-unusable", "row 3 of '\x1b'", "fill it in")
    error = caught.value
    assert (error.slug, error.message, error.hint) == (
        "row-unusable", "row 3 of '\\x1b'", "fill it in"
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        guarded.ask("stop", "no slug\n", "", "")
    assert caught.value.slug == "file-corrupt"


# A crash, an abort and an exit are one error each, and the next question finds a new child.
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGKILL"])
def test_crash(guarded: Guarded, name: str) -> None:
    reason = signal.strsignal(getattr(signal, name))
    assert reason is not None and reason in stopped(guarded, "die", name)


def test_exit(guarded: Guarded) -> None:
    assert "ended with 3" in stopped(guarded, "leave", 3)


# More memory than allowed is refused to the child alone.
@LINUX
@pytest.mark.parametrize("size", [2**36, 2**31])
def test_memory(guarded: Guarded, size: int) -> None:
    assert "memory" in stopped(guarded, "allocate", size)


# A child that computes without end, or waits without end, is ended in its time.
def test_hang(guarded: Guarded) -> None:
    begun = time.monotonic()
    assert "computed longer" in stopped(guarded, "compute")
    assert time.monotonic() - begun < 8
    guarded.close()
    waiting = Guarded(guarded.path, "test", HELP, "", limits=Limits(cpu=1, wall=1))
    assert "longer than 1 second" in stopped(waiting, "sleep")
    waiting.close()


# What a child says that lost its mind is no answer.
@pytest.mark.parametrize(
    "content",
    [
        "garbage",
        "T\x02\0\0\0\0\0\0\0{]",
        "T\xff\xff\xff\xff\xff\xff\xff\x7f{}",
        "D\x02\0\0\0\0\0\0\0ab",
        "R\xff\xff\xff\0\0\0\0\0ab",
        "T\x20\0\0\0\0\0\0\0{}",
        "T\x09\x27\0\0\0\0\0\0" + "[" * 9993,
    ],
)
def test_garbage(guarded: Guarded, content: str) -> None:
    stopped(guarded, "garbage", content)


# Rows are as many bytes as were asked for, or nothing.
@pytest.mark.parametrize("size", [39, 41, 0])
def test_size(guarded: Guarded, size: int) -> None:
    with pytest.raises(InputError) as caught:
        guarded.read(size, "rows", 0, 10)
    assert caught.value.slug == "reader-stopped"


# The child knows nothing of this process: not its environment, not its modules.
def test_bare(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF5_PLUGIN_PATH", "/tmp")
    names, modules = guarded.ask("environment"), guarded.ask("modules")
    assert isinstance(names, dict) and "HDF5_PLUGIN_PATH" not in names
    assert isinstance(modules, list) and "numpy" in modules
    assert not {"torch", "site", "nctool.api.analyze", "rich", "typer"} & set(modules)


# No connection leaves the child, not even to this machine, and nothing is written.
def test_no_network(guarded: Guarded) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(InputError) as caught:
        guarded.ask("connect", server.getsockname()[1])
    assert "does not need a network" in caught.value.message
    with pytest.raises(InputError):
        guarded.ask("write")
    assert guarded.path.read_bytes() == bytes(100)


# Where the kernel allows it there is no network for the library's own sockets either.
@LINUX
def test_empty_network(guarded: Guarded) -> None:
    probe = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x40000000 | int(sys.argv[1])))"
    user = 0x10000000 if os.geteuid() else 0
    if subprocess.run([sys.executable, "-c", probe, str(user)]).returncode:
        pytest.skip("this kernel grants no network namespace")
    assert guarded.ask("interfaces") == ["lo"]


# The child ends with close(), and with the object that started it.
def test_no_child_is_left(guarded: Guarded, tmp_path: Path) -> None:
    pid = described(guarded)["pid"]
    guarded.close()
    assert not alive(pid)
    other = Guarded(tmp_path / "a", "test", HELP, "")
    pid = described(other)["pid"]
    assert alive(pid)
    del other
    gc.collect()
    assert not alive(pid)


# A question that was interrupted leaves no answer behind for the next one.
def test_interrupted(guarded: Guarded) -> None:
    described(guarded)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            guarded.ask("sleep")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert described(guarded)["calls"] == 1


# A parent that is killed takes its child along, in the midst of whatever it computes.
@LINUX
@pytest.mark.parametrize("name", ["compute", "sleep"])
def test_killed_parent(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(b"")
    code = (
        "from pathlib import Path\nfrom nctool.readers.guard import Guarded\n"
        f"guarded = Guarded(Path({str(tmp_path / 'a')!r}), 'test', {HELP!r}, '')\n"
        f"print(guarded.ask('describe')['pid'], flush=True)\nguarded.ask({name!r})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.2)
        assert alive(pid)
        parent.kill()
    assert gone(pid)


# Many open files do not keep as many children: the oldest end, and start again when asked.
def test_most_processes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    every = [Guarded(tmp_path / "a", "test", HELP, "") for _ in range(guard.MOST_PROCESSES + 2)]
    pids = [described(session)["pid"] for session in every]
    assert sum(map(alive, pids)) <= guard.MOST_PROCESSES
    assert not alive(pids[0]) and described(every[0])["pid"] != pids[0]
    for session in every:
        session.close()


# A child that was ended between a question and its turn is replaced without a word.
def test_retired(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    described(guarded)
    chosen = guarded._running

    def ended() -> Process:
        monkeypatch.setattr(guarded, "_running", chosen)
        process = chosen()
        process.close_if_idle()
        return process

    monkeypatch.setattr(guarded, "_running", ended)
    assert described(guarded)["calls"] == 1


# A process that was forked from this one asks a child of its own.
def test_fork(guarded: Guarded) -> None:
    pid = described(guarded)["pid"]
    forked = os.fork()
    if not forked:
        os._exit(int(described(guarded)["pid"] == pid))
    assert os.waitpid(forked, 0)[1] == 0
    assert described(guarded)["pid"] == pid


# Where there are no limits the library runs here, with a notice, and errors stay errors.
def test_in_process(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not guarded.notices
    monkeypatch.setattr(guard, "isolated", lambda: False)
    assert described(guarded)["pid"] == os.getpid()
    assert guarded.read(8, "rows", 1, 3) == numpy.array([1, 2], "<i4").tobytes()
    assert [notice.slug for notice in guarded.notices] == ["reader-unguarded"]
    with pytest.raises(InputError) as caught:
        guarded.ask("refuse", "no")
    assert caught.value.slug == "file-corrupt"


# A child costs as little to start as the interpreter and its library: no site, no torch.
def test_start_time(guarded: Guarded) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    described(guarded)
    guarded.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 1  # measured: 0.1 s with numpy; torch alone takes longer than this bound


# The words for both directions are the same on both sides.
def test_agreement() -> None:
    from nctool.readers.guard import process

    assert process.HEADER.size == 1 + child_side.HEADER_BYTES
    assert process.LONGEST_REASON >= 4 * child_side.LONGEST_REASON
