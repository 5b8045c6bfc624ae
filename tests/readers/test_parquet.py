"""Parquet files: rows from the middle, forward and back, and files that are not what they say."""

from __future__ import annotations

import base64
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nctool.readers import open_path
from nctool.readers.shared.table.parquet_file import ParquetFile
from tests.readers import arrow_samples as samples
from tests.readers.arrow_samples import (
    FEATURES,
    LABELS,
    PARQUET,
    damaged,
    stop,
    survivors,
    table,
    write_parquet,
)
from tests.readers.readers_help import answer_here, arrays, plain
from tests.readers.test_damage import survives
from tests.readers.test_laziness import resident

one_child = samples.one_child

CONTENT = table(
    features=samples.fixed(FEATURES),
    labels=LABELS,
    text=pyarrow.array([f"word {label}" for label in LABELS]),
)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


# Law: every way of writing gives the same arrays.
@pytest.mark.usefixtures("one_child")
@pytest.mark.parametrize("kind", PARQUET)
def test_every_way(tmp_path: Path, kind: str) -> None:
    PARQUET[kind](tmp_path / "a", CONTENT)
    found = arrays(tmp_path / "a")
    assert [*found] == ["features", "labels", "text"]
    assert (plain(found["features"].whole()) == FEATURES).all()
    assert found["labels"].whole().tolist() == LABELS.tolist()
    assert found["text"].rows(8, 12).tolist() == [f"word {label}" for label in LABELS[8:12]]


# Law: rows are the same in whatever order they are asked for, from several columns in turn.
@pytest.mark.usefixtures("one_child")
@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8),
    group=st.integers(1, 70),
)
def test_any_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], group: int
) -> None:
    path = tmp_path_factory.mktemp("a") / "a"
    x = numpy.arange(120.0).reshape(60, 2)
    columns = {f"f{number}": x[:, 0] + number for number in range(5)}
    write_parquet(path, table(x=samples.fixed(x), y=x[:, 1], **columns), rows=group)
    found = arrays(path)
    gathered = x[:, :1] + numpy.arange(5)
    for start, stop_ in steps:
        assert (plain(found["x"].rows(start, stop_)) == x[start:stop_]).all()
        assert (plain(found["y"].rows(start, stop_)) == x[start:stop_, 1]).all()
        assert (plain(found["f0:f4"].rows(start, stop_)) == gathered[start:stop_]).all()


# Law: who reads on decodes no row twice, and who skips groups decodes none of them.
def test_reading_on(tmp_path: Path, here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(tmp_path / "a", table(x=numpy.arange(1000.0)), rows=100)
    begun: list[int] = []
    real = ParquetFile.batches

    def counted(self: ParquetFile, columns: Any, group: int, *rows: int) -> Any:
        begun.append(group)
        return real(self, columns, group, *rows)

    x = arrays(tmp_path / "a")["x"]
    monkeypatch.setattr(ParquetFile, "batches", counted)
    for start in range(0, 1000, 7):
        assert plain(x.rows(start, start + 7)).tolist() == [*range(start, min(start + 7, 1000))]
    assert begun == [0]
    assert float(x.rows(950, 951)[0]) == 950 and begun == [0, 9]
    assert float(x.rows(955, 956)[0]) == 955 and begun == [0, 9]
    assert float(x.rows(0, 1)[0]) == 0 and begun == [0, 9, 0]


def bytes_read() -> int:
    """How much this process has read from files so far."""
    words = Path("/proc/self/io").read_text().split()
    return int(words[words.index("rchar:") + 1])


# Law: opening a large file reads its end, and a row from its middle a piece of what is before it.
@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="reading is counted by /proc")
def test_large_file(tmp_path: Path, here: None) -> None:
    values = numpy.zeros(64 * 2**20, "u1").view("float32").reshape(-1, 256)
    values += numpy.arange(256, dtype="float32")
    PARQUET["plain"](tmp_path / "a", table(x=samples.fixed(values)), rows=2**14)
    write_parquet(tmp_path / "small", table())
    arrays(tmp_path / "small")["features"].whole()
    del values
    begun, held = bytes_read(), pyarrow.total_allocated_bytes()
    (found,) = open_path(tmp_path / "a").arrays
    assert found.shape == (2**16, 256) and bytes_read() - begun < 2**18
    assert plain(found.rows(33_000, 33_001))[0].tolist() == [*range(256)]
    assert bytes_read() - begun < 10 * 2**20
    assert pyarrow.total_allocated_bytes() - held < 24 * 2**20


