"""ONNX: every type as it was written, in place, and the head that the graph tells of."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import nctool
from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.readers import open_path
from nctool.readers.shared import protobuf
from tests.readers.readers_help import arrays, plain
from tests.readers.test_laziness import resident

TYPES = {
    "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16, "int8": TensorProto.INT8, "int16": TensorProto.INT16,
    "int32": TensorProto.INT32, "int64": TensorProto.INT64, "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16, "uint32": TensorProto.UINT32, "uint64": TensorProto.UINT64,
    "bool": TensorProto.BOOL, "float8_e4m3fn": TensorProto.FLOAT8E4M3FN,
    "float8_e5m2": TensorProto.FLOAT8E5M2,
}  # fmt: skip
COMPLEX = {"complex64": TensorProto.COMPLEX64, "complex128": TensorProto.COMPLEX128}
WEIGHT = numpy.random.default_rng(0).normal(size=(3, 5)).astype("float32")
BIAS = numpy.array([1, -2, 3], dtype="float32")


def kept(name: str, array: numpy.ndarray) -> TensorProto:
    return numpy_helper.from_array(numpy.ascontiguousarray(array), name)


def write(
    path: Path,
    tensors: Sequence[TensorProto],
    nodes: Sequence[onnx.NodeProto] = (),
    outputs: Sequence[str] = (),
    **more: object,
) -> Path:
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(list(nodes), "g", [], infos, list(tensors))
    for name, value in more.items():
        getattr(graph, name).append(value)
    path.write_bytes(helper.make_model(graph, producer_name="a test").SerializeToString())
    return path


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        for array in open_path(path).arrays:
            array.whole()
    assert caught.value.hint and caught.value.message.isprintable()
    return caught.value


def entry(tensor: TensorProto, **values: object) -> TensorProto:
    """The same tensor with its elements in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in values.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


# Law: every type comes back as it was written, raw or in fields of its own, by rows too.
@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("name", sorted(TYPES))
def test_types(tmp_path: Path, name: str, raw: bool) -> None:
    low = 0 if name[0] in "ub" and name != "bfloat16" else -3
    numbers = [low, 0, 1, 2, 3, 100] if name != "bool" else [0, 1, 1, 0, 0, 1]
    expected = torch.tensor(numbers, dtype=torch.float64).to(getattr(torch, name)).reshape(3, 2)
    content = expected.view(torch.uint8).numpy().tobytes()
    if name.startswith("float8") and not raw:
        tensor = TensorProto(name="x", data_type=TYPES[name], dims=[3, 2])
        tensor.int32_data.extend(content)
    else:
        tensor = helper.make_tensor("x", TYPES[name], [3, 2], content if raw else numbers, raw)
    (found,) = open_path(write(tmp_path / "a", [tensor])).arrays
    assert (found.key, found.shape, found.dtype) == ("x", (3, 2), name)
    whole = found.whole()
    assert isinstance(whole, torch.Tensor) and whole.dtype == expected.dtype
    assert torch.equal(whole.double(), expected.double())
    for start, stop in ((0, 1), (1, 3), (2, 9), (3, 3)):
        rows = found.rows(start, stop)
        assert isinstance(rows, torch.Tensor)
        assert torch.equal(rows.double(), expected.double()[start:stop])


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("name", sorted(COMPLEX))
def test_complex(tmp_path: Path, name: str, raw: bool) -> None:
    values = numpy.array([1 + 2j, -3j, 4], dtype=name)
    tensor = helper.make_tensor("x", COMPLEX[name], [3], values.tobytes() if raw else values, raw)
    found = arrays(write(tmp_path / "a", [tensor]))["x"]
    assert found.dtype == name and plain(found.whole()).tolist() == values.tolist()


# Law: integers of every length of their encoding come back, the extreme ones too.
@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_packed_integers(tmp_path_factory: pytest.TempPathFactory, numbers: list[int]) -> None:
    path = tmp_path_factory.mktemp("t") / "a"
    tensor = helper.make_tensor("x", TensorProto.INT64, [len(numbers)], numbers)
    assert plain(arrays(write(path, [tensor]))["x"].whole()).tolist() == numbers


