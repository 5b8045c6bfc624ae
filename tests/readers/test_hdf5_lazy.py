"""Opening an HDF5 file describes it; rows cost rows, in one piece and in chunks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import h5py
import numpy
import pytest
import torch

from nctool.readers import open_path
from nctool.readers.shared.hdf5 import arrays as rooms
from nctool.readers.shared.hdf5.filters import unpacked
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
    (found,) = open_path(tmp_path / "big").arrays
    rows = found.rows(400_000, 400_010)
    assert found.shape == (ROWS, WIDTH)
    assert isinstance(rows, torch.Tensor) and rows.shape == (10, WIDTH) and float(rows.sum()) == 0
    if not matlab:
        found.whole()
    assert time.process_time() - begun < 1  # reading it all takes longer on any machine
    assert resident() - before < 32 * 2**20


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all chunks that are unpacked from now on."""
    read: list[int] = []

    def noted(content: bytes, *rest: Any) -> bytes:
        read.append(len(content))
        return unpacked(content, *rest)

    monkeypatch.setattr(rooms, "unpacked", noted)
    return read


# Law: of an array in chunks only those are unpacked that hold the rows, and none of them twice.
@pytest.mark.parametrize("shape", [(1000, 8), (8, 1000)])
def test_chunks(tmp_path: Path, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    values = numpy.arange(8000, dtype="f4").reshape(shape)
    chunks = (100, 4) if shape[0] == 1000 else (4, 100)
    with h5py.File(tmp_path / "a", "w", userblock_size=512) as file:
        file.create_dataset("x", data=values, chunks=chunks, compression="gzip")
    if shape[0] == 8:
        with (tmp_path / "a").open("r+b") as raw:
            raw.write(HEADER)
        values = values.T
    read = counted(monkeypatch)
    found = arrays(tmp_path / "a")["x"]
    assert not read
    assert (plain(found.rows(150, 160)) == values[150:160]).all() and len(read) == 2
    assert (plain(found.rows(160, 250)) == values[160:250]).all() and len(read) == 4
    assert (plain(found.whole()) == values).all() and len(read) == 20


# Law: what is remembered of unpacked chunks is bounded.
def test_memory_of_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "REMEMBERED_BYTES", 3000)
    values = numpy.arange(5000, dtype="u1")
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=values, chunks=(1000,), compression="gzip")
    found, read = arrays(tmp_path / "a")["x"], counted(monkeypatch)
    for _ in range(2):
        assert (plain(found.whole()) == values).all()
    assert len(read) > 5