# Law: a file cut anywhere is refused, and no damage ends in another kind of error.
@pytest.mark.usefixtures("one_child")
@pytest.mark.parametrize("kind", ["usual", "second"])
def test_damage(tmp_path: Path, kind: str) -> None:
    PARQUET[kind](tmp_path / "a", CONTENT, rows=16)
    data = (tmp_path / "a").read_bytes()
    assert survivors(tmp_path, [data]) == [data]
    assert not survivors(tmp_path, (data[:length] for length in range(0, len(data), 31)))
    assert len(survivors(tmp_path, damaged(data, 80, seed=5))) < 60


# Law: damage that the library would end the process over ends in an error: seen in real files.
@pytest.mark.usefixtures("one_child")
def test_damaged_statistics(tmp_path: Path) -> None:
    deep = samples.lists([[[1.0, 2.0]]] * 9, levels=2)
    write_parquet(tmp_path / "a", table(x=deep))
    data = (tmp_path / "a").read_bytes()
    end = len(data) - 8
    begin = end - int.from_bytes(data[-8:-4], "little")
    flipped = (
        data[:at] + bytes([data[at] ^ 1 << at % 5]) + data[at + 1 :] for at in range(begin, end, 7)
    )
    assert len(survivors(tmp_path, flipped)) < (end - begin) // 7


def varint(number: int) -> bytes:
    out = b""
    while number >= 128:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def nested(depth: int) -> bytes:
    """A file without rows whose schema is one group in another, so many times."""
    group = b"\x35\x02\x18\x01a\x15\x02\x00"
    elements = b"\x48\x01r\x15\x02\x00" + group * depth + b"\x15\x02\x25\x02\x18\x01x\x00"
    end = b"\x15\x02\x19\xfc" + varint(depth + 2) + elements + b"\x16\x00\x19\x0c\x00"
    return b"PAR1" + end + struct.pack("<I", len(end)) + b"PAR1"


# Law: a schema without a floor costs the child at most; one of a sane depth is read.
@pytest.mark.usefixtures("one_child")
def test_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(nested(90_000))
    assert stop(tmp_path / "a").slug in ("file-corrupt", "reader-stopped")
    (tmp_path / "b").write_bytes(nested(10))
    assert [*arrays(tmp_path / "b")] == ["a." * 10 + "x"]


# Law: a page that claims more than it stores gives its rows or an error; only the child pays.
def test_forged_page(tmp_path: Path) -> None:
    PARQUET["plain"](tmp_path / "a", table(x=numpy.zeros(3000)), rows=3000)
    data = (tmp_path / "a").read_bytes()
    size = data[6:10]
    assert size[:1] == b"\x15" and data[10:14] == size and size[3] < 0x80
    for claim in (2**20 - 1, 2**31 - 1):
        path = tmp_path / str(claim)
        before = resident()
        if survives(path, data[:6] + b"\x15" + varint(2 * claim) + data[10:]):
            assert not plain(arrays(path)["x"].whole()).any()
        assert resident() - before < 2**26