# Law: a file written value by value, as old writers did, says the same.
def test_unpacked_fields(tmp_path: Path) -> None:
    floats = b"".join(b"\x25" + numpy.float32(x).tobytes() for x in (1.5, -2))
    integers = b"".join(b"\x38" + bytes([x]) for x in (7, 9))
    tensors = [
        b"\x08\x02\x10\x01" + floats + field(8, b"x"),
        b"\x08\x02\x10\x07" + integers + field(8, b"y"),
    ]
    graph = b"".join(field(5, one) for one in tensors)
    (tmp_path / "a").write_bytes(model(graph))
    found = arrays(tmp_path / "a")
    assert plain(found["x"].whole()).tolist() == [1.5, -2]
    assert plain(found["y"].rows(1, 2)).tolist() == [9]


def field(number: int, content: bytes, length: int | None = None) -> bytes:
    """One length-delimited field, perhaps with a length of our own."""
    return varint(number << 3 | 2) + varint(len(content) if length is None else length) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def model(graph: bytes) -> bytes:
    return b"\x08\x08" + field(2, b"me") + field(7, graph) + field(8, b"\x10\x11")


# Law: two gibibytes open in an instant, more than protobuf's own library can read at all.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_large_file(tmp_path: Path) -> None:
    size, rows = 2**31, 2**19
    described = b"\x08" + varint(rows) + b"\x08" + varint(1024) + b"\x10\x01" + field(8, b"x")
    tensor = described + field(9, b"", size)
    head = b"\x08\x08" + field(2, b"me")
    inner = field(5, tensor, len(tensor) + size)
    head += field(7, inner, len(inner) + size)
    with (tmp_path / "big").open("wb") as file:
        file.write(head)
        file.seek(len(head) + size)
        file.write(field(8, b"\x10\x11"))
    arrays(tmp_path / "big")
    before, begun = resident(), time.process_time()
    found = arrays(tmp_path / "big")["x"]
    assert found.shape == (rows, 1024)
    assert float(found.rows(400_000, 400_010).sum()) == 0
    assert time.process_time() - begun < 1  # reading it all takes longer on any machine
    assert resident() - before < 16 * 2**20


# Law: weights beside the model are read there, and nowhere else.
def test_external_data(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(8) + WEIGHT.tobytes() + bytes(4))
    tensor = entry(kept("w", WEIGHT), location="w.bin", offset=8, length=60)
    found = arrays(write(tmp_path / "a", [tensor]))["w"]
    assert found.path == str(tmp_path / "a")
    assert (plain(found.rows(1, 3)) == WEIGHT[1:3]).all()


