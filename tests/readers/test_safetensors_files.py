"""Safetensors: what is written comes back, and a header that lies does not get far."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import arrays, plain

DTYPES = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint64",
    "uint32",
    "uint16",
    "uint8",
    "bool",
    "float8_e4m3fn",
    "float8_e5m2",
]


def write(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


# Law: every dtype comes back under its name, with its values, in its own type.
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(tmp_path: Path, dtype: str) -> None:
    values = torch.tensor([[0, 1, 1], [1, 0, 1], [1, 1, 1]]).to(getattr(torch, dtype))
    save_file({"x": values}, tmp_path / "a")
    found = arrays(tmp_path / "a")["x"]
    rows = found.rows(1, 3)
    assert (found.dtype, found.shape, found.format) == (dtype, (3, 3), "safetensors")
    assert isinstance(rows, torch.Tensor) and rows.dtype == values.dtype
    assert (plain(rows) == plain(values[1:3])).all()


# Law: arrays without dimensions and without elements are arrays too.
def test_scalar_and_empty(tmp_path: Path) -> None:
    save_file({"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}, tmp_path / "a")
    found = arrays(tmp_path / "a")
    assert float(found["scalar"].whole()) == 2.5 and found["scalar"].shape == ()
    assert tuple(found["empty"].whole().shape) == (0, 3)


# Law: the strings of the header's metadata are facts of the file.
def test_metadata(tmp_path: Path) -> None:
    save_file({"x": torch.ones(1)}, tmp_path / "a", {"format": "pt"})
    assert open_path(tmp_path / "a").metadata == {"format": "pt"}


# Law: rows are mapped, not copied, and nothing but these rows.
def test_rows_are_not_copied(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(64, 64)}, tmp_path / "a")
    rows = arrays(tmp_path / "a")["x"].rows(8, 16)
    assert isinstance(rows, torch.Tensor)
    assert rows.untyped_storage().nbytes() == 8 * 64 * 4


# Law: a type without a plain form is left out and named; the others are read.
def test_unknown_type_is_left_out(tmp_path: Path) -> None:
    header = {"a": entry(0, 4, [1]), "odd": entry(4, 5, [2], "F4")}
    opened = open_path(write(tmp_path / "a", header, b"\0" * 5))
    assert [array.key for array in opened.arrays] == ["a"]
    assert opened.notices[0].slug == "objects-ignored" and "odd" in opened.notices[0].message


BAD = {
    "overlap": {"a": entry(0, 8, [2]), "b": entry(4, 12, [2])},
    "gap": {"a": entry(0, 4, [1]), "b": entry(8, 12, [1])},
    "shape bomb": {"a": entry(0, 12, [10**15])},
    "beyond the file": {"a": entry(0, 4 * 10**15, [10**15])},
    "negative": {"a": entry(-4, 12, [4])},
    "negative shape": {"a": entry(0, 12, [-3, -1])},
    "float shape": {"a": {"dtype": "F32", "shape": [3.0], "data_offsets": [0, 12]}},
    "boolean offsets": {"a": {"dtype": "F32", "shape": [0], "data_offsets": [False, True]}},
    "no offsets": {"a": {"dtype": "F32", "shape": [3]}},
    "not an object": {"a": 3},
    "no elements, endless rows": {"a": entry(0, 0, [10**12, 0]), "b": entry(0, 12, [3])},
    "deep": b"{" + b'"a":[' * 50_000,
    "twice": b'{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},'
    b'"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}',
    "half a surrogate": b'{"\\ud800":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}',
    "long number": b'{"a":{"dtype":"F32","shape":[' + b"9" * 10_000 + b'],"data_offsets":[0,12]}}',
}


# Law: a header that contradicts itself or the file is refused, whatever it says.
@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_headers(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        open_path(write(tmp_path / "a", BAD[name], b"\0" * 12))
    assert caught.value.slug in ("file-corrupt", "file-truncated", "shape-invalid")


# Law: a length prefix beyond the file is a truncated file, and nothing of that size is allocated.
def test_length_bomb(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_path(write(tmp_path / "a", {"a": entry(0, 4, [1])}, length=99_999_999))
    assert caught.value.slug == "file-truncated" and "100000007" in caught.value.message


# Law: bytes behind the last tensor are as wrong as missing ones.
def test_trailing_bytes(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_path(write(tmp_path / "a", {"a": entry(0, 4, [1])}, b"\0" * 5))
    assert caught.value.slug == "file-corrupt"


# Law: an array's name can not write to the terminal through an error.
def test_escapes_in_keys(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_path(write(tmp_path / "a", {"\x1b[2J": entry(0, 4, [9])}, b"\0" * 4))
    assert caught.value.message.isprintable()
