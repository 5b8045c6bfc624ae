"""Cut and flipped files: the arrays that were written, or an input error, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import WRITERS

GUARDED = frozenset({"hdf5"})


def survives(path: Path, data: bytes) -> bool:
    """Whether the damaged file still opens and every array of it can be read."""
    path.write_bytes(data)
    try:
        for array in open_path(path).arrays:
            rows = array.whole()
            assert tuple(rows.shape) == array.shape
            array.rows(0, 2)
    except InputError as error:
        assert error.slug and error.message.isprintable()
        return False
    return True


def heads(data: bytes, kind: str) -> Iterator[int]:
    """Positions in the parts that are not plain data: the start and the end of a file.

    Every file of a guarded format starts a process, so that fewer of them have to do.
    """
    step = 61 if kind in GUARDED else 1
    yield from range(0, min(len(data), 900), step)
    yield from range(max(900, len(data) - 900), len(data), step)


# Law: a file cut anywhere is refused.
@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_truncation(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    WRITERS[kind](path)
    data = path.read_bytes()
    assert survives(path, data)
    assert not [length for length in heads(data, kind) if survives(path, data[:length])]


# Law: one flipped bit in what describes the data never ends in another kind of error.
@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_bit_flips(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    WRITERS[kind](path)
    data = path.read_bytes()
    for number, position in enumerate(heads(data, kind)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (number * 5 % 8)
        survives(path, bytes(damaged))


# Law: in a zip, whose structure carries checksums, a surviving flip left the arrays as they were.
@pytest.mark.parametrize("kind", ["torch", "npz", "npz-compressed"])
def test_bit_flips_in_a_zip_change_no_description(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    WRITERS[kind](path)
    data = path.read_bytes()
    expected = {(array.shape, array.dtype) for array in open_path(path).arrays}
    end = data.index(b"PK\x01\x02")
    for position in range(end, len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << (position % 8)
        if survives(path, bytes(damaged)):
            assert {(array.shape, array.dtype) for array in open_path(path).arrays} == expected