@pytest.mark.parametrize(
    ("values", "slug"),
    [
        ({"location": "../canary"}, "path-escapes"),
        ({"location": "x/../../canary"}, "path-escapes"),
        ({"location": "C:\\canary"}, "path-escapes"),
        ({"location": "\\\\host\\canary"}, "path-escapes"),
        ({"location": "ABSOLUTE"}, "path-escapes"),
        ({"location": "link"}, "path-escapes"),
        ({"location": "missing"}, "shard-missing"),
        ({"location": "."}, "shard-missing"),
        ({"location": "a\0b"}, "shard-missing"),
        ({}, "shard-missing"),
        ({"location": "w.bin", "offset": 4}, "file-truncated"),
        ({"location": "w.bin", "offset": 2**62}, "file-truncated"),
        ({"location": "w.bin", "offset": -4}, "file-corrupt"),
        ({"location": "w.bin", "length": 56}, "file-corrupt"),
    ],
)
def test_external_data_of_others(tmp_path: Path, values: dict[str, object], slug: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for place in (tmp_path / "canary", home / "w.bin"):
        place.write_bytes(WEIGHT.tobytes())
    (home / "link").symlink_to(tmp_path / "canary")
    if values.get("location") == "ABSOLUTE":
        values = {"location": tmp_path / "canary"}
    write(home / "a", [entry(kept("w", WEIGHT), **values)])
    assert refused(home / "a").slug == slug


# Law: a folder with one model is that model, with what its configuration says.
def test_folder(tmp_path: Path) -> None:
    write(tmp_path / "model.onnx", [kept("w", WEIGHT)])
    (tmp_path / "config.json").write_text('{"id2label": {"0": "ant", "1": "bee", "2": "cat"}}')
    opened = open_path(tmp_path)
    assert opened.path == tmp_path and opened.metadata["id2label"] and len(opened.arrays) == 1
    write(tmp_path / "other.onnx", [kept("w", WEIGHT)])
    assert refused(tmp_path).slug == "folder-ambiguous"


# Law: what is no plain tensor is left out by name, and the rest is read.
def test_left_out(tmp_path: Path) -> None:
    tensors = [
        kept("w", WEIGHT),
        TensorProto(name="words", data_type=TensorProto.STRING, dims=[1], string_data=[b"ant"]),
        helper.make_tensor("small", TensorProto.INT4, [2], [1, 2]),
    ]
    sparse = helper.make_sparse_tensor(
        kept("thin", BIAS), kept("where", numpy.array([0, 1, 2])), [9]
    )
    opened = open_path(write(tmp_path / "a", tensors, sparse_initializer=sparse))
    assert [one.key for one in opened.arrays] == ["w"]
    (notice,) = opened.notices
    assert notice.slug == "objects-ignored" and notice.data["count"] == 3
    assert notice.data["names"] == ["sparse thin", "text words", "int4 small"]


# Law: Constant nodes hold arrays too; sizes and axes are not shown among them.
def test_constants(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["c"], value=kept("", WEIGHT)),
        helper.make_node("Constant", [], ["shape"], value=kept("", numpy.array([1, 2]))),
        helper.make_node("Constant", [], ["number"], value_float=1.0),
    ]
    found = arrays(write(tmp_path / "a", [], nodes))
    assert [*found] == ["c"] and (plain(found["c"].whole()) == WEIGHT).all()


# Law: sizes that contradict the shape are refused before anything is allocated.
@pytest.mark.parametrize("dims", [[3, 6], [2**40, 2**20], [-1, 5], [0], [1] * 33, [2**62, 0]])
def test_shapes(tmp_path: Path, dims: list[int]) -> None:
    for tensor in (kept("w", WEIGHT), helper.make_tensor("w", 7, [3], [1, 2, 3])):
        del tensor.dims[:]
        tensor.dims.extend(dims)
        assert refused(write(tmp_path / "a", [tensor])).slug in ("file-corrupt", "shape-invalid")


# Law: numbers that do not fit their type or their number are no silently different array.
def test_numbers_that_do_not_fit(tmp_path: Path) -> None:
    tensor = TensorProto(name="x", data_type=TensorProto.INT8, dims=[2])
    tensor.int32_data.extend([1, 300])
    assert refused(write(tmp_path / "a", [tensor])).slug == "file-corrupt"
    graph = field(5, b"\x08\x03\x10\x07" + field(7, b"\x01\x02\x80\x01\x80") + field(8, b"y"))
    (tmp_path / "a").write_bytes(model(graph))
    assert refused(tmp_path / "a").slug == "file-corrupt"


