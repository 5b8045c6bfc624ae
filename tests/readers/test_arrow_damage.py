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
from nctool.readers.shared.arrow.flatbuffer import Table, root
from tests.readers import arrow_samples as samples
from tests.readers.arrow_samples import ARROW, FEATURES, stop, table
from tests.readers.readers_help import arrays, plain
from tests.readers.test_damage import survives
from tests.readers.test_laziness import resident

STEP = 13
COUNT = 12_345


# Law: a file cut anywhere is refused; a stream cut between its batches says that it may be.
@pytest.mark.parametrize("kind", ARROW)
def test_truncation(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    ARROW[kind](path, table())
    data = path.read_bytes()
    assert survives(path, data) and not open_path(path).notices
    for length in range(0, len(data), STEP):
        if survives(path, data[:length]):
            assert kind == "stream"
            assert [one.slug for one in open_path(path).notices] == ["stream-without-end"]
    if kind == "stream":
        assert survives(path, data[:-8]) and open_path(path).notices
        assert not survives(path, data + data)


# Law: one flipped bit anywhere never ends in another kind of error.
@pytest.mark.parametrize("kind", ARROW)
def test_bit_flips(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    words = pyarrow.array(["a", "bc", "d"] * 7)
    content = table(x=samples.lists(FEATURES[:21].tolist()), s=words, d=words.dictionary_encode())
    ARROW[kind](path, content)
    data = path.read_bytes()
    for position in range(0, len(data), STEP):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position // STEP % 8)
        survives(path, bytes(damaged))


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
    assert stop(tmp_path / "a").slug == "file-corrupt"
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
        (tmp_path / "a").write_bytes(data.replace(size, struct.pack("<q", claim)))
        assert stop(tmp_path / "a").slug == "file-corrupt"


# Law: batches that a footer names twice, or out of order, are not rows twice.
def test_batches_named_twice(tmp_path: Path) -> None:
    samples.write_file(tmp_path / "a", table(), rows=12)
    data = (tmp_path / "a").read_bytes()
    length = int.from_bytes(data[-10:-6], "little")
    footer = root(data[-10 - length : -10])
    blocks = footer.structs(3, "<i8, <i8, <i8").copy()
    first, second = blocks[:1].tobytes(), blocks[1:2].tobytes()
    at = data.rindex(second if second + first in data else first + second)
    assert len(blocks) == 2 and at > 0
    for forged in (first + first, second + first):
        (tmp_path / "a").write_bytes(data[:at] + forged + data[at + 48 :])
        assert stop(tmp_path / "a").slug == "file-corrupt"


# Law: references inside a description may be shared, but not until they never end.
def test_shared_tables_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nctool.readers.shared.arrow.flatbuffer.MOST_TABLES", 10_000)
    # Each table holds a list of two references, both to the next table; the last holds nothing.
    data = bytearray(struct.pack("<I4H2H", 16, 6, 8, 4, 0, 4, 4))
    for _ in range(60):
        data += struct.pack("<iIIII", len(data) - 4, 4, 2, 8, 4)
    data += struct.pack("<i", len(data) - 12)

    def walk(one: Table) -> None:
        for child in one.tables(0):
            walk(child)

    with pytest.raises(ValueError, match="repeats itself"):
        walk(root(bytes(data)))


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
    ARROW[kind](tmp_path / "small", table())
    arrays(tmp_path / "small")["features"].whole()
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
    data = bytearray((tmp_path / "a").read_bytes())
    message = root(bytes(data[8:]))
    offset = message.buffer.number(message.names + 4, "<H")
    assert data[8 + message.position + offset] == 4
    data[8 + message.position + offset] = 2
    (tmp_path / "a").write_bytes(data)
    assert stop(tmp_path / "a").slug == "format-unsupported"
