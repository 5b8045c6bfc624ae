"""What the guarded child says of a table is checked, and what it keeps is bounded."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy
import pyarrow
import pytest

from nctool.core.errors import InputError
from nctool.readers.guard import Guarded
from nctool.readers.shared.table import arrow_ipc, guarded
from nctool.readers.shared.table.session import Tables
from tests.readers import arrow_samples as samples
from tests.readers.arrow_samples import ARROW, FEATURES, stop, table
from tests.readers.readers_help import answer_here, arrays, plain

one_child = samples.one_child


class Liar:
    """A child that answers whatever a test wants."""

    format = "arrow"

    def __init__(self, **answers: object) -> None:
        self.answers: dict[str, Any] = {
            "columns": [["x", "float64", []]], "odd": [], "bounds": [0, 4], "texts": {},
            "ended": True, "places": [[0]], **answers,
        }  # fmt: skip

    def ask(self, name: str, *_: object) -> object:
        return self.answers if name == "describe" else self.answers[name]


def read(path: Path, **answers: object) -> InputError:
    """The error that such answers end in, when the file is opened or read."""
    path.write_bytes(bytes(32))
    with pytest.raises(InputError) as caught:
        part = guarded.table_part(cast(Guarded, Liar(**answers)), path, {})
        part.columns[0].rows(0, 4)
    return caught.value


# A description that makes no sense is an error about the file.
@pytest.mark.parametrize(
    "answers",
    [
        {"columns": [["x", "object", []]]},
        {"columns": [["x", "float64", "ab"]]},
        {"columns": [["x"]]},
        {"columns": None},
        {"bounds": [0, 4, 2]},
        {"bounds": [1, 4]},
        {"bounds": []},
        {"odd": 3},
        {"texts": []},
        {"places": "ab"},
        {"places": [0]},
        {"places": [[0, 0]]},
        {"places": [[8]]},
        {"places": [[2**62]]},
        {"columns": [["x", "str", []]], "places": [], "width": 3},
        {"columns": [["x", "str", []]], "places": [], "width": 0},
        {"columns": [["x", "str", []]], "places": [], "width": 2**30},
        {"columns": [["x", "str", []]], "places": [], "width": "4"},
    ],
    ids=str,
)
def test_senseless(tmp_path: Path, answers: dict[str, object]) -> None:
    assert read(tmp_path / "a", **answers).slug in ("file-corrupt", "file-changed")


# More than a file could store is refused before anybody asks for its rows.
def test_claims(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(32))
    child = cast(Guarded, Liar(bounds=[0, 2**30]))
    with pytest.raises(InputError, match="claims 8589934592 bytes, 32 are stored"):
        guarded.table_part(child, tmp_path / "a", {})
    guarded.table_part(cast(Guarded, Liar(bounds=[0, 2**29])), tmp_path / "a", {})


# Mapped rows of a file that became shorter are an error before their memory is touched.
def test_shrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)
    samples.write_file(tmp_path / "a", table())
    features = arrays(tmp_path / "a")["features"]
    assert (plain(features.rows(0, 2)) == FEATURES[:2]).all()
    os.truncate(tmp_path / "a", 8)
    with pytest.raises(InputError) as caught:
        features.rows(0, 2)
    assert caught.value.slug == "file-changed"


# A text that ends far behind its bytes is found before the library follows it there.
@pytest.mark.usefixtures("one_child")
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_offsets_are_validated(tmp_path: Path, kind: str) -> None:
    ARROW[kind](tmp_path / "good", table(x=pyarrow.array(["ab"] * 23)), rows=100)
    data = (tmp_path / "good").read_bytes()
    offsets = struct.pack("<3i", 8, 10, 12)
    assert data.count(offsets) == 1
    forged = data.replace(offsets, struct.pack("<3i", 8, 2**30, 12))
    (tmp_path / "a").write_bytes(forged)
    error = stop(tmp_path / "a")
    assert error.slug == "file-corrupt" and "ArrowInvalid" in error.message


# A code that points at an entry without a value is a row without a value.
@pytest.mark.parametrize("words", [["a", None], [1, None]], ids=str)
@pytest.mark.parametrize("kind", ["file", "stream", "lz4"])
def test_code_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, words: list[Any]
) -> None:
    answer_here(monkeypatch)
    codes = pyarrow.array([0] * 13 + [1] + [0] * 9, pyarrow.int8())
    column = pyarrow.DictionaryArray.from_arrays(codes, pyarrow.array(words))
    ARROW[kind](tmp_path / "a", table(x=column))
    assert "row 13 of 'x'" in stop(tmp_path / "a").message
    assert arrays(tmp_path / "a")["x"].rows(0, 13).tolist() == words[:1] * 13


# Only so many unpacked batches are kept, and those that were given up come back.
@pytest.mark.parametrize("name", ["file", "stream"])
def test_kept_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(arrow_ipc, "KEPT_BYTES", 1)
    options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
    values = numpy.arange(100.0)
    write = pyarrow.ipc.new_file if name == "file" else pyarrow.ipc.new_stream
    content = table(x=values)
    with write(str(tmp_path / "a"), content.schema, options=options) as sink:
        sink.write_table(content, max_chunksize=10)
    tables = Tables("arrow")
    for start in (0, 45, 90, 5, 44):
        rows = tables.rows(str(tmp_path / "a"), [0], start, start + 10)
        assert rows.tolist() == values[start : start + 10].tolist()
    (held,) = tables.open.values()
    assert isinstance(held.file, arrow_ipc.ArrowFile) and len(held.file.kept) == 1


# Files that were closed for others are opened again when their rows are asked for.
def test_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nctool.readers.shared.table.session.MOST_OPEN", 2)
    tables = Tables("parquet")
    for number in range(4):
        samples.write_parquet(tmp_path / str(number), table(x=numpy.full(3, number)))
    for number in (0, 1, 2, 3, 0):
        assert tables.rows(str(tmp_path / str(number)), [0], 0, 3).tolist() == [number] * 3
    assert len(tables.open) == 2


# The library is loaded where it may die, and never in this process.
def test_library_stays_in_the_child(tmp_path: Path) -> None:
    samples.write_file(tmp_path / "a", table(s=pyarrow.array(["a", "b"]), x=[1.0, 2.0]))
    code = (
        "import sys\nfrom pathlib import Path\nfrom nctool.readers import open_path\n"
        "rows = [array.whole() for array in open_path(Path(sys.argv[1])).arrays]\n"
        "sys.exit('pyarrow' in sys.modules or len(rows) != 2)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "a"]).returncode == 0