@pytest.mark.parametrize(
    "graph",
    [
        field(5, field(8, b"x") + b"\x10\x01") * 2,
        b"\x0a\x00" * 2**10,
        b"\x0b",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        field(5, b"\x0a\x01"),
        field(5, field(8, b"x" * 2**17)),
        field(5, field(1, b"\x01" * 400)),
    ],
    ids=["twice", "endless", "group", "varint", "beyond", "long-name", "dims"],
)
def test_hostile_graphs(tmp_path: Path, graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MOST_FIELDS", 1000)
    (tmp_path / "a").write_bytes(model(graph))
    assert refused(tmp_path / "a").slug == "file-corrupt"


# Law: what only begins like a model is none.
@pytest.mark.parametrize("head", [b"\x08\x01\x12\x0a\x0a\x05serve" + bytes(9), b"\x08\x08 text"])
def test_not_a_model(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a").write_bytes(head)
    assert refused(tmp_path / "a").slug == "format-unknown"


def layer(kind: str) -> tuple[list[onnx.NodeProto], list[TensorProto]]:
    """x to y through one linear layer, written in one of the ways that exporters know."""
    node = helper.make_node
    weight, bias = kept("onnx::MatMul_7", WEIGHT.T), kept("b", BIAS)
    stored = kept("w", WEIGHT)
    return {
        "gemm": ([node("Gemm", ["x", "w", "b"], ["y"], transB=1)], [stored, bias]),
        "gemm-turned": (
            [node("Gemm", ["x", weight.name, "b"], ["y"], alpha=1.0)],
            [weight, bias],
        ),
        "gemm-alone": ([node("Gemm", ["x", "w"], ["y"], transB=1)], [stored]),
        "matmul": ([node("MatMul", ["x", weight.name], ["y"])], [weight]),
        "matmul-left": ([node("MatMul", ["w", "x"], ["y"])], [stored]),
        "matmul-add": (
            [node("MatMul", ["x", weight.name], ["m"]), node("Add", ["b", "m"], ["y"])],
            [weight, bias],
        ),
        "matmul-transpose": (
            [
                node("Identity", ["w"], ["v"]),
                node("Transpose", ["v"], ["t"], perm=[1, 0]),
                node("MatMul", ["x", "t"], ["m"]),
                node("Add", ["m", "b"], ["y"]),
            ],
            [stored, bias],
        ),
        "conv": (
            [node("Conv", ["x", "k", "b"], ["c"]), node("Flatten", ["c"], ["y"])],
            [kept("k", WEIGHT[:, :, None, None]), bias],
        ),
        "constant": (
            [
                node("Constant", [], ["c"], value=kept("", WEIGHT)),
                node("Gemm", ["x", "c"], ["y"], transB=1),
            ],
            [],
        ),
    }[kind]


HEADS: dict[str, tuple[str, str | None, bool]] = {
    "gemm": ("w", "b", False),
    "gemm-turned": ("onnx::MatMul_7", "b", True),
    "gemm-alone": ("w", None, False),
    "matmul": ("onnx::MatMul_7", None, True),
    "matmul-left": ("w", None, False),
    "matmul-add": ("onnx::MatMul_7", "b", True),
    "matmul-transpose": ("w", "b", False),
    "conv": ("k", "b", False),
    "constant": ("c", None, False),
}


def told(opened: Opened) -> tuple[object, ...] | None:
    fact = opened.metadata.get("head")
    if fact is None:
        return None
    assert isinstance(fact, dict)
    return fact["weight"], fact["bias"], fact["transposed"]


# Law: the head is found however it is written, and whatever squashes its scores.
@pytest.mark.parametrize("after", [(), ("Softmax", "Identity"), ("Cast", "ArgMax", "Reshape")])
@pytest.mark.parametrize("kind", sorted(HEADS))
def test_head(tmp_path: Path, kind: str, after: tuple[str, ...]) -> None:
    nodes, tensors = layer(kind)
    body = kept("body", numpy.ones((5, 5), "float32"))
    nodes.insert(0, helper.make_node("MatMul", ["in", "body"], ["hidden"]))
    nodes.insert(1, helper.make_node("Relu", ["hidden"], ["x"]))
    edge = "y"
    for op in after:
        nodes.append(helper.make_node(op, [edge], [f"{edge}+"]))
        edge += "+"
    opened = open_path(write(tmp_path / "a", [body, *tensors], nodes, [edge]))
    assert told(opened) == HEADS[kind] and not opened.notices


# Law: a graph that gives out the features as well has the layer behind them as its head.
def test_features_beside(tmp_path: Path) -> None:
    nodes, tensors = layer("gemm")
    body = kept("body", numpy.ones((5, 5), "float32"))
    nodes.insert(0, helper.make_node("MatMul", ["in", "body"], ["x"]))
    opened = open_path(write(tmp_path / "a", [body, *tensors], nodes, ["x", "y"]))
    assert told(opened) == HEADS["gemm"]


# Law: outputs of equal right, layers of no known kind and sums of two branches tell of no head.
def test_no_head(tmp_path: Path) -> None:
    node = helper.make_node
    w, v, b = kept("w", WEIGHT), kept("v", WEIGHT), kept("b", BIAS)
    gemm = node("Gemm", ["x", "w", "b"], ["y"], transB=1)
    other = node("Gemm", ["x", "v"], ["z"], transB=1)
    cases: list[tuple[list[onnx.NodeProto], list[str], str]] = [
        ([gemm, other], ["y", "z"], "several-outputs"),
        ([gemm, other, node("Add", ["y", "z"], ["s"])], ["s"], "no-linear-output"),
        ([gemm, node("Add", ["y", "b"], ["s"])], ["s"], "no-linear-output"),
        ([gemm, node("Relu", ["y"], ["s"])], ["s"], "no-linear-output"),
        ([node("Gemm", ["x", "w"], ["y"], transB=1, alpha=2.0)], ["y"], "no-linear-output"),
        ([node("Gemm", ["x", "w"], ["y"], domain="other")], ["y"], "no-linear-output"),
        ([node("MatMul", ["x", "x"], ["y"])], ["y"], "no-linear-output"),
        ([node("Identity", ["y"], ["y"])], ["y"], "no-linear-output"),
        ([node("Div", ["one", "x"], ["y"])], ["y"], "no-linear-output"),
    ]
    one = kept("one", numpy.ones((), "float32"))
    for nodes, outputs, slug in cases:
        opened = open_path(write(tmp_path / "a", [w, v, b, one], nodes, outputs))
        assert told(opened) is None
        assert [notice.slug for notice in opened.notices] == [slug]


# Law: a scale after the layer is no other layer, unless a bias would be scaled with it.
def test_scaled_scores(tmp_path: Path) -> None:
    node, scale = helper.make_node, kept("scale", numpy.full((1,), 20, "float32"))
    tensors = [kept("w", WEIGHT), kept("b", BIAS), scale]
    gemm = node("Gemm", ["x", "w"], ["y"], transB=1)
    nodes = [gemm, node("Mul", ["scale", "y"], ["s"])]
    assert told(open_path(write(tmp_path / "a", tensors, nodes, ["s"]))) == ("w", None, False)
    nodes.append(node("Add", ["s", "b"], ["t"]))
    assert told(open_path(write(tmp_path / "a", tensors, nodes, ["t"]))) is None


# Law: what the file says of itself cannot pass for what its graph says.
def test_facts(tmp_path: Path) -> None:
    path = write(tmp_path / "a", [kept("w", WEIGHT)])
    proto = onnx.load(path)
    helper.set_model_props(proto, {"epoch": "12", "head": "w", "producer_name": "x"})
    onnx.save(proto, path)
    assert open_path(path).metadata == {"producer_name": "a test", "epoch": "12"}


# Law: an exported model gives the numbers of its arrays.
@pytest.mark.parametrize("kind", ["gemm", "matmul-add", "conv"])
def test_same_numbers(tmp_path: Path, kind: str) -> None:
    rng = numpy.random.default_rng(1)
    labels = numpy.arange(30) % 3
    features = (WEIGHT[labels] + 0.1 * rng.normal(size=(30, 5))).astype("float32")
    numpy.savez(tmp_path / "data.npz", features=features, labels=labels)
    numpy.savez(tmp_path / "head.npz", weight=WEIGHT, bias=BIAS)
    nodes, tensors = layer(kind)
    decoy = kept("classifier.weight", rng.normal(size=(3, 5)).astype("float32"))
    write(tmp_path / "m.onnx", [decoy, *tensors], nodes, ["y"])
    data = tmp_path / "data.npz"
    ours = nctool.analyze(data, tmp_path / "m.onnx")
    theirs = nctool.analyze(data, tmp_path / "head.npz")
    assert ours.digest == theirs.digest
    assert [one.value for one in ours.metrics] == [one.value for one in theirs.metrics]


# Law: a file that became shorter is an error when its numbers are asked for.
def test_shrinking_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a", [helper.make_tensor("x", TensorProto.INT64, [500], range(500))])
    (found,) = open_path(path).arrays
    os.truncate(path, 100)
    with pytest.raises(InputError) as caught:
        found.whole()
    assert caught.value.slug == "file-truncated"