# Law: a count of rows that pages do not bear out is refused, and costs nothing.
@pytest.mark.parametrize("claim", [12_346, 1_000_000])
def test_forged_rows(tmp_path: Path, claim: int) -> None:
    write_parquet(tmp_path / "a", table(x=numpy.zeros(12_345)), rows=20_000)
    data = (tmp_path / "a").read_bytes()
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    end = data[begin:].replace(varint(2 * 12_345), varint(2 * claim))
    end = end[:-8] + struct.pack("<I", len(end) - 8) + b"PAR1"
    (tmp_path / "a").write_bytes(data[:begin] + end)
    error = stop(tmp_path / "a")
    assert error.slug == "file-corrupt" and "12345" in error.message


# Law: the rows of a file are those of its groups.
def test_forged_total(tmp_path: Path, here: None) -> None:
    write_parquet(tmp_path / "a", table(x=numpy.zeros(12_345)), rows=20_000)
    data = (tmp_path / "a").read_bytes()
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    end = data[begin:].replace(varint(2 * 12_345), varint(2 * 12_346), 1)
    (tmp_path / "a").write_bytes(data[:begin] + end)
    assert "12346 rows, but 12345 in its groups" in stop(tmp_path / "a").message


# Law: text in differences, which pyarrow does not read in its short form, is named.
@pytest.mark.usefixtures("here")
def test_text_in_differences(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(
        CONTENT, tmp_path / "a", use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}
    )
    assert plain(arrays(tmp_path / "a")["features"].whole()).shape == FEATURES.shape
    assert stop(tmp_path / "a").slug == "format-unsupported"


# Law: columns that lie in other files are not followed there.
def test_other_files(tmp_path: Path) -> None:
    collected: list[Any] = []
    pyarrow.parquet.write_table(table(), tmp_path / "part.parquet", metadata_collector=collected)
    collected[0].set_file_path("../part.parquet")
    pyarrow.parquet.write_metadata(table().schema, tmp_path / "all", collected)
    assert stop(tmp_path / "all").slug == "path-escapes"


# Law: an encrypted file is called that, with and without a readable end.
@pytest.mark.parametrize("plain_end", [True, False])
def test_encrypted(tmp_path: Path, plain_end: bool) -> None:
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Keys(encryption.KmsClient):  # type: ignore[misc, name-defined]
        def wrap_key(self, key: bytes, name: str) -> bytes:
            return base64.b64encode(key)

        def unwrap_key(self, key: bytes, name: str) -> bytes:
            return base64.b64decode(key)

    factory = encryption.CryptoFactory(lambda configuration: Keys())
    wanted = encryption.EncryptionConfiguration(
        footer_key="k", column_keys={"k": ["labels"]}, plaintext_footer=plain_end
    )
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), wanted)
    with pyarrow.parquet.ParquetWriter(
        tmp_path / "a", table().schema, encryption_properties=properties
    ) as writer:
        writer.write_table(table())
    assert stop(tmp_path / "a").slug == "parquet-encrypted"


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.path}'",)


# Law: a type that old libraries unpickled out of a schema is only a name.
@pytest.mark.filterwarnings("ignore:pickle-based deserialization", "ignore:pyarrow.PyExt")
@pytest.mark.parametrize("kind", samples.EVERY)
def test_no_code_is_run(tmp_path: Path, kind: str) -> None:
    canary = tmp_path / "canary"
    field = pyarrow.field("x", pyarrow.float64(), metadata={
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(Payload(canary)),
    })  # fmt: skip
    content = pyarrow.table([pyarrow.array([1.0, 2.0])], schema=pyarrow.schema([field]))
    samples.EVERY[kind](tmp_path / "a", content)
    assert arrays(tmp_path / "a")["x"].whole().tolist() == [1.0, 2.0]
    assert not canary.exists()


# Law: names from a file cannot write to the terminal.
@pytest.mark.parametrize("kind", samples.EVERY)
def test_names_are_shown_safely(tmp_path: Path, kind: str) -> None:
    name = "x\x1b[2J"
    samples.EVERY[kind](tmp_path / "a", table(**{name: samples.lists([[1], [1, 2]])}))
    assert "\x1b" not in json.dumps(stop(tmp_path / "a").message)
