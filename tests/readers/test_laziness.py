"""Opening describes; only rows that somebody asks for are read."""

from __future__ import annotations

import json
import os
import time
import zipfile
from pathlib import Path

import numpy
import pytest
import torch

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import arrays

GIB = 2**30


def sparse(path: Path, head: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)


def big_npy(path: Path) -> None:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({GIB // 2048}, 1024), }}"
    text = text.ljust(117) + "\n"  # numpy aligns the data to 64 bytes
    head = b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text.encode()
    sparse(path, head, len(head) + 2 * GIB)


def big_safetensors(path: Path) -> None:
    entry = {"dtype": "F32", "shape": [GIB // 2048, 1024], "data_offsets": [0, 2 * GIB]}
    text = json.dumps({"x": entry}).encode()
    text = text.ljust(-len(text) % 8 + len(text))
    head = len(text).to_bytes(8, "little") + text
    sparse(path, head, len(head) + 2 * GIB)


WRITERS = {"npy": big_npy, "safetensors": big_safetensors}


def resident() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# Law: two gibibytes open in an instant, and ten rows of them cost ten rows.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_big_files(tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path / "big")
    arrays(tmp_path / "big")
    before, begun = resident(), time.process_time()
    (found,) = open_path(tmp_path / "big").arrays
    rows = found.rows(400_000, 400_010)
    assert isinstance(rows, torch.Tensor) and rows.shape == (10, 1024) and float(rows.sum()) == 0
    whole = found.whole()
    assert isinstance(whole, torch.Tensor) and float(whole[-1, -1]) == 0
    assert time.process_time() - begun < 1  # reading it all takes longer on any machine
    assert resident() - before < 32 * 2**20


# Law: the same for a torch checkpoint, a stored .npz and an old torch file.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_stored_members(tmp_path: Path) -> None:
    values = torch.zeros(64 * 2**20, dtype=torch.uint8).view(torch.float32).reshape(-1, 256)
    torch.save({"x": values}, tmp_path / "zip")
    torch.save({"x": values}, tmp_path / "old", _use_new_zipfile_serialization=False)
    numpy.savez(tmp_path / "stored.npz", x=values.numpy())
    del values
    for name in ("zip", "old", "stored.npz"):
        before, begun = resident(), time.process_time()
        (found,) = open_path(tmp_path / name).arrays
        if name != "stored.npz":  # numpy leaves members unaligned, so their rows are copied
            found.whole()
        found.rows(5, 10)
        assert time.process_time() - begun < 0.5, name
        assert resident() - before < 16 * 2**20, name


# Law: opening touches no tensor's bytes: they may be anything at all.
def test_open_reads_no_data(tmp_path: Path) -> None:
    path = tmp_path / "a"
    torch.save({"x": torch.zeros(1000)}, path)
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo(f"{_root(archive)}data/0").header_offset
    data = bytearray(path.read_bytes())
    data[offset + 1000 : offset + 2000] = b"\xff" * 1000
    path.write_bytes(data)
    assert arrays(path)["x"].shape == (1000,)


# Law: a file that becomes shorter after it was opened is an error, not the end of the process.
def test_shrinking_file(tmp_path: Path) -> None:
    numpy.save(tmp_path / "x.npy", numpy.zeros((100, 100)))
    (found,) = open_path(tmp_path / "x.npy").arrays
    os.truncate(tmp_path / "x.npy", 1000)
    with pytest.raises(InputError) as caught:
        found.rows(50, 60)
    assert caught.value.slug == "file-changed"


# Law: a file that is gone after it was opened is an error of ours too.
def test_removed_file(tmp_path: Path) -> None:
    numpy.save(tmp_path / "x.npy", numpy.zeros((100, 100)))
    (found,) = open_path(tmp_path / "x.npy").arrays
    (tmp_path / "x.npy").unlink()
    with pytest.raises(InputError):
        found.whole()


def _root(archive: zipfile.ZipFile) -> str:
    return next(name for name in archive.namelist() if name.endswith("data.pkl"))[:-8]
