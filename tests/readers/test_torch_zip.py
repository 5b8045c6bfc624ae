"""Torch checkpoints: everything people put into them, and nothing of it run."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import enum
import warnings
from pathlib import Path

import numpy
import pytest
import torch

from nctool.core.errors import InputError
from nctool.readers import open_path
from nctool.readers.shared.archive import members
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
    "uint64",
    "uint32",
    "uint16",
    "uint8",
    "bool",
    "complex64",
    "complex128",
    "float8_e4m3fn",
    "float8_e5m2",
]


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
        self.fc = torch.nn.Linear(3, 2)


class Stage(enum.Enum):
    TRAIN = 1


@dataclasses.dataclass
class Batch:
    features: torch.Tensor
    size: int


class MyDict(dict[str, object]):
    pass


class MyList(list[int]):
    pass


# Law: every dtype comes back under its name, with its values, in its own type.
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(tmp_path: Path, dtype: str) -> None:
    values = torch.tensor([[0, 1, 1], [1, 0, 1], [1, 1, 1]]).to(getattr(torch, dtype))
    torch.save({"x": values}, tmp_path / "a")
    found = arrays(tmp_path / "a")["x"]
    rows = found.rows(1, 3)
    assert (found.dtype, found.shape, found.format) == (dtype, (3, 3), "torch")
    assert isinstance(rows, torch.Tensor) and rows.dtype == values.dtype
    assert (plain(rows) == plain(values[1:3])).all()


# Law: views come back as seen, not as stored.
@pytest.mark.parametrize(
    "view",
    [FEATURES.T, FEATURES[1:4], FEATURES[:, 1:3], FEATURES[::2], FEATURES[0].expand(5, 4),
     FEATURES[2, 3], FEATURES[0:0], FEATURES.reshape(2, 3, 4).permute(2, 0, 1)],
)  # fmt: skip
def test_views(tmp_path: Path, view: torch.Tensor) -> None:
    torch.save(view, tmp_path / "a")
    found = arrays(tmp_path / "a")["value"]
    assert found.shape == tuple(view.shape)
    assert (plain(found.whole()) == plain(view)).all()
    if view.ndim:
        assert (plain(found.rows(1, 3)) == plain(view[1:3])).all()


# Law: nested containers become dotted keys; plain values become facts.
def test_nested(tmp_path: Path) -> None:
    content = {
        "state_dict": Net().state_dict(),
        "epoch": 3,
        "hyper_parameters": {"lr": 0.1, "name": "resnet", "betas": (0.9, 0.999)},
        "args": argparse.Namespace(depth=18),
        "acc": numpy.float64(0.5),
        "batches": [torch.ones(2), torch.zeros(2)],
    }
    torch.save(content, tmp_path / "a")
    opened = open_path(tmp_path / "a")
    keys = {array.key for array in opened.arrays}
    assert {"state_dict.fc.weight", "state_dict.body.0.bias", "batches.1"} <= keys
    assert opened.metadata == {
        "epoch": 3,
        "hyper_parameters.lr": 0.1,
        "hyper_parameters.name": "resnet",
        "hyper_parameters.betas": [0.9, 0.999],
        "args.depth": 18,
        "acc": 0.5,
    }
    assert opened.notices == ()


# Law: labels kept as numpy arrays or as Python lists are arrays.
def test_labels_of_every_kind(tmp_path: Path) -> None:
    content = {
        "numpy": LABELS.numpy(),
        "long": numpy.arange(1000),
        "fortran": numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)),
        "big_endian": numpy.arange(3, dtype=">i4"),
        "ints": [0, 1, 2],
        "floats": [0.5, 1],
        "flags": [True, False],
        "rows": [[1.0, 2.0], [3.0, 4.0]],
        "names": ["cat", "doghouse"],
        "numpy_names": numpy.array(["cat", "doghouse"]),
        "numpy_scalars": [numpy.int64(3), numpy.int64(4)],
        "subclass": MyList([5, 6]),
        "deque": collections.deque([7, 8]),
    }
    torch.save(content, tmp_path / "a")
    found = arrays(tmp_path / "a")
    assert found.keys() == content.keys()
    for key, value in content.items():
        assert (plain(found[key].whole()) == numpy.array(value)).all(), key
    assert found["names"].dtype == found["numpy_names"].dtype == "str"
    assert found["ints"].dtype == "int64" and found["floats"].dtype == "float64"


# Law: a module saved whole gives the names of its state dict, without its source.
def test_whole_module(tmp_path: Path) -> None:
    net = Net()
    torch.save({"model": net}, tmp_path / "a")
    found = arrays(tmp_path / "a")
    assert found.keys() == {f"model.{key}" for key in net.state_dict()}
    assert (plain(found["model.fc.weight"].whole()) == plain(net.fc.weight.detach())).all()


# Law: objects of unknown classes are left out by name, what lies in them as arrays is read.
def test_unknown_classes(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to retire quantized tensors
        quantized = torch.quantize_per_tensor(FEATURES, 0.1, 0, torch.qint8)
    content = {
        "stage": Stage.TRAIN,
        "path": Path("x"),
        "batch": Batch(FEATURES, 6),
        "mine": MyDict(weight=FEATURES),
        "default": collections.defaultdict(list, {"a": [1, 2]}),
        "objects": numpy.array([{}, None], dtype=object),
        "sparse": torch.eye(2).to_sparse(),
        "quantized": quantized,
    }
    torch.save(content, tmp_path / "a")
    opened = open_path(tmp_path / "a")
    assert {array.key for array in opened.arrays} == {"batch.features", "mine.weight", "default.a"}
    (notice,) = opened.notices
    assert notice.slug == "objects-ignored"
    names = str(notice.data["names"])
    for part in ("Stage", "Path", "Batch", "MyDict", "type O", "sparse", "quantized"):
        assert part in names, part


# Law: parameters are tensors; the groups of an optimizer are not labels.
def test_parameters_and_optimizers(tmp_path: Path) -> None:
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    torch.save({"p": net.fc.weight, "optimizer": optimizer.state_dict()}, tmp_path / "a")
    assert arrays(tmp_path / "a").keys() == {"p"}


# Law: the root folder inside the zip may have any name, "code" too.
def test_root_named_code(tmp_path: Path) -> None:
    torch.save({"x": FEATURES}, tmp_path / "code.pt")
    assert arrays(tmp_path / "code.pt").keys() == {"x"}


# Law: a file whose storages are shorter than its pickle says is refused before mapping.
@pytest.mark.parametrize("count", [25, 10**9, 2**40])
def test_forged_storage_size(tmp_path: Path, count: int) -> None:
    path = tmp_path / "a"
    _forge(path, FEATURES, b"K\x18", b"\x8a\x08" + count.to_bytes(8, "little"))
    with pytest.raises(InputError) as caught:
        open_path(path)
    assert caught.value.slug == "file-corrupt"


# Law: a shape that reaches behind its storage is refused, and nothing of its size is allocated.
def test_forged_shape(tmp_path: Path) -> None:
    path = tmp_path / "a"
    _forge(
        path,
        FEATURES,
        b"K\x06K\x04\x86",
        b"\x8a\x05" + (10**11).to_bytes(5, "little") + b"K\x04\x86",
    )
    with pytest.raises(InputError, match="behind its storage"):
        open_path(path)


# Law: a stride of zero does not turn four bytes into an array without end.
def test_forged_repetition(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(1).expand(10**12), "y": FEATURES}, tmp_path / "a")
    opened = open_path(tmp_path / "a")
    assert [array.key for array in opened.arrays] == ["y"]
    assert "repeats" in opened.notices[0].message


# Law: torch stores its members; compressed ones, twins and encrypted ones are refused.
def test_compressed_storage(tmp_path: Path) -> None:
    import zipfile

    torch.save(FEATURES, tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a") as old:
        content = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(tmp_path / "b", "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in content.items():
            new.writestr(name, data)
    with pytest.raises(InputError, match="compressed"):
        open_path(tmp_path / "b")


# Law: files written without checksums are still read.
@pytest.mark.skipif(not hasattr(torch.serialization, "set_crc32_options"), reason="older torch")
def test_without_checksums(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"x": FEATURES}, tmp_path / "a")
    finally:
        torch.serialization.set_crc32_options(True)
    assert (plain(arrays(tmp_path / "a")["x"].whole()) == plain(FEATURES)).all()


def _forge(path: Path, value: object, old: bytes, new: bytes) -> None:
    """A checkpoint with one piece of its pickle replaced, everything else consistent."""
    import zipfile

    torch.save(value, path)
    assert "/data.pkl" in "".join(members(path, "torch"))
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            if name.endswith("data.pkl"):
                assert old in data
                data = data.replace(old, new, 1)
            archive.writestr(name, data)
