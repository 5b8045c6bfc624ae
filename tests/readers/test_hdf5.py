"""HDF5 files against h5py, which wrote them: every type, layout, index and filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nctool
from nctool.readers import open_path
from nctool.readers.shared.hdf5.source import checksum
from tests.readers.readers_help import arrays, plain

CODES = (
    "<f8 >f8 <f4 >f4 <f2 >f2 <i8 >i8 <i4 >i4 <i2 i1 <u8 <u4 >u4 <u2 u1 ? <c8 <c16 >c16"
).split()
VALUES = numpy.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]])
VERSIONS = ("earliest", "v108", "v110", "latest")


# Law: every type comes back under its native name, in one piece and in chunks, whole and by rows.
@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("code", CODES)
def test_types(tmp_path: Path, code: str, version: str) -> None:
    values = VALUES.astype(code)
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        file["plain"] = values
        file.create_dataset("packed", data=values, chunks=(3, 2), compression="gzip")
        file["scalar"] = values[0, 0]
    found = arrays(tmp_path / "a")
    for key in ("plain", "packed"):
        array = found[key]
        assert (array.dtype, array.shape) == (values.dtype.newbyteorder("=").name, (4, 3))
        rows = array.rows(1, 3)
        assert isinstance(rows, torch.Tensor) and str(rows.dtype) == f"torch.{array.dtype}"
        assert (plain(rows) == values[1:3]).all() and (plain(array.whole()) == values).all()
    assert found["scalar"].shape == () and plain(found["scalar"].whole()) == values[0, 0]


# Law: formats of floats that numpy has no name for come back as torch's.
@pytest.mark.parametrize(
    ("dtype", "size", "fields", "bias"),
    [
        ("bfloat16", 2, (15, 7, 8, 0, 7), 127),
        ("float8_e4m3fn", 1, (7, 3, 4, 0, 3), 7),
        ("float8_e5m2", 1, (7, 2, 5, 0, 2), 15),
    ],
)
def test_short_floats(
    tmp_path: Path, dtype: str, size: int, fields: tuple[int, ...], bias: int
) -> None:
    values = torch.tensor([1.0, -2.0, 0.5, 12.0]).to(getattr(torch, dtype))
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(*fields)
    kind.set_size(size)
    kind.set_ebias(bias)
    bits = values.view(torch.uint16 if size == 2 else torch.uint8).numpy()
    with h5py.File(tmp_path / "a", "w") as file:
        made = h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((4,)))
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, bits, kind)
    found = arrays(tmp_path / "a")["x"]
    assert found.dtype == dtype and (plain(found.whole()) == plain(values)).all()


SIZES = st.integers(1, 12)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, tuple[int, ...], dict[str, object]]:
    """A version of the format, a shape, and any way to store it."""
    shape = tuple(draw(st.lists(SIZES, min_size=1, max_size=3)))
    chunks = tuple(draw(st.integers(1, size)) for size in shape)
    growth = [st.sampled_from([size, size + 7, None]) for size in shape]
    ways: dict[str, object] = {
        "chunks": chunks,
        "maxshape": tuple(draw(one) for one in growth),
        "compression": draw(st.sampled_from([None, "gzip", "lzf"])),
        "shuffle": draw(st.booleans()),
        "fletcher32": draw(st.booleans()),
    }
    if draw(st.integers(0, 3)) == 0:
        ways = {}
    ways["fillvalue"] = draw(st.sampled_from([None, 3]))
    return draw(st.sampled_from(VERSIONS)), shape, ways


# Law: whatever h5py stores in whichever way, the same rows are read here, holes included.
@settings(max_examples=50, deadline=None)
@given(layouts(), st.data())
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    layout: tuple[str, tuple[int, ...], dict[str, object]],
    data: st.DataObject,
) -> None:
    version, shape, ways = layout
    path = tmp_path_factory.mktemp("h") / "a"
    written, begin = data.draw(st.integers(0, shape[0])), data.draw(st.integers(0, shape[0]))
    values = numpy.arange(numpy.prod(shape), dtype="f4").reshape(shape)
    with h5py.File(path, "w", libver=version) as file:
        made = file.create_dataset("x", shape, "f4", **ways)
        if written:
            made[:written] = values[:written]
        expected = made[()]
    found = arrays(path)["x"]
    assert (plain(found.whole()) == expected).all()
    rows = plain(found.rows(begin, begin + 3))
    assert rows.shape == expected[begin : begin + 3].shape
    assert (rows == expected[begin : begin + 3]).all()


# Law: indexes with thousands of chunks, in pages and in blocks of blocks, are read whole.
@pytest.mark.parametrize("most", [(5000, 2), (None, 2), (None, None)])
@pytest.mark.parametrize("version", ["earliest", "v110", "latest"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_many_chunks(
    tmp_path: Path, most: tuple[int | None, ...], version: str, compression: str | None
) -> None:
    values = numpy.arange(10_000, dtype="i4").reshape(5000, 2)
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        made = file.create_dataset(
            "x", (5000, 2), "i4", chunks=(2, 2), maxshape=most, compression=compression
        )
        made[:10], made[2900:] = values[:10], values[2900:]
        expected = made[()]
    found = arrays(tmp_path / "a")["x"]
    assert (plain(found.whole()) == expected).all()
    assert (plain(found.rows(4000, 4003)) == expected[4000:4003]).all()


# Law: blocks of an index that are cut into pages, most of them never written, are counted right.
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_pages(tmp_path: Path, compression: str | None) -> None:
    with h5py.File(tmp_path / "a", "w", libver="v110") as file:
        made = file.create_dataset(
            "x", (400_000,), "u1", chunks=(1,), maxshape=(None,), compression=compression
        )
        for begin in (0, 1000, 150_000, 399_990):
            made[begin : begin + 9] = range(1, 10)
    found = arrays(tmp_path / "a")["x"]
    rows = plain(found.whole())
    assert (rows.nonzero()[0][::9] == [0, 1000, 150_000, 399_990]).all()
    assert rows.sum() == 4 * 45 and plain(found.rows(150_003, 150_005)).tolist() == [4, 5]


# Law: chunks that were made room for at once, without an index, are found by counting.
def test_implicit_index(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w", libver="v110") as file:
        ways = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        ways.set_chunk((2, 3))
        ways.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        space = h5py.h5s.create_simple((5, 7), (6, 12))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_FLOAT, space, ways)
        file["x"][...] = numpy.arange(35).reshape(5, 7)
    assert (plain(arrays(tmp_path / "a")["x"].whole()).ravel() == numpy.arange(35)).all()


# Law: chunks at an edge may be left unpacked, as a flag says that h5py cannot set.
def test_unfiltered_edges(tmp_path: Path) -> None:
    values = numpy.arange(6, dtype="f4")
    with h5py.File(tmp_path / "a", "w", libver="v110") as file:
        made = file.create_dataset("x", (6,), "f4", chunks=(4,), compression="gzip")
        made[:4] = values[:4]
        made.id.write_direct_chunk((4,), numpy.append(values[4:], [0, 0]).astype("f4").tobytes())
    content = bytearray((tmp_path / "a").read_bytes())
    flag = content.index(b"\x04\x02\x00\x02") + 2
    content[flag] = 1
    begin = content.rindex(b"OHDR", 0, flag)
    end = next(
        end
        for end in range(flag, begin + 600)
        if checksum(bytes(content[begin:flag] + b"\0" + content[flag + 1 : end]))
        == int.from_bytes(content[end : end + 4], "little")
    )
    content[end : end + 4] = checksum(bytes(content[begin:end])).to_bytes(4, "little")
    (tmp_path / "a").write_bytes(content)
    assert (plain(arrays(tmp_path / "a")["x"].whole()) == values).all()
    with h5py.File(tmp_path / "a") as file:
        assert (file["x"][()] == values).all()


# Law: arrays that shrank or grew have the rows they have now.
@pytest.mark.parametrize("rows", [3, 40])
@pytest.mark.parametrize("version", VERSIONS)
def test_resized(tmp_path: Path, rows: int, version: str) -> None:
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        made = file.create_dataset("x", data=numpy.ones((9, 3)), maxshape=(None, 3), chunks=(2, 2))
        made.resize((rows, 3))
    found = plain(arrays(tmp_path / "a")["x"].whole())
    assert found.shape == (rows, 3) and found.sum() == 3 * min(rows, 9)


# Law: text of any kind is numpy text, by rows too.
def test_text(tmp_path: Path) -> None:
    words = ["cat", "Ärger", "", "a long word"]
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("any", data=words, dtype=h5py.string_dtype())
        file.create_dataset("chunks", data=words, dtype=h5py.string_dtype(), chunks=(2,))
        file["fixed"] = numpy.array([word.encode() for word in words])
        file.create_dataset("unwritten", (3,), h5py.string_dtype())
    found = arrays(tmp_path / "a")
    for key in ("any", "chunks", "fixed"):
        assert found[key].dtype == "str" and found[key].whole().tolist() == words
        assert found[key].rows(1, 3).tolist() == words[1:3]
    assert found["unwritten"].whole().tolist() == ["", "", ""]


# Law: groups of any size and version are walked, and keys are paths as h5py has them.
@pytest.mark.parametrize("count", [0, 3, 9, 400])
@pytest.mark.parametrize("version", VERSIONS)
def test_groups(tmp_path: Path, count: int, version: str) -> None:
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        for number in range(count):
            file[f"a/b{number}/x"] = number
        keys: list[str] = []
        file.visititems(lambda key, one: keys.append(key) if hasattr(one, "shape") else None)
    found = arrays(tmp_path / "a")
    assert sorted(found) == sorted(keys) and len(keys) == count
    assert all(int(plain(found[f"a/b{one}/x"].whole())) == one for one in range(0, count, 99))


# Law: numbers and text at the root are facts; the moment of training is found in scalars too.
@pytest.mark.parametrize("version", VERSIONS)
def test_facts(tmp_path: Path, version: str) -> None:
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        file["x"], file["global_step"] = numpy.ones(3), 700
        said = {"epoch": 5, "note": "ä", "rate": 0.5, "done": True, "code": numpy.bytes_(b"z")}
        for name, value in {**said, "many": [1, 2], "long": "x" * 9999}.items():
            file.attrs[name] = value
        for number in range(20):
            file["x"].attrs[str(number)] = number
    expected = {**said, "code": "z", "global_step": 700}
    assert open_path(tmp_path / "a").metadata == expected


# Law: a named type is as good as one of the array's own.
def test_named_type(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file["kind"] = numpy.dtype("f4")
        file.create_dataset("x", data=[1.0, 2.0], dtype=file["kind"])
    found = arrays(tmp_path / "a")
    assert list(found) == ["x"] and plain(found["x"].whole()).tolist() == [1, 2]


# Law: bytes of the user's own may stand before the file.
@pytest.mark.parametrize("size", [512, 2048])
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_user_block(tmp_path: Path, size: int, version: str) -> None:
    with h5py.File(tmp_path / "a", "w", userblock_size=size, libver=version) as file:
        file["x"] = VALUES
    assert (plain(arrays(tmp_path / "a")["x"].whole()) == VALUES).all()


# Law: what torch has no form of is named and left out; the rest is read.
def test_left_out(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file["x"] = numpy.ones(3)
        file["records"] = numpy.zeros(3, dtype=[("a", "f4"), ("b", "i4"), ("c", "i4")])
        file["pair"] = numpy.zeros(3, dtype=[("a", "f4"), ("b", "i4")])
        file["opaque"] = numpy.zeros(3, dtype="V7")
        file["two"] = numpy.zeros(3, dtype="V2")
        file["inner"] = numpy.zeros(3, dtype=("f4", (2,)))
        file.create_dataset("lists", (3,), h5py.vlen_dtype("f4"))
        file.create_dataset("refs", (3,), h5py.ref_dtype)
        file.create_dataset("scaled", data=numpy.arange(9), chunks=(3,), scaleoffset=2)
        file.create_dataset("none", data=h5py.Empty("f4"))
        file["soft"] = h5py.SoftLink("/x")
    opened = open_path(tmp_path / "a")
    (notice,) = opened.notices
    assert sorted(one.key for one in opened.arrays) == ["inner", "x"]
    assert notice.slug == "objects-ignored" and notice.data["count"] == 9
    assert "scale-offset" in str(notice.data["names"])


# Law: the hash is Bob Jenkins' own, as his test values have it.
def test_checksum() -> None:
    assert checksum(b"") == 0xDEADBEEF
    assert checksum(b"Four score and seven years ago") == 0x17770551


# Law: a file of HDF5 measures as the same arrays do in an .npz, bit for bit.
def test_analysis(tmp_path: Path) -> None:
    random = numpy.random.default_rng(0)
    labels = numpy.arange(60) % 3
    found: dict[str, Any] = {
        "features": (numpy.eye(5)[labels] + random.normal(size=(60, 5)) / 9).astype("f4"),
        "labels": labels,
        "weight": random.normal(size=(3, 5)).astype("f4"),
    }
    numpy.savez(tmp_path / "a.npz", **found)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for key, value in found.items():
            file.create_dataset(key, data=value, chunks=True, compression="gzip")
    ours, theirs = (nctool.analyze(tmp_path / f"a.{end}") for end in ("h5", "npz"))
    assert ours.digest == theirs.digest and ours["nc1.pinv"].value is not None
