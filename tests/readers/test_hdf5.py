"""HDF5 files against h5py, which wrote them: every type, layout, index and filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nctool
from nctool.core import extras
from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.hdf5_samples import data, keras, matlab
from tests.readers.readers_help import arrays, plain

CODES = (
    "<f8 >f8 <f4 >f4 <f2 >f2 <i8 >i8 <i4 >i4 <i2 i1 <u8 <u4 >u4 <u2 u1 ? <c8 <c16 >c16"
).split()
VALUES = numpy.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]])
FILTERS: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "lzf": {"compression": "lzf"},
    "scale-offset": {"scaleoffset": 12},
    "blosc": hdf5plugin.Blosc(),
    "blosc2": hdf5plugin.Blosc2(),
    "zstandard": hdf5plugin.Zstd(),
    "lz4": hdf5plugin.LZ4(),
    "bitshuffle": hdf5plugin.Bitshuffle(),
    "bzip2": hdf5plugin.BZip2(),
}
VERSIONS = ("earliest", "v108", "v110", "latest")


# Law: every type comes back under its native name, in one piece and in chunks, whole and by rows.
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_types(tmp_path: Path, version: str) -> None:
    every = {code: VALUES.astype(code) for code in CODES}
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        for code, values in every.items():
            file[f"{code}/plain"] = values
            ways = {"chunks": (3, 2), "compression": "gzip"}
            file.create_dataset(f"{code}/packed", data=values, **ways)
            file[f"{code}/scalar"] = values[0, 0]
    content = arrays(tmp_path / "a")
    for code, values in every.items():
        for key in ("plain", "packed"):
            array = content[f"{code}/{key}"]
            assert (array.dtype, array.shape) == (values.dtype.newbyteorder("=").name, (4, 3))
            rows = array.rows(1, 3)
            assert isinstance(rows, torch.Tensor) and str(rows.dtype) == f"torch.{array.dtype}"
            assert (plain(rows) == values[1:3]).all() and (plain(array.whole()) == values).all()
        scalar = content[f"{code}/scalar"]
        assert scalar.shape == () and plain(scalar.whole()) == values[0, 0]


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
    array = arrays(tmp_path / "a")["x"]
    assert array.dtype == dtype and (plain(array.whole()) == plain(values)).all()


SIZES = st.integers(1, 12)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, tuple[int, ...], dict[str, object]]:
    """A version of the format, a shape, and any way to store it."""
    shape = tuple(draw(st.lists(SIZES, min_size=1, max_size=3)))
    chunks = tuple(draw(st.integers(1, size)) for size in shape)
    growth = [st.sampled_from([size, size + 7, None]) for size in shape]
    ways: dict[str, object] = {
        "chunks": chunks,
        "maxshape": tuple(draw(most) for most in growth),
        "compression": draw(st.sampled_from([None, "gzip", "lzf"])),
        "shuffle": draw(st.booleans()),
        "fletcher32": draw(st.booleans()),
    }
    if draw(st.integers(0, 3)) == 0:
        ways = {}
    ways["fillvalue"] = draw(st.sampled_from([None, 3]))
    return draw(st.sampled_from(VERSIONS)), shape, ways


# Law: whatever h5py stores in whichever way, the same rows are read here, holes included.
@settings(max_examples=12, deadline=None)
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
    array = arrays(path)["x"]
    assert (plain(array.whole()) == expected).all()
    rows = plain(array.rows(begin, begin + 3))
    assert rows.shape == expected[begin : begin + 3].shape
    assert (rows == expected[begin : begin + 3]).all()


# Law: indexes with thousands of chunks, in pages and in blocks of blocks, are read whole.
@pytest.mark.parametrize("most", [(5000, 2), (None, 2), (None, None)])
@pytest.mark.parametrize(("version", "compression"), [("earliest", None), ("v110", "gzip")])
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
    array = arrays(tmp_path / "a")["x"]
    assert (plain(array.whole()) == expected).all()
    assert (plain(array.rows(4000, 4003)) == expected[4000:4003]).all()


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


# Law: arrays that shrank or grew have the rows they have now.
@pytest.mark.parametrize("rows", [3, 40])
@pytest.mark.parametrize("version", VERSIONS)
def test_resized(tmp_path: Path, rows: int, version: str) -> None:
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        made = file.create_dataset("x", data=numpy.ones((9, 3)), maxshape=(None, 3), chunks=(2, 2))
        made.resize((rows, 3))
    array = plain(arrays(tmp_path / "a")["x"].whole())
    assert array.shape == (rows, 3) and array.sum() == 3 * min(rows, 9)


# Law: text of any kind is numpy text, by rows too.
def test_text(tmp_path: Path) -> None:
    words = ["cat", "Ärger", "", "a long word"]
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("any", data=words, dtype=h5py.string_dtype())
        file.create_dataset("chunks", data=words, dtype=h5py.string_dtype(), chunks=(2,))
        file["fixed"] = numpy.array([word.encode() for word in words])
        file.create_dataset("unwritten", (3,), h5py.string_dtype())
    content = arrays(tmp_path / "a")
    for key in ("any", "chunks", "fixed"):
        assert content[key].dtype == "str" and content[key].whole().tolist() == words
        assert content[key].rows(1, 3).tolist() == words[1:3]
    assert content["unwritten"].whole().tolist() == ["", "", ""]


# Law: groups of any size and version are walked, and keys are paths as h5py has them.
@pytest.mark.parametrize("count", [0, 3, 9, 400])
@pytest.mark.parametrize("version", VERSIONS)
def test_groups(tmp_path: Path, count: int, version: str) -> None:
    with h5py.File(tmp_path / "a", "w", libver=version) as file:
        for number in range(count):
            file[f"a/b{number}/x"] = number
        keys: list[str] = []
        file.visititems(lambda key, item: keys.append(key) if hasattr(item, "shape") else None)
    content = arrays(tmp_path / "a")
    assert sorted(content) == sorted(keys) and len(keys) == count
    assert all(
        int(plain(content[f"a/b{number}/x"].whole())) == number for number in range(0, count, 99)
    )


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
    content = arrays(tmp_path / "a")
    assert list(content) == ["x"] and plain(content["x"].whole()).tolist() == [1, 2]


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
        file.create_dataset("none", data=h5py.Empty("f4"))
        file["soft"] = h5py.SoftLink("/x")
    opened = open_path(tmp_path / "a")
    (notice,) = opened.notices
    assert sorted(array.key for array in opened.arrays) == ["inner", "x"]
    assert notice.slug == "objects-ignored" and notice.data["count"] == 8
    assert "references to other objects" in str(notice.data["names"])


# Law: filters of the library, of h5py and of hdf5plugin are undone, whole and by rows.
@pytest.mark.parametrize("name", list(FILTERS))
def test_filters(tmp_path: Path, name: str) -> None:
    values = numpy.arange(2000, dtype="i4").reshape(500, 4)
    with h5py.File(tmp_path / "a", "w") as file:
        file.create_dataset("x", data=values, chunks=(100, 3), **FILTERS[name])
    array = arrays(tmp_path / "a")["x"]
    assert (plain(array.whole()) == values).all()
    assert (plain(array.rows(95, 205)) == values[95:205]).all()


# Law: integers of a few bits, which the n-bit filter packs, are spread to whole bytes.
@pytest.mark.parametrize("signed", [True, False])
def test_few_bits(tmp_path: Path, signed: bool) -> None:
    kind = (h5py.h5t.STD_I32LE if signed else h5py.h5t.STD_U32BE).copy()
    kind.set_precision(20)
    values = numpy.array([0, 7, -9 if signed else 9, 2000], "i4" if signed else "u4")
    with h5py.File(tmp_path / "a", "w") as file:
        ways = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        ways.set_chunk((2,))
        ways.set_filter(h5py.h5z.FILTER_NBIT, 0)
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(file.id, b"packed", kind, space, ways)
        h5py.h5d.create(file.id, b"plain", kind, space)
        file["packed"][...] = file["plain"][...] = values
    for array in arrays(tmp_path / "a").values():
        assert array.dtype == values.dtype.name and plain(array.whole()).tolist() == values.tolist()


def unknown_filter(path: Path) -> None:
    """An array that says it is packed by a filter which nobody has."""
    with h5py.File(path, "a") as file:
        made = file.create_dataset("packed", (4,), "i4", chunks=(4,), **hdf5plugin.LZ4())
        made[...] = range(4)
    content = path.read_bytes()
    number = (32004).to_bytes(2, "little")
    assert content.count(number) == 1
    path.write_bytes(content.replace(number, (32099).to_bytes(2, "little")))


# Law: an array that nothing here unpacks is named with its filter and the command that helps.
def test_unknown_filter(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        file["x"] = numpy.ones(3)
    unknown_filter(tmp_path / "a")
    opened = open_path(tmp_path / "a")
    assert [array.key for array in opened.arrays] == ["x"]
    notice = next(notice for notice in opened.notices if notice.slug == "filter-missing")
    assert "32099" in notice.message and "'packed'" in notice.message
    assert notice.hint == "pip install 'nctool[hdf5]'"


# Law: a file of which nothing can be unpacked is an error with that command, not an empty file.
def test_only_unknown_filters(tmp_path: Path) -> None:
    unknown_filter(tmp_path / "a")
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "a")
    assert (caught.value.slug, caught.value.exit_code) == ("extra-missing", 3)
    assert "32099" in caught.value.message and "nctool[hdf5]" in caught.value.hint


# Law: without h5py a file is one line that says what to install.
@pytest.mark.parametrize("name", ["hdf5", "matlab-7.3", "keras"])
def test_without_h5py(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "keras":
        keras(tmp_path / "a")
    else:
        matlab(tmp_path / "a", x=numpy.ones(3)) if name == "matlab-7.3" else data(tmp_path / "a")
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "a")
    assert (caught.value.slug, caught.value.exit_code) == ("extra-missing", 3)
    assert f"{name}; reading it needs h5py" in caught.value.message
    assert caught.value.hint == "pip install 'nctool[hdf5]'"


# Law: a virtual array whose sources are arrays of the same file is read.
def test_virtual(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a", "w") as file:
        layout = h5py.VirtualLayout((5, 2), "f8")
        for number in range(4):
            file.create_dataset(f"g/{number}", data=numpy.full(2, number), dtype="f8")
            layout[number] = h5py.VirtualSource(".", f"g/{number}", (2,))
        file.create_virtual_dataset("all", layout, fillvalue=-1)
        again = h5py.VirtualLayout((2, 2), "f8")
        again[:] = h5py.VirtualSource(".", "nothing", (2, 2))
        file.create_virtual_dataset("broken", again)
    opened = open_path(tmp_path / "a")
    every = {array.key: array for array in opened.arrays}
    assert plain(every["all"].rows(2, 5)).tolist() == [[2, 2], [3, 3], [-1, -1]]
    assert "broken" not in every and "virtual array" in opened.notices[0].message


# Law: a file of HDF5 measures as the same arrays do in an .npz, bit for bit.
def test_analysis(tmp_path: Path) -> None:
    random = numpy.random.default_rng(0)
    labels = numpy.arange(60) % 3
    values: dict[str, Any] = {
        "features": (numpy.eye(5)[labels] + random.normal(size=(60, 5)) / 9).astype("f4"),
        "labels": labels,
        "weight": random.normal(size=(3, 5)).astype("f4"),
    }
    numpy.savez(tmp_path / "a.npz", **values)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for key, value in values.items():
            file.create_dataset(key, data=value, chunks=True, compression="gzip")
    ours, theirs = (nctool.analyze(tmp_path / f"a.{end}") for end in ("h5", "npz"))
    assert ours.digest == theirs.digest and ours["nc1.pinv"].value is not None
