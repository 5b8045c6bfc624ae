"""Files and folders that are copied first: announced, bounded, and gone afterwards."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import torch

from nctool.core.errors import InputError, ResourceError
from nctool.core.notice import Notice
from nctool.inputs.opening import Opening
from nctool.readers.remote import Downloads, copying, retry, temporary, visit
from nctool.settings.role_options import RoleOptions
from tests.readers.readers_help import WRITERS, plain
from tests.readers.remote_help import ARRAYS, FEATURES, SMALL, Memory, large, memory, npz, rooms

BIG = npz(more=large()["unused"])


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(retry, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def store() -> Iterator[Memory]:
    with memory() as found:
        yield found


def npy() -> bytes:
    file = io.BytesIO()
    numpy.save(file, FEATURES.numpy())
    return file.getvalue()


# Law: every format that is one file reads the same behind an address.
@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_formats(store: Memory, tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path / "x")
    store.put({"a/x": (tmp_path / "x").read_bytes()})
    (opened,) = Opening().open(str(tmp_path / "x"))
    local = {one.key: one for one in opened.arrays}
    found = {one.key: one for one in visit("memory://a/x", Downloads()).open().arrays}
    assert found.keys() == local.keys()
    for key, array in found.items():
        want = local[key]
        assert (array.shape, array.dtype, array.path) == (want.shape, want.dtype, "memory://a/x")
        assert (plain(array.rows(1, 3)) == plain(want.rows(1, 3))).all()


# Law: a copy is announced before it begins, with its size; what is tiny is not worth a word.
def test_announced(store: Memory) -> None:
    told: list[tuple[Notice, int]] = []
    downloads = Downloads(warn=lambda notice: told.append((notice, len(store.asked))))
    store.put({"a/big.npz": BIG, "a/small.npy": npy()})
    opened = visit("memory://a/big.npz", downloads).open()
    ((notice, asked),) = told
    assert notice in opened.notices and asked == 1 < len(store.asked)
    assert notice.slug == "remote-copied" and notice.data == {"bytes": len(BIG)}
    assert "memory://a/big.npz" in notice.message and "3.0 MiB" in notice.message
    assert visit("memory://a/small.npy", downloads).open().notices == () and len(told) == 1


# Law: progress goes to the end.
def test_progress(store: Memory) -> None:
    from contextlib import contextmanager

    steps: list[int] = []

    class Shown:
        @contextmanager
        def task(self, title: str, total: int) -> Iterator[object]:
            steps.append(-total)
            yield lambda amount, note="": steps.append(amount)

    store.put({"a/big.npz": BIG})
    visit("memory://a/big.npz", Downloads(Shown())).open()  # type: ignore[arg-type]
    assert steps[0] == -4 and 3 <= sum(steps[1:]) <= 4


# Law: without room nothing is copied, and the way out is named.
@pytest.mark.parametrize("address", ["memory://a/big.npz", "memory://a"])
def test_no_room(store: Memory, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    store.put({"a/big.npz": BIG})
    monkeypatch.setattr(temporary.TemporaryFolder, "free", lambda self: 2**20)
    with pytest.raises(ResourceError) as caught:
        visit(address, Downloads()).open()
    assert (caught.value.slug, caught.value.exit_code) == ("disk-full", 5)
    assert "TMPDIR" in caught.value.hint and len(store.asked) <= 1 and rooms() == []


# Law: a disk that fills up on the way is the same error, and the rest is gone.
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_disk_fills(store: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put({"a/big.npz": BIG})
    true = Path.open

    def onto_full(self: Path, mode: str = "r") -> object:
        return true(Path("/dev/full") if mode == "xb" else self, mode.replace("x", "w"))

    monkeypatch.setattr(Path, "open", onto_full)
    with pytest.raises(ResourceError) as caught:
        visit("memory://a/big.npz", Downloads()).open()
    assert caught.value.slug == "disk-full" and rooms() == []


# Law: a file that changes while it is copied is refused.
def test_changed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nctool.readers.remote.store.BLOCK", 2**20)

    def change(content: bytes) -> bytes:
        if len(found.asked) == 3:
            found.put({"a/big.npz": npz(more=1 + large()["unused"])})
        return content

    with memory(change) as found:
        found.put({"a/big.npz": BIG})
        with pytest.raises(InputError) as caught:
            visit("memory://a/big.npz", Downloads()).open()
    assert caught.value.slug == "file-changed" and rooms() == []


# Law: a small folder of another format is copied with all that is below it.
def test_folder(store: Memory) -> None:
    store.put({"f/features.npy": npy(), "f/deep/er/notes.txt": b"x" * 9, "f/a.npz": npz()})
    opened = visit("memory://f/", Downloads()).open()
    found = {array.key: array for array in opened.arrays}
    assert (plain(found["features"].whole()) == plain(FEATURES)).all()
    assert found["a.labels"].path == "memory://f/a.npz" and opened.where == "memory://f"
    assert [notice.slug for notice in opened.notices] == ["remote-copied"]


# Law: a large one is refused with the line that copies it, before anything of it is asked for.
@pytest.mark.parametrize("limit", ["LARGEST_FOLDER", "MOST_FILES"])
def test_large_folder(store: Memory, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    store.put({"f/features.npy": npy(), "f/deep/x": b"x" * 5000})
    monkeypatch.setattr(copying, limit, {"LARGEST_FOLDER": 5000, "MOST_FILES": 1}[limit])
    with pytest.raises(InputError) as caught:
        visit("memory://f", Downloads()).open()
    assert caught.value.slug == "remote-folder-large" and "memory://f" in caught.value.hint
    assert store.asked == [] and rooms() == []


# Law: each kind of store has its own line for copying.
@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("s3://b/f g?x", "aws s3 cp --recursive 's3://b/f g' './f g'"),
        ("gs://b/f", "gcloud storage cp --recursive gs://b/f ."),
        ("hf://org/model", "hf download org/model --local-dir ./model"),
        (
            "hf://datasets/org/data@v1/sub",
            "hf download org/data --repo-type dataset --revision v1 --include sub/* "
            "--local-dir ./sub",
        ),
    ],
)
def test_lines(address: str, line: str) -> None:
    from nctool.readers.remote.address import parse

    assert line in copying.too_large(parse(address), "much").hint


# Law: a folder without a layout is refused by its names alone.
def test_unknown_folder(store: Memory) -> None:
    store.put({"f/notes.txt": b"x" * 10**6, "f/more.csv": b"y"})
    with pytest.raises(InputError) as caught:
        visit("memory://f", Downloads()).open()
    assert caught.value.slug == "folder-unknown" and store.asked == []
    assert "memory://f" in caught.value.message and "notes.txt" in caught.value.message


# Law: no name in a listing leads out of the temporary folder.
@pytest.mark.parametrize("name", ["..", "a\\b.npy", "x\x1b[2J.npy", "y" * 300])
def test_listed_names(
    store: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem as System

    store.put({"f/features.npy": npy()})
    true = System.ls

    def ls(self: System, path: str, detail: bool = True) -> list[object]:
        return [*true(self, path, detail), {"name": f"/f/{name}", "size": 9, "type": "file"}]

    monkeypatch.setattr(System, "ls", ls)
    with pytest.raises(InputError) as caught:
        visit("memory://f", Downloads()).open()
    assert caught.value.slug == "path-escapes" and caught.value.message.isprintable()
    assert list(tmp_path.iterdir()) == []


# Law: the same for the names further down, which are listed later.
@pytest.mark.parametrize("name", ["../canary.npy", "a/../../canary.npy", "/tmp/canary.npy", "a//b"])
def test_deep_names(
    store: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem as System

    def find(self: System, path: str, detail: bool = True) -> dict[str, object]:
        return {f"/f/{name}": {"size": 9}, "/f/features.npy": {"size": 9}}

    store.put({"f/features.npy": npy()})
    monkeypatch.setattr(System, "find", find)
    with pytest.raises(InputError) as caught:
        visit("memory://f", Downloads()).open()
    assert caught.value.slug in ("path-escapes", "remote-missing")
    assert not list(tmp_path.rglob("canary*")) and list(tmp_path.iterdir()) == []


# Law: of a remote run the last checkpoint is opened, and the others are not asked for.
def test_run(store: Memory) -> None:
    store.put({f"run/epoch={epoch}.npz": npz(epoch=torch.tensor(epoch)) for epoch in (2, 9, 10)})
    opening = Opening()
    (opened,) = opening.open_all(["memory://run"], RoleOptions())
    assert opened.where == "memory://run/epoch=10.npz" and len(store.asked) == 1
    assert opened.path.stem == "epoch=10"
    (notice,) = opening.notices
    assert notice.slug == "last-checkpoint" and "memory://run holds 3" in notice.message
    assert notice.hint.endswith("nctool analyze memory://run/epoch=2.npz")


# Law: checkpoints that are folders of safetensors are read in place, the last of them.
def test_run_of_folders(store: Memory) -> None:
    store.put({f"run/checkpoint-{step}/model.safetensors": SMALL for step in (5, 20)})
    (opened,) = Opening().open_all(["memory://run/"], RoleOptions())
    assert {array.path for array in opened.arrays} == {
        "memory://run/checkpoint-20/model.safetensors"
    }
    assert len(store.asked) == 1 and len(opened.arrays) == len(ARRAYS)


# Law: an address that is named twice is opened once.
def test_once(store: Memory) -> None:
    store.put({"a/big.npz": BIG})
    opening = Opening()
    options = RoleOptions(features="memory://a/big.npz::features")
    assert len(opening.open_all(["memory://a/big.npz", "memory://a/big.npz"], options)) == 1
    before = len(store.asked)
    opening.open("memory://a/big.npz")
    assert len(store.asked) == before


SLOW = """
import io, os, sys, time
import fsspec, numpy
from fsspec.implementations.memory import MemoryFileSystem as System
from nctool.cli import main
file = io.BytesIO()
numpy.save(file, numpy.zeros(10**6))
fsspec.filesystem("memory").pipe({{"/a/x.npy": file.getvalue()}})
true, asked = System.cat_file, []
def cat_file(self, path, start, end, **more):
    asked.append(start)
    if len(asked) == 2:
        os.kill(os.getpid(), {signal})
        time.sleep(30)
    return true(self, path, start, end, **more)
