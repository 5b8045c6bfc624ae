"""MATLAB 7.3: turned around, without single dimensions, text and cells named and left out."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nctool
from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.hdf5_samples import HEADER, matlab
from tests.readers.readers_help import arrays, plain

CODES = "f8 f4 i1 i2 i4 i8 u1 u2 u4 u8 ?".split()


# Law: every class comes back as MATLAB shows it, rows first, under its own type.
@pytest.mark.parametrize("code", CODES)
def test_types(tmp_path: Path, code: str) -> None:
    values = numpy.array([[1, 0, 1, 2], [0, 1, 1, 0], [1, 1, 1, 3]]).astype(code)
    array = arrays(matlab(tmp_path / "a", x=values))["x"]
    assert (array.shape, array.dtype) == ((3, 4), values.dtype.name)
    rows = array.rows(1, 3)
    assert isinstance(rows, torch.Tensor) and rows.is_contiguous()
    assert (plain(rows) == values[1:3]).all() and (plain(array.whole()) == values).all()


# Law: any shape, packed or not, comes back as it was in MATLAB; vectors and numbers as such.
@settings(max_examples=15, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    packed=st.booleans(),
    begin=st.integers(0, 5),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, shape: list[int], packed: bool, begin: int
) -> None:
    path = tmp_path_factory.mktemp("m") / "a"
    values = numpy.arange(numpy.prod(shape), dtype="f8").reshape(shape)
    with h5py.File(path, "w", userblock_size=512) as file:
        ways = {"chunks": (1,) * len(shape), "compression": "gzip"} if packed else {}
        file.create_dataset("x", data=values.T, **ways).attrs["MATLAB_class"] = b"double"
    with path.open("r+b") as raw:
        raw.write(HEADER)
    if len(shape) == 2 and 1 in shape:
        values = values.reshape(-1 if values.size > 1 else ())
    array = arrays(path)["x"]
    assert array.shape == values.shape
    assert (plain(array.whole()) == values).all()
    if values.shape:
        assert (plain(array.rows(begin, begin + 2)) == values[begin : begin + 2]).all()


# Law: fields of a struct are joined by dots; a number called epoch is the moment.
def test_structs(tmp_path: Path) -> None:
    path = matlab(
        tmp_path / "a", run__features=numpy.ones((3, 2)), run__deep__y=numpy.ones(3),
        epoch=numpy.array(7.0),
    )  # fmt: skip
    opened = open_path(path)
    assert sorted(array.key for array in opened.arrays) == ["epoch", "run.deep.y", "run.features"]
    assert opened.metadata == {"epoch": 7}


# Law: text, cells, objects, sparse and empty arrays are named; what they refer to is not listed.
def test_left_out(tmp_path: Path) -> None:
    path = matlab(tmp_path / "a", x=numpy.ones((2, 2)))
    with h5py.File(path, "a") as file:
        for name, title in {"word": "char", "f": "function_handle", "none": "double"}.items():
            file[name] = numpy.ones((2, 1), dtype="u2")
            file[name].attrs["MATLAB_class"] = numpy.bytes_(title)
        file["none"].attrs["MATLAB_empty"] = 1
        file["#refs#/a"] = numpy.ones(3)
        file.create_dataset("cell", (2, 1), h5py.ref_dtype).attrs["MATLAB_class"] = b"cell"
        file["sparse/data"] = numpy.ones(3)
        file["sparse"].attrs["MATLAB_sparse"] = 4
    opened = open_path(path)
    (notice,) = opened.notices
    assert [array.key for array in opened.arrays] == ["x"] and notice.data["count"] == 5
    assert "cell array" in notice.message


# Law: complex numbers are pairs of parts.
def test_complex(tmp_path: Path) -> None:
    pair = numpy.dtype([("real", "f8"), ("imag", "f8")])
    path = matlab(tmp_path / "a", x=numpy.ones(2))
    with h5py.File(path, "a") as file:
        file["z"] = numpy.array([[(1, 2)], [(3, -4)]], dtype=pair)
    assert plain(arrays(path)["z"].whole()).tolist() == [1 + 2j, 3 - 4j]


# Law: a file that is only a header, or was cut off, is refused.
@pytest.mark.parametrize("size", [120, 512, 515, 700, 2000])
def test_cut(tmp_path: Path, size: int) -> None:
    path = matlab(tmp_path / "a", x=numpy.ones((9, 9)))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError):
        open_path(path)


# Law: features and labels from MATLAB measure as from an .npz, bit for bit.
def test_analysis(tmp_path: Path) -> None:
    random = numpy.random.default_rng(1)
    labels = numpy.arange(60) % 3
    features = (numpy.eye(5)[labels] + random.normal(size=(60, 5)) / 9).astype("f4")
    numpy.savez(tmp_path / "a.npz", features=features, labels=labels)
    matlab(tmp_path / "a.mat", features=features, labels=labels)
    ours, theirs = (nctool.analyze(tmp_path / f"a.{end}") for end in ("mat", "npz"))
    assert ours.digest == theirs.digest
