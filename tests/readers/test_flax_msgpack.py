"""Flax files: what flax.serialization writes, laid out by hand with msgpack itself."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import msgpack
import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, integer_dtypes

import nctool
from nctool.arrays import LazyArray
from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import plain
from tests.readers.test_damage import survives

CHUNKED = "__msgpack_chunked_array__"
KERNEL = numpy.arange(12, dtype="float32").reshape(4, 3)


def packed(shape: object, dtype: str, data: bytes, code: int = 1) -> msgpack.ExtType:
    content = msgpack.packb((shape, dtype, data), use_bin_type=True)
    return msgpack.ExtType(code, content)


def leaf(value: object) -> object:
    """What flax makes of a leaf that msgpack does not know."""
    if isinstance(value, numpy.ndarray):
        return packed(value.shape, value.dtype.name, value.tobytes())
    if isinstance(value, numpy.generic):
        return packed((), value.dtype.name, value.tobytes(), 3)
    if isinstance(value, complex):
        return msgpack.ExtType(2, msgpack.packb((value.real, value.imag)))
    return value


def write(path: Path, tree: object) -> Path:
    path.write_bytes(msgpack.packb(tree, default=leaf, strict_types=True))
    return path


def chunked(array: numpy.ndarray, size: int) -> dict[str, object]:
    flat = array.reshape(-1)
    parts = [flat[start : start + size] for start in range(0, flat.size, size)]
    return {
        CHUNKED: True,
        "shape": {str(axis): size for axis, size in enumerate(array.shape)},
        "chunks": {str(number): part for number, part in enumerate(parts)},
    }


def found(path: Path) -> dict[str, LazyArray]:
    return {array.key: array for array in open_path(path).arrays}


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        for array in open_path(path).arrays:
            array.whole()
    assert caught.value.hint and caught.value.message.isprintable()
    return caught.value


# Law: names are joined by dots, facts become facts, and what is neither is said.
def test_a_training_state(tmp_path: Path) -> None:
    tree = {
        "step": 7,
        "params": {"head": {"kernel": KERNEL, "bias": numpy.zeros(3, "float32")}, "none": None},
        "rate": numpy.float32(0.5),
        "name": "digits",
        "phase": 1 + 2j,
        "raw": b"xyz",
        "other": msgpack.ExtType(9, b"abc"),
        "epoch": numpy.array(3, "int32"),
        "mixed": [1, {"a": numpy.ones(2, "int8")}],
        "labels": [0, 1, 2],
        "texts": ["cat", "dog"],
    }
    opened = open_path(write(tmp_path / "a", tree))
    assert opened.format == "flax-msgpack"
    assert [array.key for array in opened.arrays] == [
        "params.head.kernel", "params.head.bias", "epoch", "mixed.1.a", "labels", "texts"
    ]  # fmt: skip
    assert opened.metadata == {
        "step": 7, "rate": 0.5, "name": "digits", "epoch": 3, "mixed.0": 1
    }  # fmt: skip
    (notice,) = opened.notices
    assert notice.slug == "objects-ignored" and notice.data["count"] == 3
    assert notice.data["names"] == ["complex number", "bytes", "extension of type 9"]
    assert (plain(opened.arrays[0].rows(1, 3)) == KERNEL[1:3]).all()
    assert list(plain(opened.arrays[-1].whole())) == ["cat", "dog"]


# Law: every type comes back as it was, bfloat16 under each of its names.
@pytest.mark.parametrize(
    "dtype",
    [
        "bfloat16", "V2", "void16", "float8_e4m3fn", "float8_e5m2", "float16", "float32",
        "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "bool", "complex64", "complex128",
    ],
)  # fmt: skip
def test_types(tmp_path: Path, dtype: str) -> None:
    kept = "bfloat16" if dtype in ("V2", "void16") else dtype
    values = torch.tensor([[1, 0, 1], [0, 1, 1]]).to(getattr(torch, kept))
    data = values.flatten().view(torch.uint8).numpy().tobytes()
    write(tmp_path / "a", {"params": {"x": packed((2, 3), dtype, data)}})
    array = found(tmp_path / "a")["params.x"]
    assert array.dtype == kept
    rows = array.rows(1, 2)
    assert isinstance(rows, torch.Tensor) and rows.dtype == values.dtype
    assert rows.view(torch.uint8).tolist() == values[1:2].view(torch.uint8).tolist()


# Law: a type that torch has not is left out and named; the rest is read.
def test_unknown_type(tmp_path: Path) -> None:
    odd = packed((2,), "int4", b"\x01\x02")
    tree = {"x": KERNEL, "odd": odd, "one": packed((), "int4", b"\x01", 3)}
    tree["cut"] = {CHUNKED: True, "shape": {"0": 2}, "chunks": {"0": odd}}
    opened = open_path(write(tmp_path / "a", tree))
    assert [array.key for array in opened.arrays] == ["x"]
    assert opened.notices[0].data == {"count": 3, "names": ["array of type int4"]}


# Law: arrays of every shape come back, whole, by rows, and cut into chunks of every size.
@settings(max_examples=40, deadline=None)
@given(
    arrays(integer_dtypes(endianness="<"), array_shapes(min_dims=0, max_dims=3, max_side=5)),
    st.integers(1, 40),
    st.integers(0, 6),
    st.integers(0, 6),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    array: numpy.ndarray,
    size: int,
    start: int,
    stop: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "flax"
    tree = {"x": array, **({"y": chunked(array, size)} if array.shape else {})}
    for one in found(write(path, tree)).values():
        assert one.shape == array.shape and one.dtype == array.dtype.name
        assert (plain(one.whole()) == array).all()
        if array.shape:
            assert (plain(one.rows(start, stop)) == array[start:stop]).all()


# Law: chunks that do not make up the array they claim are refused.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shape", {"0": 4, "1": 4}),
        ("shape", {"1": 12}),
        ("shape", {}),
        ("chunks", {"0": KERNEL}),
        ("chunks", {}),
        ("chunks", {"1": KERNEL.reshape(-1)}),
        ("chunks", {"0": KERNEL.reshape(-1)[:6], "1": numpy.zeros(6, "int32")}),
    ],
)
def test_wrong_chunks(tmp_path: Path, name: str, value: object) -> None:
    tree = {"known": KERNEL, "x": {**chunked(KERNEL, 6), name: value}}
    assert refused(write(tmp_path / "a", tree)).slug in ("file-corrupt", "shape-invalid")


# Law: lengths, depths and keys that cannot be are refused before anything is made of them.
@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"\x81\xa6params\xdd\xff\xff\xff\xff", "file-truncated"),
        (b"\x81\xa6params\xdf\xff\xff\xff\xff", "file-truncated"),
        (b"\x81\xa6params\xdb\xff\xff\xff\xff", "file-truncated"),
        (b"\x81\xa6params\xc9\xff\xff\xff\xff\x01", "file-truncated"),
        (b"\x82\xa6params\x01\xa6params\x02" + b"\xc0", "file-corrupt"),
        (b"\x81\xa6params" + b"\x91" * 5000 + b"\xc0", "file-corrupt"),
        (b"\x81\xa6params" + b"\x81\xa1a" * 2000 + b"\xc0", "file-corrupt"),
    ],
)
def test_bombs(tmp_path: Path, data: bytes, slug: str) -> None:
    array = msgpack.packb(packed((1,), "int8", b"\1"), strict_types=True)
    (tmp_path / "a").write_bytes(b"\x82\xa1x" + array + b"\xa1y" + data)
    assert refused(tmp_path / "a").slug == slug


# Law: an array whose bytes are not those of its shape and type is refused.
@pytest.mark.parametrize(
    "content",
    [
        packed((2, 3), "float32", bytes(23)),
        packed((2**40, 2**40), "float32", bytes(24)),
        packed((0, 2**40), "float32", b""),
        packed((-1,), "float32", bytes(4)),
        packed((1.5,), "float32", bytes(4)),
        packed(6, "float32", bytes(24)),
        packed((6,), "float32", bytes(24))._replace(data=b"\x93\x91\x06\xa1f\xc4\xff"),
        msgpack.ExtType(1, b""),
        msgpack.ExtType(1, b"\xc0"),
        msgpack.ExtType(1, b"\xc1"),
        msgpack.ExtType(3, msgpack.packb(((), "float64", bytes(4)))),
    ],
)
def test_impossible_arrays(tmp_path: Path, content: msgpack.ExtType) -> None:
    write(tmp_path / "a", {"x": KERNEL, "y": content})
    assert refused(tmp_path / "a").slug in ("file-corrupt", "shape-invalid")


# Law: names that meet after joining are both known of.
def test_same_name_twice(tmp_path: Path) -> None:
    opened = open_path(write(tmp_path / "a", {"a.b": KERNEL, "a": {"b": KERNEL}}))
    assert [array.key for array in opened.arrays] == ["a.b"]
    assert opened.notices[0].data["names"] == ["second array named a.b"]
    write(tmp_path / "a", {"x": KERNEL, "y": {1: 2, "1": 3}})
    assert "twice" in refused(tmp_path / "a").message


# Law: other files that begin with such a byte are no Flax files.
@pytest.mark.parametrize("data", [b"\x81\xa1x\x01", b"\x82nonsense", b"\x83\xc1", b"\xde"])
def test_other_contents(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.msgpack").write_bytes(data)
    assert refused(tmp_path / "a.msgpack").slug == "format-unknown"


# Law: a file is known by its first array, wherever the first bytes that are looked at end.
def test_known_by_its_first_array(tmp_path: Path) -> None:
    for filler in range(4010, 4080):
        write(tmp_path / "a", {"note": "x" * filler, "params": {"kernel": KERNEL}})
        assert (plain(found(tmp_path / "a")["params.kernel"].whole()) == KERNEL).all()


# Law: three gibibytes in chunks open in an instant, and rows across a seam cost those rows.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_laziness(tmp_path: Path) -> None:
    gib = 2**30
    parts = []
    for number in range(3):
        head = b"\x93\x91" + msgpack.packb(gib // 4) + b"\xa7float32\xc6" + gib.to_bytes(4)
        parts.append((msgpack.packb(str(number)), len(head) + gib, head))
    shape = msgpack.packb({"0": 3 * gib // 4096, "1": 1024})
    with (tmp_path / "big").open("wb") as file:
        file.write(b"\x81\xa6kernel\x83" + msgpack.packb(CHUNKED) + b"\xc3\xa5shape" + shape)
        file.write(b"\xa6chunks\x83")
        for name, length, head in parts:
            file.write(name + b"\xc9" + length.to_bytes(4) + b"\x01" + head)
            file.seek(gib, os.SEEK_CUR)
        file.truncate(file.tell())
    found(tmp_path / "big")
    before, begun = resident(), time.process_time()
    array = found(tmp_path / "big")["kernel"]
    seam = gib // 4096
    rows = array.rows(seam - 5, seam + 5)
    assert isinstance(rows, torch.Tensor) and rows.shape == (10, 1024) and float(rows.sum()) == 0
    assert time.process_time() - begun < 1
    assert resident() - before < 32 * 2**20


def resident() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# Law: a file cut anywhere is refused; a flipped bit ends in arrays or in an input error.
def test_damage(tmp_path: Path) -> None:
    tree = {
        "step": 3,
        "params": {"head": {"kernel": KERNEL, "bias": numpy.zeros(3, "float16")}},
        "cut": chunked(KERNEL, 5),
        "rate": numpy.float64(1),
        "list": [1, 2.5, "x"],
    }
    data = write(tmp_path / "a", tree).read_bytes()
    path = tmp_path / "a"
    assert survives(path, data)
    assert not [length for length in range(len(data)) if survives(path, data[:length])]
    assert not survives(path, data + b"\0")
    for position in range(len(data)):
        for bit in (position % 8, 7):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            survives(path, bytes(damaged))


# Law: a model folder brings its class names, in one file or in shards.
def test_model_folders(tmp_path: Path) -> None:
    tree = {"classifier": {"kernel": KERNEL, "bias": numpy.zeros(3, "float32")}}
    config = {"id2label": {"0": "a", "1": "b", "2": "c"}}
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    write(tmp_path / "one" / "flax_model.msgpack", tree)
    where = {}
    for number, part in enumerate(("kernel", "bias")):
        file = f"flax_model-0000{number + 1}-of-00002.msgpack"
        write(tmp_path / "many" / file, {"classifier": {part: tree["classifier"][part]}})
        where[f"classifier/{part}"] = file
    index = tmp_path / "many" / "flax_model.msgpack.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    for path in (tmp_path / "one", tmp_path / "many", index):
        opened = open_path(path)
        assert {array.key for array in opened.arrays} == {"classifier.kernel", "classifier.bias"}
        assert path == index or opened.metadata["id2label"] == config["id2label"]
        kernel = next(array for array in opened.arrays if array.key == "classifier.kernel")
        assert (plain(kernel.whole()) == KERNEL).all()


# Law: links out of a folder are not followed, and two models are a question.
def test_folders_refused(tmp_path: Path) -> None:
    write(tmp_path / "canary.msgpack", {"x": KERNEL})
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "flax_model.msgpack").symlink_to(tmp_path / "canary.msgpack")
    assert refused(tmp_path / "model").slug == "path-escapes"
    (tmp_path / "two").mkdir()
    for name in ("a", "b"):
        write(tmp_path / "two" / f"{name}.msgpack", {"x": KERNEL})
    assert refused(tmp_path / "two").slug == "folder-ambiguous"


# Law: the numbers are those of the same arrays in an .npz, and the head is seen to lie across.
def test_end_to_end(tmp_path: Path) -> None:
    generator = numpy.random.default_rng(0)
    labels = numpy.arange(30, dtype="int32") % 3
    features = (generator.normal(size=(30, 8)) + 3 * numpy.eye(3, 8)[labels]).astype("float32")
    kernel, bias = numpy.eye(8, 3, dtype="float32"), numpy.zeros(3, "float32")
    tree = {"features": features, "labels": labels}
    tree |= {"params": {"head": {"kernel": kernel, "bias": bias}}}
    write(tmp_path / "a.msgpack", tree)
    numpy.savez(
        tmp_path / "a.npz", features=features, labels=labels, weight=kernel.T.copy(), bias=bias
    )
    ours, theirs = (nctool.analyze(tmp_path / f"a.{end}") for end in ("msgpack", "npz"))
    assert ours.data == theirs.data
    values = {result.id: result.value for result in theirs.metrics}
    assert {result.id: result.value for result in ours.metrics} == values
    assert any(name.startswith("nc3") and value is not None for name, value in values.items())
