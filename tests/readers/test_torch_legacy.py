"""Torch files from before the zip format, and plain pickles."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy
import pytest
import torch

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import FEATURES, LABELS, arrays, plain

DTYPES = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
]


# Law: every dtype comes back under its name, with its values, in its own type.
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(tmp_path: Path, dtype: str) -> None:
    values = torch.tensor([[0, 1, 1], [1, 0, 1], [1, 1, 1]]).to(getattr(torch, dtype))
    content = {"before": FEATURES, "x": values, "after": LABELS}
    torch.save(content, tmp_path / "a", _use_new_zipfile_serialization=False)
    found = arrays(tmp_path / "a")
    rows = found["x"].rows(1, 3)
    assert (found["x"].dtype, found["x"].format) == (dtype, "torch-legacy")
    assert isinstance(rows, torch.Tensor) and rows.dtype == values.dtype
    assert (plain(rows) == plain(values[1:3])).all()
    assert (plain(found["before"].whole()) == plain(FEATURES)).all()
    assert (plain(found["after"].whole()) == plain(LABELS)).all()


# Law: tensors that share a storage share it in the file, and views keep their shape.
def test_shared_storage(tmp_path: Path) -> None:
    content = {"x": FEATURES, "t": FEATURES.T, "part": FEATURES[2:4]}
    torch.save(content, tmp_path / "a", _use_new_zipfile_serialization=False)
    for key, value in content.items():
        assert (plain(arrays(tmp_path / "a")[key].whole()) == plain(value)).all()


# Law: a plain pickle of numpy and torch arrays is read in every protocol since the second.
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles(tmp_path: Path, protocol: int) -> None:
    content = {
        "features": numpy.arange(600.0).reshape(200, 3),
        "fortran": numpy.asfortranarray(numpy.arange(600.0).reshape(200, 3)),
        "labels": numpy.arange(200),
        "names": numpy.array(["a", "bc"]),
        "epoch": 7,
    }
    if protocol > 2:
        content["tensor"] = FEATURES.T
    (tmp_path / "a").write_bytes(pickle.dumps(content, protocol))
    opened = open_path(tmp_path / "a")
    assert opened.metadata == {"epoch": 7} and opened.format == "pickle"
    for array in opened.arrays:
        expected = content[array.key]
        assert (plain(array.whole()) == plain(expected)).all()
        assert (plain(array.rows(1, 2)) == plain(expected)[1:2]).all()
    assert len(opened.arrays) == len(content) - 1


# Law: a storage that claims more than the file has is refused without allocating it.
def test_forged_count(tmp_path: Path) -> None:
    path = tmp_path / "a"
    torch.save(FEATURES, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    count = (24).to_bytes(8, "little")
    at = data.rindex(count)
    path.write_bytes(data[:at] + (2**50).to_bytes(8, "little") + data[at + 8 :])
    with pytest.raises(InputError) as caught:
        open_path(path)
    assert caught.value.slug == "file-corrupt"