System.cat_file = cat_file
sys.argv = ["nctool", "inspect", "memory://a/x.npy"]
main()
"""


# Law: Ctrl-C in the middle of a copy ends at once and leaves nothing behind.
@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    reason="a job in the background: what it starts ignores Ctrl-C",
)
def test_interrupt(tmp_path: Path) -> None:
    code = SLOW.format(signal=int(signal.SIGINT))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 130, done.stderr
    assert "remote-copied" in done.stderr and list(tmp_path.iterdir()) == []


# Law: the end of the process leaves nothing behind either, though arrays are still held.
def test_end_of_process(tmp_path: Path) -> None:
    code = (
        "import os, fsspec\n"
        "from nctool.readers.remote import Downloads, visit\n"
        "head = b\"{'descr': '|u1', 'fortran_order': False, 'shape': (3000000,), }\\n\"\n"
        "body = b'\\x93NUMPY\\1\\0' + len(head).to_bytes(2, 'little') + head + bytes(3000000)\n"
        "fsspec.filesystem('memory').pipe({'/a/x.npy': body})\n"
        "kept = visit('memory://a/x.npy', Downloads()).open()\n"
        "print(len(os.listdir(os.environ['TMPDIR'])))\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.stdout.strip() == b"1", done.stderr
    assert list(tmp_path.iterdir()) == []


# Law: another process, such as a child that ends, does not take the folder away.
def test_other_process(store: Memory) -> None:
    store.put({"a/x.npz": BIG})
    kept = visit("memory://a/x.npz", Downloads()).open()
    (folder,) = rooms()
    temporary._remove(folder, os.getpid() + 1)
    assert folder.exists() and kept.arrays
