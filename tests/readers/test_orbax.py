"""Orbax checkpoints of every layout: what comes back, and how little is read for it."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

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

pytest.importorskip("tensorstore", reason="reads and writes Orbax's arrays; large")
from tests.readers import orbax_help as orbax

REAL = Path(__file__).parents[2] / "fixtures" / "orbax" / "run"
KERNEL = numpy.arange(12, dtype="float32").reshape(4, 3)
SMALL = {"params.head.kernel": KERNEL, "params.head.bias": numpy.ones(3, "float16")}


def found(path: Path) -> dict[str, LazyArray]:
    return {array.key: array for array in open_path(path).arrays}


# Law: every layout gives the same arrays, under the same names.
@pytest.mark.parametrize("layout", orbax.LAYOUTS)
@pytest.mark.parametrize("rows", [None, 3])
def test_layouts(tmp_path: Path, layout: str, rows: int | None) -> None:
    orbax.write(tmp_path / "a", SMALL, layout, rows=rows)
    opened = open_path(tmp_path / "a")
    assert opened.format == "orbax" and not opened.notices
    assert {array.key for array in opened.arrays} == SMALL.keys()
    kernel = found(tmp_path / "a")["params.head.kernel"]
    assert (plain(kernel.whole()) == KERNEL).all()
    assert (plain(kernel.rows(2, 9)) == KERNEL[2:]).all()
    assert plain(kernel.rows(3, 1)).shape == (0, 3)


# Law: every type comes back as it was.
@pytest.mark.parametrize(
    "dtype",
    [
        "bfloat16", "float8_e4m3fn", "float8_e5m2", "float16", "float32", "float64", "int8",
        "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "complex64",
        "complex128",
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["ocdbt-zarr", "ocdbt-zarr3"])
def test_types(tmp_path: Path, dtype: str, layout: str) -> None:
    import ml_dtypes  # comes with tensorstore

    kind = numpy.dtype(getattr(ml_dtypes, dtype, dtype))
    values = numpy.array([[1, 0, 1], [0, 1, 1]]).astype(kind)
    orbax.write(tmp_path / "a", {"x": values, "one": values[0, 0]}, layout)
    for key, expected in (("x", values[1:2]), ("one", values[0, 0])):
        array = found(tmp_path / "a")[key]
        rows = array.rows(1, 2) if array.shape else array.whole()
        assert isinstance(rows, torch.Tensor) and array.dtype == dtype
        assert rows.dtype == getattr(torch, dtype) and tuple(rows.shape) == expected.shape
        assert rows.reshape(-1).view(torch.uint8).numpy().tobytes() == expected.tobytes()


# Law: arrays of every shape, in chunks of every size, come back by rows and whole.
@settings(max_examples=20, deadline=None)
@given(
    arrays(integer_dtypes(endianness="<"), array_shapes(min_dims=0, max_dims=3, max_side=5)),
    st.sampled_from(orbax.LAYOUTS),
    st.integers(1, 6),
    st.integers(0, 6),
    st.integers(0, 6),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    array: numpy.ndarray,
    layout: str,
    rows: int,
    start: int,
    stop: int,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "orbax"
    shutil.rmtree(folder, ignore_errors=True)
    one = found(orbax.write(folder, {"x": array}, layout, rows=rows))["x"]
    assert one.shape == array.shape and one.dtype == array.dtype.name
    assert (plain(one.whole()) == array).all()
    if array.shape:
        assert (plain(one.rows(start, stop)) == array[start:stop]).all()


# Law: a tree of many nodes and versions is walked to its newest leaves.
def test_a_tall_tree(tmp_path: Path) -> None:
    many = {f"layer_{number}.w": numpy.full(number + 1, number) for number in range(40)}
    config = {"max_decoded_node_bytes": 400, "max_inline_value_bytes": 20}
    config |= {"version_tree_arity_log2": 1}
    orbax.write(tmp_path / "a", many, config=config)
    orbax.write(tmp_path / "a", {"last": KERNEL}, config=config, listed=False)
    opened = found(tmp_path / "a")
    assert opened.keys() == many.keys() | {"last"}
    for key, values in many.items():
        assert (plain(opened[key].whole()) == values).all()


# Law: what a real checkpoint manager wrote gives the numbers of the same arrays in an .npz.
@pytest.mark.parametrize("path", [REAL, REAL / "100", REAL / "100" / "default"])
def test_a_real_run(tmp_path: Path, path: Path) -> None:
    opened = open_path(path)
    assert opened.metadata == {"step": 100} and not opened.notices
    by_key = {array.key: array for array in opened.arrays}
    assert by_key.keys() == {
        "features", "labels", "params.head.kernel", "params.head.bias", "step"
    }  # fmt: skip
    bias = by_key["params.head.bias"].whole()
    assert isinstance(bias, torch.Tensor) and bias.dtype == torch.bfloat16
    held = {key: plain(by_key[key].whole()) for key in ("features", "labels")}
    weight = plain(by_key["params.head.kernel"].whole()).T.copy()
    numpy.savez(tmp_path / "a.npz", weight=weight, bias=plain(bias), **held)  # type: ignore[arg-type]
    ours, theirs = nctool.analyze(path), nctool.analyze(tmp_path / "a.npz")
    assert ours.run["step"] == 100
    values = {result.id: result.value for result in theirs.metrics}
    assert {result.id: result.value for result in ours.metrics} == values
    assert any(name.startswith("nc3") and value is not None for name, value in values.items())


# Law: a step's folder with several items keeps them apart; what is no array becomes a fact.
def test_items(tmp_path: Path) -> None:
    step = tmp_path / "run" / "7"
    orbax.write(step / "state", SMALL)
    assert open_path(step).metadata == {"step": 7}
    orbax.write(step / "ema", SMALL)
    (step / "_CHECKPOINT_METADATA").write_text("{}")
    (step / "meta").mkdir()
    (step / "meta" / "metadata").write_text('{"epoch": 2, "list": [1], "note": "x"}')
    opened = open_path(step)
    assert opened.metadata == {"step": 7, "epoch": 2, "note": "x"}
    assert [array.key for array in opened.arrays][:2] == [
        "ema.params.head.bias", "ema.params.head.kernel"
    ]  # fmt: skip
    assert open_path(step / "state").metadata == {"step": 7}
    orbax.write(tmp_path / "run" / "20" / "default", SMALL)
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "run")
    assert caught.value.slug == "folder-ambiguous" and "7, 20" in caught.value.message
    shutil.rmtree(step)
    assert open_path(tmp_path / "run").metadata == {"step": 20}


# Law: text, and what the user noted, become facts; nothing stands for nothing.
def test_facts(tmp_path: Path) -> None:
    orbax.write(tmp_path / "a", {**SMALL, "step": numpy.array(3), "epoch": numpy.array(2.5)})
    content = json.loads((tmp_path / "a" / "_METADATA").read_text())
    content["custom_metadata"] = {"run": "blue", "nested": {"x": 1}}
    content["tree_metadata"]["('name',)"] = {
        "key_metadata": [{"key": "name"}], "value_metadata": {"value_type": "string"}
    }  # fmt: skip
    (tmp_path / "a" / "_METADATA").write_text(json.dumps(content))
    (tmp_path / "a" / "_strings.json").write_text('{"name": "digits"}')
    assert open_path(tmp_path / "a").metadata == {"step": 3, "run": "blue", "name": "digits"}


# Law: an older checkpoint leaves out what is all zeros; in a newer one that is damage.
@pytest.mark.parametrize("layout", orbax.LAYOUTS[2:])
def test_unstored_zeros(tmp_path: Path, layout: str) -> None:
    orbax.write(tmp_path / "a", {"x": KERNEL}, layout, rows=2)
    chunk = "c/1/0" if layout.endswith("3") else "1.0"
    (tmp_path / "a" / "x" / chunk).unlink()
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "a")
    assert caught.value.slug == "file-corrupt"
    path = tmp_path / "a" / "_METADATA"
    content = json.loads(path.read_text())
    del content["store_array_data_equal_to_fill_value"]
    path.write_text(json.dumps(content))
    assert (plain(found(tmp_path / "a")["x"].whole())[:2] == KERNEL[:2]).all()
    assert not plain(found(tmp_path / "a")["x"].whole())[2:].any()


# Law: a chunk under another name is missed, never taken for zeros.
def test_misnamed_chunk(tmp_path: Path) -> None:
    orbax.write(tmp_path / "a", {"x": KERNEL}, "files-zarr", rows=2)
    (tmp_path / "a" / "x" / "1.0").rename(tmp_path / "a" / "x" / "7.0")
    array = found(tmp_path / "a")["x"]
    assert (plain(array.rows(0, 2)) == KERNEL[:2]).all()
    with pytest.raises(InputError):
        array.whole()


# Law: two gibibytes open in an instant, and ten rows of them cost the chunks they lie in.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_laziness(tmp_path: Path) -> None:
    chunk = numpy.ones((1000, 1024), "float32")
    orbax.write(tmp_path / "a", {"x": chunk}, "files-zarr", rows=1000)
    description = json.loads((tmp_path / "a" / "x" / ".zarray").read_text())
    description["shape"] = [500_000, 1024]
    (tmp_path / "a" / "x" / ".zarray").write_text(json.dumps(description))
    (tmp_path / "a" / "_METADATA").write_text("{}")
    (tmp_path / "a" / "x" / "0.0").rename(tmp_path / "a" / "x" / "400.0")
    (tmp_path / "a" / "x" / "0.0").write_bytes(b"never read")
    for _ in range(2):  # the second time, the libraries are there
        before, begun = resident(), time.process_time()
        array = found(tmp_path / "a")["x"]
        rows = array.rows(400_990, 401_010)
    assert isinstance(rows, torch.Tensor) and float(rows.sum()) == 10 * 1024
    assert array.shape == (500_000, 1024)
    assert time.process_time() - begun < 1
    assert resident() - before < 32 * 2**20


def resident() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
