"""Arrow and Parquet tables: which columns become arrays, and what comes back of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, from_dtype
from hypothesis.extra.numpy import arrays as numpy_arrays

from nctool.readers import open_path
from tests.readers import arrow_samples as samples
from tests.readers.arrow_samples import (
    DTYPES,
    EVERY,
    FEATURES,
    LABELS,
    ROWS,
    fixed,
    lists,
    stop,
    table,
)
from tests.readers.readers_help import answer_here, arrays, plain


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


# Law: every type comes back under its name, in its own type, as numbers and as rows of numbers.
@pytest.mark.parametrize("kind", EVERY)
def test_every_dtype(tmp_path: Path, kind: str) -> None:
    values = {
        dtype: (numpy.arange(ROWS * 3) % 2).reshape(ROWS, 3).astype(dtype) for dtype in DTYPES
    }
    columns = {f"{key}.rows": fixed(value) for key, value in values.items()}
    columns |= {key: pyarrow.array(value[:, 1]) for key, value in values.items()}
    EVERY[kind](tmp_path / "a", table(**columns))
    found = arrays(tmp_path / "a")
    for dtype, value in values.items():
        for key, expected in ((f"{dtype}.rows", value), (dtype, value[:, 1])):
            rows = found[key].rows(7, 21)
            assert isinstance(rows, torch.Tensor) and rows.dtype == getattr(torch, dtype)
            assert (found[key].dtype, found[key].shape) == (dtype, expected.shape)
            assert (plain(rows) == expected[7:21]).all()
    assert {one.format for one in found.values()} == {kind.split("-")[0]}


# Law: lists of one length are rows, fixed or not, nested or not, in structs or not.
@pytest.mark.parametrize("kind", EVERY)
def test_lists(tmp_path: Path, kind: str) -> None:
    deep = numpy.arange(ROWS * 6, dtype="float64").reshape(ROWS, 3, 2)
    large = pyarrow.array(FEATURES.tolist(), pyarrow.large_list(pyarrow.float32()))
    inside = pyarrow.StructArray.from_arrays([pyarrow.array(LABELS), fixed(FEATURES)], ["y", "x"])
    content = table(
        free=lists(FEATURES.tolist()),
        large=large,
        deep=lists(deep.tolist(), pyarrow.float64(), 2),
        fixed=fixed(deep),
        st=inside,
    )
    EVERY[kind](tmp_path / "a", content)
    found = arrays(tmp_path / "a")
    assert [*found] == ["free", "large", "deep", "fixed", "st.y", "st.x"]
    for key, expected in (
        ("free", FEATURES), ("large", FEATURES), ("deep", deep), ("fixed", deep),
        ("st.y", LABELS), ("st.x", FEATURES),
    ):  # fmt: skip
        assert found[key].shape == expected.shape
        assert (plain(found[key].whole()) == expected).all()
        assert (plain(found[key].rows(9, 12)) == expected[9:12]).all()


# Law: text is text, in every form of it, and as a dictionary.
@pytest.mark.parametrize("kind", EVERY)
def test_text(tmp_path: Path, kind: str) -> None:
    words = ["", "cat", "Wölfe im Schnee ☃", *"abcdefghijklmnopqrst"][:ROWS]
    text = pyarrow.array(words)
    content = {
        "plain": text,
        "large": text.cast(pyarrow.large_string()),
        "coded": pyarrow.array(words).dictionary_encode(),
        "number": pyarrow.array(LABELS * 7).dictionary_encode(),
    }
    if "parquet" not in kind:
        content["view"] = pyarrow.array(words, pyarrow.string_view())
        content["after"] = pyarrow.array(LABELS)
    EVERY[kind](tmp_path / "a", table(**content))
    found = arrays(tmp_path / "a")
    assert [*found] == [*content]
    for key in {"plain", "large", "coded", "view"} & content.keys():
        assert found[key].dtype == "str"
        assert found[key].rows(0, 12).tolist() == words[:12]
        assert found[key].rows(9, 23).tolist() == words[9:]
    assert found["number"].rows(5, 15).tolist() == (LABELS[5:15] * 7).tolist()
    assert "after" not in found or found["after"].whole().tolist() == LABELS.tolist()


# Law: a null or a list of another length never shifts rows: the row is named.
@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize(
    ("column", "found"),
    [
        (pyarrow.array([1.0] * 13 + [None] + [2.0] * 9), "row 13 of 'x' "),
        (pyarrow.array([True] * 21 + [None, False]), "row 21 of 'x' "),
        (pyarrow.array(["a"] * 2 + [None] + ["b"] * 20), "row 2 of 'x' "),
        (lists([[1, 2]] * 12 + [[3, None]] + [[4, 5]] * 10), "row 12 of 'x' "),
        (lists([[1, 2]] * 12 + [[3, 4, 5], [6]] + [[4, 5]] * 9), "row 12 of 'x' "),
        (lists([[[1], [2]]] * 22 + [[[3], [None]]], levels=2), "row 22 of 'x' "),
        (pyarrow.array([{"y": 1}] * 17 + [None] + [{"y": 1}] * 5), "row 17 of 'x.y' "),
        (pyarrow.array([{"y": 1}] * 17 + [{"y": None}] + [{"y": 1}] * 5), "row 17 of 'x.y' "),
    ],
    ids=str,
)
def test_odd_rows(tmp_path: Path, kind: str, column: Any, found: str) -> None:
    EVERY[kind](tmp_path / "a", table(x=column, y=pyarrow.array(LABELS)))
    error = stop(tmp_path / "a")
    assert error.slug == "row-unusable" and found in error.message
    assert arrays(tmp_path / "a")["y"].whole().tolist() == LABELS.tolist()


# Law: the row is also named when others than the odd one are asked for first.
@pytest.mark.parametrize("kind", EVERY)
def test_odd_rows_later(tmp_path: Path, kind: str) -> None:
    EVERY[kind](tmp_path / "a", table(x=pyarrow.array([1.0] * 13 + [None] + [2.0] * 9)))
    x = arrays(tmp_path / "a")["x"]
    assert x.rows(0, 10).tolist() == [1.0] * 10
    for _ in range(2):
        with pytest.raises(Exception, match="row 13 of 'x'"):
            x.rows(11, 15)
    assert x.rows(20, 23).tolist() == [2.0] * 3


# Law: lists that cannot be rows are left out with the first odd row; the others are read.
@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[1, 2]] * 14 + [[3]] + [[1, 2]] * 8, "row 14 has 1 values, expected 2"),
        ([[1, 2]] * 14 + [[]] + [[1, 2]] * 8, "row 14 has 0 values, expected 2"),
        ([[1, 2]] * 14 + [None] + [[1, 2]] * 8, "row 14 has no value"),
        ([[1], [2, 3, 4]] + [[5]] * 21, "row 1 has 3 values, expected 1"),
        ([None] + [[1, 2, 3]] * 22, "row 0 has no value"),
    ],
    ids=str,
)
def test_ragged(tmp_path: Path, kind: str, rows: list[Any], said: str) -> None:
    EVERY[kind](tmp_path / "a", table(x=lists(rows), y=pyarrow.array(LABELS)))
    opened = open_path(tmp_path / "a")
    assert [array.key for array in opened.arrays] == ["y"]
    (notice,) = opened.notices
    assert notice.slug == "objects-ignored" and f"'x' ({said})" in notice.message


# Law: columns of other things are left out by name; a table of nothing else is refused.
@pytest.mark.parametrize("kind", EVERY)
def test_other_columns(tmp_path: Path, kind: str) -> None:
    others = {
        "when": pyarrow.array([0] * ROWS, pyarrow.timestamp("ms")),
        "bytes": pyarrow.array([b"x"] * ROWS),
        "words": pyarrow.array([["a"]] * ROWS),
        "map": pyarrow.array([[("a", 1)]] * ROWS, pyarrow.map_(pyarrow.string(), pyarrow.int8())),
        "void": pyarrow.nulls(ROWS),
    }
    EVERY[kind](tmp_path / "a", table(**others, y=pyarrow.array(LABELS)))
    opened = open_path(tmp_path / "a")
    assert [array.key for array in opened.arrays] == ["y"]
    assert opened.notices[0].data["names"] == [*others]
    assert opened.arrays[0].whole().tolist() == LABELS.tolist()
    EVERY[kind](tmp_path / "b", table(**others))
    assert stop(tmp_path / "b").slug == "table-no-arrays"


# Law: columns that differ by a running number are one matrix, in the order of their numbers.
@pytest.mark.parametrize("kind", EVERY)
def test_gathered(tmp_path: Path, kind: str) -> None:
    values = numpy.arange(ROWS * 12, dtype="float32").reshape(ROWS, 12)
    order = [3, 11, 0, 10, 1, 2, 4, 9, 5, 6, 8, 7]
    columns = {f"emb_{number}": pyarrow.array(values[:, number]) for number in order}
    others = {f"y{number}": pyarrow.array(values[:, number]) for number in (1, 2, 4, 5)}
    EVERY[kind](tmp_path / "a", table(**columns, labels=pyarrow.array(LABELS), **others))
    opened = open_path(tmp_path / "a")
    found = arrays(tmp_path / "a")
    assert [*found] == ["emb_0:emb_11", "labels", *others]
    assert found["emb_0:emb_11"].shape == (ROWS, 12)
    assert (plain(found["emb_0:emb_11"].whole()) == values).all()
    assert (plain(found["emb_0:emb_11"].rows(8, 13)) == values[8:13]).all()
    assert [notice.slug for notice in opened.notices] == ["columns-gathered"]
    assert plain(found["y4"].whole()).tolist() == values[:, 4].tolist()


# Law: a null in a gathered column is as loud as in any other.
@pytest.mark.parametrize("kind", EVERY)
def test_gathered_null(tmp_path: Path, kind: str) -> None:
    columns = {str(number): pyarrow.array([1.0] * 11 + [None] * 12) for number in range(5)}
    EVERY[kind](tmp_path / "a", table(**columns))
    assert "row 11 of '0" in stop(tmp_path / "a").message


# Law: tensors of the library have the shape they say; a permuted one stays flat.
@pytest.mark.parametrize("kind", EVERY)
def test_tensors(tmp_path: Path, kind: str) -> None:
    values = numpy.arange(ROWS * 6, dtype="float32").reshape(ROWS, 3, 2)
    kinds = pyarrow.fixed_shape_tensor
    flat = fixed(values.reshape(ROWS, 6))
    columns = {
        "x": pyarrow.ExtensionArray.from_storage(kinds(pyarrow.float32(), [3, 2]), flat),
        "p": pyarrow.ExtensionArray.from_storage(
            kinds(pyarrow.float32(), [3, 2], permutation=[1, 0]), flat
        ),
    }
    EVERY[kind](tmp_path / "a", table(**columns))
    found = arrays(tmp_path / "a")
    assert (plain(found["x"].whole()) == values).all()
    assert (plain(found["p"].rows(3, 11)) == values[3:11].reshape(-1, 6)).all()


# Law: tables without rows, or without lists in them, are tables too.
@pytest.mark.parametrize("kind", EVERY)
def test_empty(tmp_path: Path, kind: str) -> None:
    content = table(x=fixed(FEATURES), l=lists(FEATURES.tolist()), s=pyarrow.array(["a"] * ROWS))
    EVERY[kind](tmp_path / "a", content.slice(0, 0))
    found = arrays(tmp_path / "a")
    assert [one.shape for one in found.values()] == [(0, 4), (0, 0), (0,)]
    assert [len(one.whole()) for one in found.values()] == [0, 0, 0]


# Law: any rows of any numbers come back as they were written, however they are cut.
@settings(max_examples=25, deadline=None)
@given(
    data=st.data(),
    dtype=st.sampled_from(["float32", "float64", "float16", "int32", "uint8", "bool"]),
    shape=array_shapes(min_dims=1, max_dims=3, max_side=7),
    rows=st.integers(1, 8),
    kind=st.sampled_from(sorted(EVERY)),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    dtype: str,
    shape: tuple[int, ...],
    rows: int,
    kind: str,
) -> None:
    path = tmp_path_factory.mktemp("a") / "a"
    values = data.draw(numpy_arrays(dtype, shape, elements=from_dtype(numpy.dtype(dtype))))
    item = pyarrow.from_numpy_dtype(dtype)
    column = data.draw(st.sampled_from([fixed, lambda x: lists(x.tolist(), item, x.ndim - 1)]))
    EVERY[kind](path, table(x=column(values)), rows=rows)
    found = arrays(path)["x"]
    for _ in range(4):
        start, stop_ = data.draw(st.integers(-9, 9)), data.draw(st.integers(-9, 9))
        assert plain(found.rows(start, stop_)).tobytes() == values[start:stop_].tobytes()
    assert found.shape == values.shape


# Law: dictionaries of a stream grow and change, and each batch keeps the one it was written with.
def test_changing_dictionaries(tmp_path: Path) -> None:
    kind = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    batches = [
        pyarrow.record_batch([pyarrow.array(words, kind)], ["x"])
        for words in (["a", "b"], ["a", "b", "c"], ["z", "y", "z"])
    ]
    for deltas in (False, True):
        options = pyarrow.ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)
        with pyarrow.ipc.new_stream(
            str(tmp_path / "a"), batches[0].schema, options=options
        ) as stream:
            for batch in batches:
                stream.write_batch(batch)
        x = arrays(tmp_path / "a")["x"]
        assert x.whole().tolist() == list("ababczyz")
        assert x.rows(1, 3).tolist() == list("ba") and x.rows(6, 8).tolist() == list("yz")


# Law: class names and plain words of the schema are facts of the file.
@pytest.mark.parametrize("kind", EVERY)
def test_facts(tmp_path: Path, kind: str) -> None:
    content = samples.with_class_names(table(), {"labels": ["cat", "dog", "eel"]})
    content = content.replace_schema_metadata({**content.schema.metadata, "epoch": "10"})
    EVERY[kind](tmp_path / "a", content)
    assert open_path(tmp_path / "a").metadata == {
        "epoch": "10",
        "id2label": {"0": "cat", "1": "dog", "2": "eel"},
    }


# Law: several columns of classes leave the names to the user.
def test_several_class_names(tmp_path: Path) -> None:
    content = samples.with_class_names(table(), {"fine": ["a", "b"], "coarse": ["c"]})
    samples.write_file(tmp_path / "a", content)
    opened = open_path(tmp_path / "a")
    assert not opened.metadata and [one.slug for one in opened.notices] == ["class-names-several"]


# Law: text out of proportion to its file is refused before it is an array.
@pytest.mark.parametrize("kind", EVERY)
def test_long_text(tmp_path: Path, kind: str) -> None:
    words = pyarrow.array(["x" * 100_000] + ["y"] * 9_999).dictionary_encode()
    EVERY[kind](tmp_path / "a", table(x=words), rows=4_000)
    assert stop(tmp_path / "a").slug == "text-too-long"


# Law: without the library every form is recognised, and the extra is named.
@pytest.mark.parametrize("kind", EVERY)
def test_without_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    EVERY[kind](tmp_path / "a", table())
    monkeypatch.setattr("nctool.core.extras.find_spec", lambda module: None)
    error = stop(tmp_path / "a")
    assert (error.slug, error.hint) == ("extra-missing", "pip install 'nctool[arrow]'")


# Law: a library that is too old to be trusted is not asked.
@pytest.mark.parametrize("kind", EVERY)
def test_old_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    EVERY[kind](tmp_path / "a", table())
    monkeypatch.setattr("nctool.readers.shared.table.guarded.version", lambda name: "14.0.0")
    assert stop(tmp_path / "a").slug == "extra-outdated"


# Law: through the child come the same rows as through this process, of every kind of column.
@pytest.mark.parametrize("kind", EVERY)
def test_guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    words = pyarrow.array(["", "Wölfe ☃", "cat"] * 7 + ["eel", "ox"])
    numbers = {f"e{number}": FEATURES[:, number] for number in range(4)}
    content = table(
        x=fixed(FEATURES), l=lists(FEATURES.tolist()), y=LABELS, s=words, b=LABELS > 0,
        d=words.dictionary_encode(), **numbers,
    )  # fmt: skip
    EVERY[kind](tmp_path / "a", content)
    here = {key: plain(array.whole()) for key, array in arrays(tmp_path / "a").items()}
    monkeypatch.undo()
    opened = open_path(tmp_path / "a")
    assert [array.key for array in opened.arrays] == ["x", "l", "y", "s", "b", "d", "e0:e3"]
    for array in opened.arrays:
        assert (plain(array.whole()) == here[array.key]).all()
        assert (plain(array.rows(7, 15)) == here[array.key][7:15]).all()
    assert [notice.slug for notice in opened.notices] == ["columns-gathered"]


# Law: what is found odd in the child keeps its name, its row and what to do.
def test_guarded_odd_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    samples.write_file(tmp_path / "a", table(x=pyarrow.array([1.0] * 13 + [None])))
    error = stop(tmp_path / "a")
    assert (error.slug, error.hint.split()[0]) == ("row-unusable", "leave")
    assert "row 13 of 'x' in '" in error.message and error.message.endswith("' has no value")
