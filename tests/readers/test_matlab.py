"""MATLAB files: every class as it was written, in place or packed, and nothing that is run."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy
import pytest
import scipy.io
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import nctool
from nctool.core.errors import InputError
from nctool.readers import open_path
from nctool.readers.shared import matlab_5
from tests.readers.readers_help import arrays, plain
from tests.readers.test_laziness import resident

DTYPES = (
    "float64", "float32", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "bool",
)  # fmt: skip
KINDS = ("4", "5", "packed")
CODES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9, "i8": 12, "u8": 13}


def save(path: Path, kind: str, **values: object) -> Path:
    with path.open("wb") as file:
        format = "4" if kind == "4" else "5"
        scipy.io.savemat(file, values, format=format, do_compression=kind == "packed")
    return path


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        for array in open_path(path).arrays:
            array.whole()
    assert caught.value.hint and caught.value.message.isprintable()
    return caught.value


def element(type: int, content: bytes, order: str = "<", size: int | None = None) -> bytes:
    tag = struct.pack(f"{order}2I", type, len(content) if size is None else size)
    return tag + content + bytes(-len(content) % 8)


def matrix(
    kind: int,
    dims: tuple[int, ...],
    *parts: bytes,
    name: str = "x",
    marks: int = 0,
    order: str = "<",
) -> bytes:
    """A variable, part by part."""
    head = element(6, struct.pack(f"{order}2I", kind | marks << 8, 0), order)
    head += element(5, struct.pack(f"{order}{len(dims)}i", *dims), order)
    head += element(1, name.encode(), order)
    return element(14, head + b"".join(parts), order)


def file(*variables: bytes, order: str = "<") -> bytes:
    mark = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + b"".join(variables)


def packed(variable: bytes) -> bytes:
    content = zlib.compress(variable)
    return struct.pack("<2I", 15, len(content)) + content


# Law: every class comes back as it was written, by rows too.
@pytest.mark.parametrize("kind", ["5", "packed"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_classes(tmp_path: Path, dtype: str, kind: str) -> None:
    values = numpy.array([[0, 1, 2], [3, 100, 5], [1, 0, 7], [0, 0, 0]]).astype(dtype)
    array = arrays(save(tmp_path / "a", kind, x=values))["x"]
    assert (array.shape, array.dtype) == ((4, 3), dtype)
    for start, stop in ((0, 4), (1, 3), (3, 9), (2, 2)):
        rows = array.rows(start, stop)
        assert isinstance(rows, torch.Tensor) and str(rows.dtype) == f"torch.{dtype}"
        assert (plain(rows) == values[start:stop]).all()


# Law: version 4 has fewer types, and the same numbers.
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "int16", "uint16", "uint8"])
@pytest.mark.parametrize("order", "<>")
def test_version_4(tmp_path: Path, dtype: str, order: str) -> None:
    values = numpy.arange(12).reshape(4, 3).astype(dtype)
    code = ["float64", "float32", "int32", "int16", "uint16", "uint8"].index(dtype)
    first = struct.pack(f"{order}5i", 10 * code + 1000 * (order == ">"), 4, 3, 0, 2) + b"x\0"
    content = values.astype(order + numpy.dtype(dtype).str[1:]).tobytes(order="F")
    text = struct.pack(f"{order}5i", 51 + 1000 * (order == ">"), 1, 2, 0, 2) + b"y\0hi"
    (tmp_path / "a").write_bytes(first + content + text)
    opened = open_path(tmp_path / "a")
    (array,) = opened.arrays
    assert (array.dtype, opened.metadata) == (dtype, {"y": "hi"})
    assert (plain(array.rows(1, 4)) == values[1:4]).all()


# Law: whatever shape and numbers, they come back; rows and columns as vectors, one as a number.
@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(KINDS),
    arrays_of.arrays(
        st.sampled_from(["f8", "f4", "i2", "u1"]),
        arrays_of.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5),
    ),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, kind: str, values: numpy.ndarray
) -> None:
    opened = open_path(save(tmp_path_factory.mktemp("t") / "a", kind, x=values, y=numpy.eye(2)))
    if values.size == 1:
        numpy.testing.assert_equal(opened.metadata["x"], values.item())
        return
    array = next(array for array in opened.arrays if array.key == "x")
    expected = values.reshape(-1) if 1 in values.shape else values
    assert array.shape == expected.shape
    numpy.testing.assert_array_equal(plain(array.whole()), expected)
    numpy.testing.assert_array_equal(plain(array.rows(1, 3)), expected[1:3])


# Law: doubles that are stored in fewer bytes, as MATLAB does, are doubles.
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("wrap", [bytes, packed])
@pytest.mark.parametrize("code", ["u1", "i1", "u2", "i2", "i4", "f8"])
def test_narrow_storage(tmp_path: Path, code: str, wrap: object, order: str) -> None:
    values = numpy.array([[1, 2], [3, 4], [5, 6]], dtype=code)
    content = values.astype(order + code).tobytes(order="F")
    variable = matrix(6, (3, 2), element(CODES[code], content, order), order=order)
    if wrap is packed:
        content = zlib.compress(variable)
        variable = struct.pack(f"{order}2I", 15, len(content)) + content
    (tmp_path / "a").write_bytes(file(variable, order=order))
    array = arrays(tmp_path / "a")["x"]
    assert array.dtype == "float64"
    rows = array.rows(1, 3)
    assert isinstance(rows, torch.Tensor) and rows.dtype == torch.float64
    assert rows.tolist() == [[3, 4], [5, 6]]


# Law: structs and cells are taken apart as their users write them; texts are texts.
@pytest.mark.parametrize("kind", ["5", "packed"])
def test_structs_and_cells(tmp_path: Path, kind: str) -> None:
    words = numpy.array(["ant", "bée", "蚁"], dtype=object)
    several = numpy.array(
        [(1.0, numpy.ones(2)), (2.0, numpy.zeros(3))], dtype=[("a", "O"), ("b", "O")]
    )
    mixed = numpy.array([numpy.arange(4), "x"], dtype=object)
    opened = open_path(
        save(
            tmp_path / "a", kind, data={"features": numpy.eye(3), "in": {"y": numpy.arange(3)}},
            words=words, s=several, c=mixed, title="a test", epoch=12.0,
            padded=numpy.array(["ab", "c"]), empty=numpy.array([], dtype=object),
        )
    )  # fmt: skip
    assert {array.key: array.shape for array in opened.arrays} == {
        "data.features": (3, 3), "data.in.y": (3,), "words": (3,), "s(1).b": (2,),
        "s(2).b": (3,), "c{1}": (4,), "padded": (2,), "empty": (0,),
    }  # fmt: skip
    assert opened.metadata == {
        "s(1).a": 1.0, "s(2).a": 2.0, "c{2}": "x", "title": "a test", "epoch": 12.0,
    }  # fmt: skip
    content = {array.key: array for array in opened.arrays}
    assert content["words"].dtype == "str" and list(content["words"].whole()) == list(words)
    assert list(content["words"].rows(1, 2)) == ["bée"] and list(content["padded"].whole()) == [
        "ab",
        "c",
    ]


# Law: what is no array, no text and no number is named and left out, and nothing of it is run.
def test_left_out(tmp_path: Path) -> None:
    path = save(tmp_path / "a", "5", thin=scipy.sparse.eye_array(3).tocsc(), z=1j * numpy.ones(3))
    opaque = element(6, struct.pack("<2I", 17, 0)) + b"".join(
        element(1, text) for text in (b"labels", b"MCOS", b"categorical")
    )
    handle = matrix(16, (1, 1), matrix(4, (1, 9), element(16, b"system(1)"), name=""), name="f")
    nameless = matrix(9, (1, 16), element(2, bytes(16)), name="")
    path.write_bytes(path.read_bytes() + element(14, opaque) + handle + nameless)
    opened = open_path(path)
    assert not opened.arrays and not opened.metadata
    (notice,) = opened.notices
    assert notice.slug == "objects-ignored" and notice.data["names"] == [
        "sparse matrix thin", "complex matrix z", "categorical labels", "function handle f",
    ]  # fmt: skip


# Law: of two variables of one name the first is read, and the other is mentioned.
def test_twice(tmp_path: Path) -> None:
    twice = [matrix(9, (1, 2), element(2, bytes([value, value]))) for value in (1, 2)]
    (tmp_path / "a").write_bytes(file(*twice))
    opened = open_path(tmp_path / "a")
    assert [plain(array.whole()).tolist() for array in opened.arrays] == [[1, 1]]
    assert opened.notices[0].data["names"] == ["second x"]


# Law: sizes that contradict one another are refused before anything is allocated.
@pytest.mark.parametrize("wrap", [bytes, packed])
@pytest.mark.parametrize(
    "variable",
    [
        matrix(6, (2**31 - 1, 2**31 - 1), element(9, bytes(16))),
        matrix(6, (2, 2), element(9, bytes(16))),
        matrix(6, (-1, 2), element(9, b"")),
        matrix(6, (2,), element(9, bytes(16))),
        matrix(6, (0, 2**31 - 1), element(9, b"")),
        matrix(6, (1,) * 40, element(9, bytes(8))),
        matrix(6, (1, 2), element(8, bytes(16))),
        matrix(9, (1, 2), element(9, bytes(16))),
        matrix(8, (1, 8), element(2, bytes(8))),
        matrix(1, (2**31 - 1, 2**31 - 1)),
        matrix(2, (1, 1), element(5, b"\0\0\0\0"), element(1, b"abc")),
        matrix(2, (1, 1), element(5, b"\x02\0\0\0"), element(1, b"a\0b\0")),
        matrix(4, (2**31 - 1, 2**31 - 1), element(16, b"ab")),
        matrix(4, (2, 2), element(16, b"ab")),
        matrix(4, (1, 2), element(9, b"ab")),
        matrix(99, (1, 1)),
        element(14, element(6, bytes(4))),
        element(14, bytes(8), size=2**31),
        element(14, element(15, zlib.compress(bytes(9)))),
    ],
)
def test_contradictions(tmp_path: Path, variable: bytes, wrap: type) -> None:
    (tmp_path / "a").write_bytes(file(packed(variable) if wrap is packed else variable))
    assert refused(tmp_path / "a").slug in ("file-corrupt", "file-truncated", "shape-invalid")


# Law: cells within cells without end are an error, not the end of the process.
def test_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = b""
    for _ in range(200):
        deep = matrix(1, (1, 1), deep or matrix(9, (0, 0), element(2, b""), name=""), name="")
    (tmp_path / "a").write_bytes(file(matrix(1, (1, 1), deep)))
    assert refused(tmp_path / "a").slug == "file-corrupt"
    monkeypatch.setattr(matlab_5, "MOST_PARTS", 100)
    (tmp_path / "a").write_bytes(file(matrix(1, (1, 200), element(14, b"") * 200)))
    assert refused(tmp_path / "a").slug == "file-corrupt"


# Law: a compressed variable that unpacks to more than it says, or to less, is refused cheaply.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_bombs(tmp_path: Path) -> None:
    arrays(save(tmp_path / "b", "packed", x=numpy.eye(3)))["x"].whole()
    size = 2**26
    huge = matrix(9, (1, 2), element(2, b"ab")) + bytes(size)
    lying = matrix(6, (2**13, 2**13), element(9, b"", size=2**29), element(2, bytes(16)))
    before = resident()
    (tmp_path / "a").write_bytes(file(packed(huge)))
    array = arrays(tmp_path / "a")["x"]
    assert plain(array.whole()).tolist() == [97, 98]
    (tmp_path / "a").write_bytes(file(packed(lying)))
    assert refused(tmp_path / "a").slug == "file-corrupt"
    del huge
    assert resident() - before < 32 * 2**20


# Law: what is behind a large array in a compressed struct is found without keeping the array.
def test_packed_struct_is_walked_in_little_memory(tmp_path: Path) -> None:
    values = numpy.zeros((2**18, 8))
    path = save(tmp_path / "a", "packed", data={"features": values, "labels": numpy.arange(5)})
    arrays(path)
    tracemalloc.start()
    content = arrays(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20
    assert plain(content["data.labels"].whole()).tolist() == [0, 1, 2, 3, 4]


# Law: two gibibytes open in an instant, and ten rows of them cost ten rows.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("version", [4, 5])
def test_large_file(tmp_path: Path, version: int) -> None:
    rows, size = 2**25, 2**31
    if version == 5:
        start = element(6, struct.pack("<2I", 7, 0)) + element(5, struct.pack("<2i", rows, 16))
        start += element(1, b"x") + struct.pack("<2I", 7, size)
        head = file(struct.pack("<2I", 14, len(start) + size) + start)
    else:
        head = struct.pack("<5i", 10, rows, 16, 0, 2) + b"x\0"
    with (tmp_path / "big").open("wb") as big:
        big.write(head)
        big.truncate(len(head) + size)
    arrays(tmp_path / "big")
    before, begun = resident(), time.process_time()
    array = arrays(tmp_path / "big")["x"]
    assert array.shape == (rows, 16)
    assert float(array.rows(400_000, 400_010).sum()) == 0
    assert time.process_time() - begun < 1  # reading it all takes longer on any machine
    assert resident() - before < 16 * 2**20


# Law: opening unpacks no more of a compressed array than its description.
def test_open_unpacks_no_data(tmp_path: Path) -> None:
    values = numpy.random.default_rng(0).normal(size=(3000, 10))
    data = bytearray(save(tmp_path / "a", "packed", x=values).read_bytes())
    data[-1000:] = bytes(1000)
    (tmp_path / "a").write_bytes(data)
    assert arrays(tmp_path / "a")["x"].shape == (3000, 10)
    assert refused(tmp_path / "a").slug == "file-corrupt"


# Law: what only begins like a variable of version 4 is no MATLAB file.
@pytest.mark.parametrize(
    "head",
    [
        bytes(200),
        struct.pack("<5i", 0, 1, 1, 0, 2) + b"1\0" + bytes(8),
        struct.pack("<5i", 0, 1, 1, 0, 2) + b"xy" + bytes(8),
        struct.pack("<5i", 60, 1, 1, 0, 2) + b"x\0" + bytes(8),
        struct.pack("<5i", 0, 1, 1, 7, 2) + b"x\0" + bytes(8),
    ],
)
def test_not_version_4(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a").write_bytes(head)
    assert refused(tmp_path / "a").slug == "format-unknown"


# Law: a file without variables, and one of an unknown make, are refused as MATLAB files.
@pytest.mark.parametrize("content", [file(), file(element(9, bytes(8))), file()[:124] + b"\0\2XX"])
def test_nothing_in_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    error = refused(tmp_path / "a")
    assert error.slug == "file-corrupt" and "matlab" in error.message


# Law: a file that became shorter is an error when its numbers are asked for.
@pytest.mark.parametrize("kind", KINDS)
def test_shrinking_file(tmp_path: Path, kind: str) -> None:
    values = numpy.random.default_rng(0).normal(size=(300, 10))
    array = arrays(save(tmp_path / "a", kind, x=values))["x"]
    os.truncate(tmp_path / "a", 1000)
    with pytest.raises(InputError):
        array.whole()


# Law: a MATLAB file gives the numbers of its arrays, with labels from one on and rows for vectors.
@pytest.mark.parametrize("kind", KINDS)
def test_same_numbers(tmp_path: Path, kind: str) -> None:
    rng = numpy.random.default_rng(1)
    weight, labels = rng.normal(size=(3, 5)), numpy.arange(30) % 3
    features, bias = weight[labels] + 0.1 * rng.normal(size=(30, 5)), rng.normal(size=3)
    values = {"features": features, "W": weight, "b": bias}
    numpy.savez(tmp_path / "a.npz", labels=labels + 1, features=features, W=weight, b=bias)
    save(tmp_path / "column.mat", kind, labels=(labels + 1.0)[:, None], **values)
    save(tmp_path / "row.mat", kind, labels=labels + 1.0, **values)
    expected = nctool.analyze(tmp_path / "a.npz")
    for name in ("column.mat", "row.mat"):
        assert nctool.analyze(tmp_path / name).digest == expected.digest


# Law: the names that stand beside the data name the classes.
@pytest.mark.parametrize("key", ["classNames", "class_names", "classes"])
def test_class_names(tmp_path: Path, key: str) -> None:
    weight, labels = numpy.random.default_rng(1).normal(size=(3, 5)), numpy.arange(30) % 3
    features = weight[labels] + 0.1 * numpy.random.default_rng(2).normal(size=(30, 5))
    names = numpy.array(["ant", "bee", "cat"], dtype=object)
    save(tmp_path / "a", "5", features=features, labels=labels + 1.0, W=weight, **{key: names})
    report = nctool.analyze(tmp_path / "a")
    assert "bee" in str(report.to_dict())
