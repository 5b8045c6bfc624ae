"""Numpy files: every plain type, in place where that is possible, and no header believed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy
import pytest
import torch

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import arrays, plain

CODES = [
    "<f8",
    "<f4",
    "<f2",
    ">f8",
    ">f4",
    ">f2",
    "<i8",
    "<i4",
    "<i2",
    "i1",
    ">i8",
    ">i4",
    ">i2",
    "<u8",
    "<u4",
    "<u2",
    "u1",
    ">u8",
    ">u4",
    ">u2",
    "?",
    "<c8",
    "<c16",
]
VALUES = numpy.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]])


def header(text: str, version: int = 1, length: int | None = None) -> bytes:
    content = text.encode() + b"\n"
    size = len(content) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + size.to_bytes(2 * version, "little") + content


def described(shape: object, code: object = "<f4", fortran: object = False) -> str:
    return f"{{'descr': {code!r}, 'fortran_order': {fortran!r}, 'shape': {shape!r}, }}"


# Law: every type and order comes back under its native name, whole and by rows, in all containers.
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("code", CODES)
def test_round_trip(tmp_path: Path, code: str, order: str) -> None:
    values = numpy.array(VALUES, dtype=code, order="F" if order == "F" else "C")
    numpy.save(tmp_path / "x.npy", values)
    numpy.savez(tmp_path / "stored.npz", x=values)
    numpy.savez_compressed(tmp_path / "packed.npz", x=values)
    for name in ("x.npy", "stored.npz", "packed.npz"):
        found = arrays(tmp_path / name)["x"]
        assert (found.dtype, found.shape) == (values.dtype.newbyteorder("=").name, (4, 3))
        rows = found.rows(1, 3)
        assert isinstance(rows, torch.Tensor) and str(rows.dtype) == f"torch.{found.dtype}"
        assert (plain(rows) == values[1:3]).all()
        assert (plain(found.whole()) == values).all()


# Law: text comes back as numpy text, whether it was saved as characters or as bytes.
@pytest.mark.parametrize("code", ["<U5", ">U5", "S5"])
def test_text(tmp_path: Path, code: str) -> None:
    numpy.save(tmp_path / "x.npy", numpy.array(["cat", "dog", "horse"]).astype(code))
    found = arrays(tmp_path / "x.npy")["x"]
    rows = found.rows(1, 3)
    assert found.dtype == "str" and isinstance(rows, numpy.ndarray)
    assert rows.dtype.kind == "U" and rows.tolist() == ["dog", "horse"]


# Law: a single number and an array without rows are arrays.
def test_scalar_and_empty(tmp_path: Path) -> None:
    numpy.savez(tmp_path / "x.npz", scalar=numpy.float32(2.5), empty=numpy.zeros((0, 3)))
    found = arrays(tmp_path / "x.npz")
    assert found["scalar"].shape == () and float(plain(found["scalar"].whole())) == 2.5
    assert plain(found["empty"].whole()).shape == (0, 3)


# Law: rows of a .npy lie in the mapped file; changing them changes neither file nor reader.
def test_rows_are_mapped_privately(tmp_path: Path) -> None:
    numpy.save(tmp_path / "x.npy", numpy.ones((100, 10), dtype="float32"))
    found = arrays(tmp_path / "x.npy")["x"]
    rows = found.rows(10, 20)
    assert isinstance(rows, torch.Tensor) and rows.untyped_storage().nbytes() == 400
    rows.zero_()
    assert (plain(arrays(tmp_path / "x.npy")["x"].whole()) == 1).all()


# Law: a folder of arrays is one source: names of files, and of members behind their file.
def test_folder(tmp_path: Path) -> None:
    numpy.save(tmp_path / "features.npy", VALUES)
    numpy.savez(tmp_path / "more.npz", labels=VALUES[0])
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "model.pt").write_bytes(b"x")
    opened = open_path(tmp_path)
    assert [array.key for array in opened.arrays] == ["features", "more.labels"]
    assert opened.format == "numpy-folder"
    (notice,) = opened.notices
    assert notice.slug == "files-ignored" and "model.pt" in notice.message


# Law: types that need code or guessing are refused by name, with the line that helps.
@pytest.mark.parametrize(
    ("slug", "values"),
    [
        ("npy-object", numpy.array([{}, 1], dtype=object)),
        ("npy-bfloat16", numpy.zeros(3, dtype="V2")),
        ("npy-structured", numpy.zeros(3, dtype=[("a", "f4"), ("b", "i4")])),
        ("npy-dtype", numpy.array(["2020-01-01"], dtype="M8[D]")),
        ("npy-dtype", numpy.zeros(3, dtype="longdouble")),
    ],
)
def test_refused_types(tmp_path: Path, slug: str, values: numpy.ndarray) -> None:
    numpy.save(tmp_path / "x.npy", values, allow_pickle=True)
    numpy.savez(tmp_path / "x.npz", x=values)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(InputError) as caught:
            open_path(tmp_path / name)
        assert caught.value.slug == slug and "numpy.save" in caught.value.hint


# Law: one member of a refused type does not make the others of an .npz unreadable.
def test_other_members_survive(tmp_path: Path) -> None:
    numpy.savez(tmp_path / "x.npz", a=VALUES, b=numpy.array([{}], dtype=object))
    opened = open_path(tmp_path / "x.npz")
    assert [array.key for array in opened.arrays] == ["a"]
    assert opened.notices[0].slug == "objects-ignored"


# Law: compressed members are said to cost memory.
def test_compressed_members_are_announced(tmp_path: Path) -> None:
    numpy.savez_compressed(tmp_path / "x.npz", a=VALUES)
    assert [notice.slug for notice in open_path(tmp_path / "x.npz").notices] == ["npz-compressed"]


BOMBS = {
    "shape": header(described((10**12, 10**6))),
    "shape times zero": header(described((10**15, 0))),
    "negative": header(described((-1,))),
    "two negatives": header(described((-3, -1))),
    "many axes": header(described((1,) * 40)),
    "overflow": header(described((2**62, 4))),
    "shape of floats": header(described((3.0,))),
    "shape of flags": header(described((True, 3))),
    "shape no tuple": header(described([3])),
    "order no flag": header(described((3,), fortran=1)),
    "text without width": header(described((10**12,), "<U0")),
    "wide text": header(described((10**9,), "<U9999999")),
    "header length": header(described((3,)), length=65535),
    "header length 4": header(described((3,)), version=2, length=2**32 - 1),
    "version": b"\x93NUMPY\x09\0" + header(described((3,)))[8:],
    "a call": header("__import__('os').system('true')"),
    "deep": header("(" * 9000),
    "deep signs": header("-" * 9000 + "1"),
    "missing field": header("{'descr': '<f4', 'shape': (3,)}"),
    "nothing": header(""),
}


# Law: a header that lies or is no header is refused in every container before it costs memory.
@pytest.mark.parametrize("container", ["npy", "stored", "packed"])
@pytest.mark.parametrize("name", sorted(BOMBS))
def test_bombs(tmp_path: Path, name: str, container: str) -> None:
    path, content = tmp_path / "x", BOMBS[name] + bytes(12)
    if container == "npy":
        path.write_bytes(content)
    else:
        method = zipfile.ZIP_STORED if container == "stored" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("x.npy", content)
    with pytest.raises(InputError):
        open_path(path)


# Law: a zip whose directory claims other sizes than it stores is refused.
@pytest.mark.parametrize("claimed", [0, 100, 2**31])
@pytest.mark.parametrize("field", [20, 24])
@pytest.mark.parametrize("packed", [False, True])
def test_forged_zip_sizes(tmp_path: Path, claimed: int, field: int, packed: bool) -> None:
    path = tmp_path / "x"
    values = numpy.arange(300.0)
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    numpy.save(tmp_path / "x.npy", values)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.write(tmp_path / "x.npy", "x.npy")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + field
    data[at : at + 4] = claimed.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(InputError):
        arrays(path)["x"].whole()


# Law: the compressed content is checked against its checksum when it is read.
def test_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    numpy.savez_compressed(path, x=numpy.random.default_rng(0).integers(0, 255, 4000))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError):
        arrays(path)["x"].whole()
