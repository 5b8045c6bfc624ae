"""Opening an HDF5 file describes it; rows cost rows, in one piece and in chunks."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy
import pytest
import torch

from nctool.core.errors import InputError
from nctool.readers import guard, open_path
from nctool.readers.shared.hdf5 import arrays as slices
from tests.readers.hdf5_samples import HEADER
from tests.readers.readers_help import arrays, plain
from tests.readers.test_laziness import resident

ROWS, WIDTH = 2**20, 512


# Law: two gibibytes open in an instant, and ten rows of them cost ten rows.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("matlab", [False, True])
def test_big_file(tmp_path: Path, matlab: bool) -> None:
    shape = (WIDTH, ROWS) if matlab else (ROWS, WIDTH)
    with h5py.File(tmp_path / "big", "w", userblock_size=512 * matlab) as file:
        space = h5py.h5s.create_simple(shape)
        ways = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        ways.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        ways.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, ways)
    if matlab:
        with (tmp_path / "big").open("r+b") as raw:
            raw.write(HEADER)
    arrays(tmp_path / "big")
    before, begun = resident(), time.process_time()
    (array,) = open_path(tmp_path / "big").arrays
    rows = array.rows(400_000, 400_010)
    assert array.shape == (ROWS, WIDTH)
    assert isinstance(rows, torch.Tensor) and rows.shape == (10, WIDTH) and float(rows.sum()) == 0
    if not matlab:
        array.whole()
    assert time.process_time() - begun < 1  # reading it all takes longer on any machine
    assert resident() - before < 32 * 2**20


# Law: a file whose arrays are all mapped keeps no process; one that has others keeps one.
@pytest.mark.parametrize("packed", [False, True])
def test_process_is_kept_if_needed(tmp_path: Path, packed: bool) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=numpy.ones((9, 2)), chunks=(3, 2) if packed else None)
        file["epoch"] = 3
    before = sum(process.usable for process in guard._kept)
    opened = open_path(tmp_path / "a")
    assert sum(process.usable for process in guard._kept) - before == packed
    assert opened.metadata == {"epoch": 3}


# Law: where a process cannot be limited, h5py reads here, and a notice says so.
def test_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "isolated", lambda: False)
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=numpy.arange(6), chunks=(3,), compression="gzip")
        file["t"] = "text"
    opened = open_path(tmp_path / "a")
    assert [notice.slug for notice in opened.notices] == ["reader-unguarded"]
    text, numbers = (array.whole() for array in opened.arrays)
    assert str(text) == "text" and plain(numbers).tolist() == list(range(6))


def ruined(path: Path, keep: set[tuple[int, int]]) -> None:
    """Overwrite every chunk of ``x`` but those that begin here."""
    with h5py.File(path) as file:
        count = file["x"].id.get_num_chunks()
        chunks = [file["x"].id.get_chunk_info(number) for number in range(count)]
    assert keep < {chunk.chunk_offset for chunk in chunks}
    with path.open("r+b") as raw:
        for chunk in chunks:
            if chunk.chunk_offset not in keep:
                raw.seek(chunk.byte_offset)
                raw.write(b"\xff" * chunk.size)


# Law: of an array in chunks only those are unpacked that hold the rows: the others are ruined.
@pytest.mark.parametrize("shape", [(1000, 8), (8, 1000)])
def test_chunks(tmp_path: Path, shape: tuple[int, int]) -> None:
    values, tall = numpy.arange(8000, dtype="f4").reshape(shape), shape[0] == 1000
    chunks = (100, 4) if tall else (4, 100)
    with h5py.File(tmp_path / "a", "w", userblock_size=512) as file:
        file.create_dataset("x", data=values, chunks=chunks, compression="gzip")
    ruined(tmp_path / "a", {(100, 0), (100, 4)} if tall else {(0, 100), (4, 100)})
    if not tall:
        with (tmp_path / "a").open("r+b") as raw:
            raw.write(HEADER)
        values = values.T
    array = arrays(tmp_path / "a")["x"]
    assert (plain(array.rows(150, 160)) == values[150:160]).all()
    assert (plain(array.rows(100, 200)) == values[100:200]).all()
    for start in (90, 150):
        with pytest.raises(InputError):
            array.rows(start, start + 60)


# Law: rows in many small ranges unpack each chunk once, not once for each range.
def test_chunks_are_remembered(tmp_path: Path) -> None:
    values = numpy.random.default_rng(0).integers(0, 9, 2**22, "u1")
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=values, chunks=(2**21,), compression="gzip")
    array = arrays(tmp_path / "a")["x"]
    array.rows(0, 1)
    begun = time.monotonic()
    array.rows(2**21, 2**21 + 1)
    once = time.monotonic() - begun
    begun = time.monotonic()
    for start in range(2**21, 2**22, 2**15):
        assert (plain(array.rows(start, start + 9)) == values[start : start + 9]).all()
    assert time.monotonic() - begun < 32 * once  # of 64 ranges; a trip through the pipe is short


# Law: rows that do not fit one slice through the pipe are put together, along either dimension.
@pytest.mark.parametrize("matlab", [False, True])
def test_slices(tmp_path: Path, matlab: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    values = numpy.arange(600, dtype="f8").reshape((6, 100) if matlab else (100, 6))
    with h5py.File(tmp_path / "a", "w", userblock_size=512) as file:
        file.create_dataset("x", data=values, chunks=(3, 3))
    if matlab:
        with (tmp_path / "a").open("r+b") as raw:
            raw.write(HEADER)
        values = values.T
    monkeypatch.setattr(slices, "SLICE_BYTES", 7 * 6 * 8)
    array = arrays(tmp_path / "a")["x"]
    assert (plain(array.whole()) == values).all()
    assert (plain(array.rows(13, 58)) == values[13:58]).all()
