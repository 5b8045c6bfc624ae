"""Arrow files that are cut, flipped or forged: an input error, and nothing else."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy
import pyarrow
import pytest
import torch

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers import arrow_samples as samples
from tests.readers.arrow_samples import ARROW, FEATURES, damaged, stop, survivors, table
from tests.readers.readers_help import arrays, plain
from tests.readers.test_damage import survives
from tests.readers.test_laziness import resident

pytestmark = pytest.mark.usefixtures("one_child")
one_child = samples.one_child

STEP = 13
COUNT = 12_345


# Law: a file cut anywhere is refused; a stream cut between its batches says that it may be.
@pytest.mark.parametrize("kind", ARROW)
def test_truncation(tmp_path: Path, kind: str) -> None:
    ARROW[kind](tmp_path / "a", table())
    data = (tmp_path / "a").read_bytes()
    assert survives(tmp_path / "whole", data) and not open_path(tmp_path / "whole").notices
    left = survivors(tmp_path, (data[:length] for length in range(0, len(data), STEP)))
    for number, copy in enumerate(left):
        assert kind == "stream"
        (tmp_path / f"left-{number}").write_bytes(copy)
        (notice,) = open_path(tmp_path / f"left-{number}").notices
        assert notice.slug == "stream-without-end"
    if kind == "stream":
        assert survives(tmp_path / "b", data[:-8]) and open_path(tmp_path / "b").notices
        assert not survives(tmp_path / "c", data + data)


# Law: a damaged copy holds arrays or is an input error, and most damage is noticed.
@pytest.mark.parametrize("kind", ARROW)
def test_damage(tmp_path: Path, kind: str) -> None:
    words = pyarrow.array(["a", "bc", "d"] * 7)
    content = table(x=samples.lists(FEATURES[:21].tolist()), s=words, d=words.dictionary_encode())
    ARROW[kind](tmp_path / "a", content)
    data = (tmp_path / "a").read_bytes()
    left = survivors(tmp_path, damaged(data, 60, seed=3))
    assert 0 < len(left) < 45


# Law: a count that is not borne out by the bytes is refused when the file is opened.
@pytest.mark.parametrize("kind", ARROW)
@pytest.mark.parametrize("claim", [COUNT + 8, 2**40, 2**62, -1])
@pytest.mark.parametrize("column", ["flat", "lists", "text"])
def test_forged_counts(tmp_path: Path, kind: str, claim: int, column: str) -> None:
    columns = {
        "flat": pyarrow.array(numpy.zeros(COUNT, "int16")),
        "lists": samples.fixed(numpy.zeros((COUNT, 2), "int16")),
        "text": pyarrow.array([""] * COUNT),
    }
    ARROW[kind](tmp_path / "a", table(x=columns[column]), rows=COUNT)
    data = (tmp_path / "a").read_bytes()
    forged = data.replace(struct.pack("<q", COUNT), struct.pack("<q", claim))
    assert forged != data
    (tmp_path / "a").write_bytes(forged)
    before = resident()
    assert stop(tmp_path / "a").slug in ("file-corrupt", "reader-stopped")
    if kind in ("file", "stream"):
        with pytest.raises(InputError):
            open_path(tmp_path / "a")
    assert resident() - before < 64 * 2**20


# Law: a compressed buffer may not claim what it cannot hold.
def test_compressed_bomb(tmp_path: Path) -> None:
    ARROW["zstd"](tmp_path / "a", table(x=numpy.zeros(COUNT)), rows=COUNT)
    data = (tmp_path / "a").read_bytes()
    size = struct.pack("<q", 8 * COUNT)
    assert data.count(size) == 1
    for claim in (2**40, 8 * COUNT - 1, 0, -2):
        path = tmp_path / str(claim)
        path.write_bytes(data.replace(size, struct.pack("<q", claim)))
        assert stop(path).slug == ("reader-stopped" if claim > 2**32 else "file-corrupt")


# Law: batches that a footer names twice, or out of order, are not rows twice.
def test_batches_named_twice(tmp_path: Path) -> None:
    samples.write_file(tmp_path / "a", table(), rows=12)
    data = (tmp_path / "a").read_bytes()
    stream = pyarrow.BufferReader(data[8:])  # a file is a stream within marks
    reader = pyarrow.ipc.open_stream(stream)
    places = [8 + stream.tell(), *(8 + stream.tell() for _ in reader)]
    first, second = (data.rindex(struct.pack("<q", place)) for place in places[:2])
    assert second == first + 24
    blocks = data[first:second], data[second : second + 24]
    for order in ((0, 0), (1, 0)):
        forged = data[:first] + blocks[order[0]] + blocks[order[1]] + data[first + 48 :]
        path = tmp_path / str(order)
        path.write_bytes(forged)
        assert stop(path).slug == "file-corrupt" and "overlap" in stop(path).message


# Law: opening reads what describes the rows; their bytes may be anything at all.
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_open_reads_no_rows(tmp_path: Path, kind: str) -> None:
    ARROW[kind](tmp_path / "a", table(x=FEATURES[:, 1], s=pyarrow.array(["ab"] * 23)), rows=100)
    data = (tmp_path / "a").read_bytes()
    at = data.index(b"ab" * 23)
    (tmp_path / "a").write_bytes(data[:at] + b"\xff" * 46 + data[at + 46 :])
    found = arrays(tmp_path / "a")
    assert (plain(found["x"].whole()) == FEATURES[:, 1]).all()
    with pytest.raises(InputError):
        found["s"].whole()


# Law: a large file costs nothing to open, and rows cost what they weigh.
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_large_file(tmp_path: Path, kind: str) -> None:
    values = numpy.zeros(64 * 2**20, "u1").view("float32").reshape(-1, 256)
    ARROW[kind](tmp_path / "a", table(x=samples.fixed(values)), rows=20_000)
    del values
    before = resident()
    (found,) = open_path(tmp_path / "a").arrays
    assert found.shape == (2**16, 256)
    assert float(plain(found.rows(30_000, 30_100)).sum()) == 0
    assert resident() - before < 8 * 2**20


# Law: rows of one batch are mapped, not copied.
def test_rows_are_mapped(tmp_path: Path) -> None:
    samples.write_file(tmp_path / "a", table(), rows=100)
    found = arrays(tmp_path / "a")["features"]
    once, again = found.rows(4, 8), found.rows(4, 8)
    assert isinstance(once, torch.Tensor) and isinstance(again, torch.Tensor)
    assert once.data_ptr() == again.data_ptr()


# Law: a file that became shorter after it was opened is an error, not the end of the process.
@pytest.mark.parametrize("kind", ARROW)
def test_shrinking_file(tmp_path: Path, kind: str) -> None:
    ARROW[kind](tmp_path / "a", table(), rows=10)
    found = arrays(tmp_path / "a")["features"]
    found.rows(0, 2)
    os.truncate(tmp_path / "a", (tmp_path / "a").stat().st_size // 4)
    with pytest.raises(InputError):
        found.whole()


# Law: Arrow of the time before its layout was settled is named.
def test_old_versions(tmp_path: Path) -> None:
    samples.write_stream(tmp_path / "a", table())
    data = (tmp_path / "a").read_bytes()
    slugs = []
    for at in (at for at in range(8, 80) if data[at] == 4):  # one of these is the version
        path = tmp_path / str(at)
        path.write_bytes(data[:at] + b"\x02" + data[at + 1 :])
        slugs.append(stop(path).slug)
    assert "format-unsupported" in slugs


# Law: a child that dies over a file is one error about the file, and the next file is read.
def test_lost_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples.write_file(tmp_path / "a", table())
    samples.write_file(tmp_path / "b", table())
    monkeypatch.setattr("nctool.readers.shared.table.guarded.CHILD", "tests.readers.crashing_child")
    assert stop(tmp_path / "a").slug == "reader-stopped"
    monkeypatch.undo()
    assert (plain(arrays(tmp_path / "b")["features"].whole()) == FEATURES).all()
