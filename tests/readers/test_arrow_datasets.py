"""Folders of tables: saved datasets, splits, parts of one table, and what may not be followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save_file

import nctool
from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers import arrow_samples as samples
from tests.readers.arrow_samples import (
    FEATURES,
    LABELS,
    save_to_disk,
    stop,
    table,
    with_class_names,
)
from tests.readers.readers_help import answer_here, arrays, plain


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


DIGITS = Path(__file__).parents[2] / "fixtures" / "digits" / "epoch=0010.safetensors"


def digits(split: str) -> Any:
    """The samples of one split as a table."""
    found = load_file(DIGITS)
    labels = found[f"{split}_labels"].astype("int64")
    return table(features=samples.lists(found[f"{split}_features"].tolist()), labels=labels)


def head(path: Path) -> Path:
    found = load_file(DIGITS)
    save_file({key: found[key] for key in ("head.weight", "head.bias")}, path)
    return path


def same(folder: Path, prefix: str = "") -> None:
    """The sample's columns came back, whole and by rows."""
    found = arrays(folder)
    assert {f"{prefix}features", f"{prefix}labels"} <= {*found}
    assert (plain(found[f"{prefix}features"].whole()) == FEATURES).all()
    assert (plain(found[f"{prefix}features"].rows(6, 17)) == FEATURES[6:17]).all()
    assert found[f"{prefix}labels"].whole().tolist() == LABELS.tolist()


def index(folder: Path) -> None:
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))


# Law: a saved dataset is its files in the order it names them.
@pytest.mark.parametrize("shards", [1, 3])
def test_saved_dataset(tmp_path: Path, shards: int) -> None:
    save_to_disk(tmp_path / "d", with_class_names(table(), {"labels": ["a", "b", "c"]}), shards)
    same(tmp_path / "d")
    assert open_path(tmp_path / "d").metadata["id2label"] == {"0": "a", "1": "b", "2": "c"}
    state = json.loads((tmp_path / "d" / "state.json").read_text())
    state["_data_files"].reverse()
    (tmp_path / "d" / "state.json").write_text(json.dumps(state))
    first = plain(arrays(tmp_path / "d")["labels"].whole())[0]
    assert first == LABELS[{1: 0, 3: 16}[shards]]


# Law: class names stand in the folder's description, where the schema has none.
def test_described_beside(tmp_path: Path) -> None:
    save_to_disk(tmp_path / "d", table())
    features = {"labels": {"names": ["a", "b"], "_type": "ClassLabel"}}
    (tmp_path / "d" / "dataset_info.json").write_text(json.dumps({"features": features}))
    assert open_path(tmp_path / "d").metadata["id2label"] == {"0": "a", "1": "b"}
    (tmp_path / "d" / "dataset_info.json").write_text("[" * 100_000)
    assert "id2label" not in open_path(tmp_path / "d").metadata


# Law: the splits of a saved DatasetDict stand in front of their columns, and --split chooses.
def test_saved_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save_to_disk(tmp_path / "d" / split, digits(split), 2)
    index(tmp_path / "d")
    assert [*arrays(tmp_path / "d")] == [
        "train.features", "train.labels", "test.features", "test.labels"
    ]  # fmt: skip
    weights = head(tmp_path / "head.safetensors")
    for split in ("train", "test"):
        expected = nctool.analyze(DIGITS, split=split)
        assert nctool.analyze(tmp_path / "d", weights, split=split).digest == expected.digest


# Law: the same numbers from a table give the same digest, whatever the table lies in.
@pytest.mark.parametrize("kind", samples.EVERY)
def test_same_digest(tmp_path: Path, kind: str) -> None:
    samples.EVERY[kind](tmp_path / "samples", digits("train"), rows=300)
    found = nctool.analyze(tmp_path / "samples", head(tmp_path / "head.safetensors"))
    assert found.digest == nctool.analyze(DIGITS, split="train").digest


# Law: files of one table follow one another as a person counts; others stand under their names.
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize(
    "names",
    [
        ["data/train-00000-of-00003", "data/train-00001-of-00003", "data/train-00002-of-00003"],
        ["part-9", "part-10", "part-11"],
        ["0000", "0001", "0002"],
        ["part-00000-6e2b.c000.snappy", "part-00001-6e2b.c000.snappy", "part-00002-1f.c000"],
        ["default/train/0000", "default/train/0001", "default/train/0002"],
    ],
    ids=str,
)
def test_parts(tmp_path: Path, suffix: str, names: list[str]) -> None:
    write = samples.write_parquet if suffix == "parquet" else samples.write_stream
    for number, name in enumerate(names):
        file = tmp_path / f"{name}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, table().slice(8 * number, 8))
    same(tmp_path)


# Law: files of several splits stand under their splits, wherever the layout keeps those.
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize(
    "layout",
    [
        "{0}.{1}",
        "data/{0}-00000-of-00001.{1}",
        "{0}/0000.{1}",
        "{0}-00000-of-00001-0123456789abcdef.{1}",
    ],
)
def test_split_files(tmp_path: Path, suffix: str, layout: str) -> None:
    write = samples.write_parquet if suffix == "parquet" else samples.write_stream
    for split in ("train", "test"):
        file = tmp_path / layout.format(split, suffix)
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, table())
    for split in ("train", "test"):
        same(tmp_path, f"{split}.")


# Law: a missing file of a set that says how many it has is missed.
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_missing_part(tmp_path: Path, suffix: str) -> None:
    write = samples.write_parquet if suffix == "parquet" else samples.write_stream
    for number in (0, 2):
        write(tmp_path / f"train-0000{number}-of-00003.{suffix}", table())
    assert stop(tmp_path).slug == "shard-missing"


# Law: files that do not fit together are no table: the column is named, the others are read.
def test_misfits(tmp_path: Path) -> None:
    samples.write_parquet(tmp_path / "part-0.parquet", table(x=LABELS, y=FEATURES[:, 0], z=LABELS))
    samples.write_parquet(tmp_path / "part-1.parquet", table(x=LABELS, y=LABELS))
    opened = open_path(tmp_path)
    assert [array.key for array in opened.arrays] == ["x"]
    assert opened.arrays[0].shape == (46,)
    assert "'y' (float32 () in one file and int64 () in another)" in opened.notices[0].message
    assert "'z' (not once in part-1.parquet)" in opened.notices[0].message


# Law: two columns of one name are neither.
@pytest.mark.parametrize("kind", samples.EVERY)
def test_twice_the_same_name(tmp_path: Path, kind: str) -> None:
    content = table(a=LABELS, b=LABELS, c=LABELS).rename_columns(["a", "a", "c"])
    samples.EVERY[kind](tmp_path / "a", content)
    assert [*arrays(tmp_path / "a")] == ["c"]


SECRET = b"canary"


def escaping(tmp_path: Path, how: str) -> Path:
    """A folder that asks for the rows of a file outside of it."""
    folder = tmp_path / "d"
    save_to_disk(folder, table())
    samples.write_stream(tmp_path / "secret.arrow", table(canary=LABELS))
    state = {"_data_files": [{"filename": "../secret.arrow"}]}
    if how == "absolute":
        state["_data_files"][0]["filename"] = str(tmp_path / "secret.arrow")
    if how == "link":
        (folder / "link.arrow").symlink_to("../secret.arrow")
        state["_data_files"][0]["filename"] = "link.arrow"
    (folder / "state.json").write_text(json.dumps(state))
    if how == "folder of links":
        (tmp_path / "links").mkdir()
        (tmp_path / "links" / "train.arrow").symlink_to("../secret.arrow")
        return tmp_path / "links"
    if how == "parquet link":
        (tmp_path / "links").mkdir()
        samples.write_parquet(tmp_path / "secret.parquet", table(canary=LABELS))
        (tmp_path / "links" / "train.parquet").symlink_to("../secret.parquet")
        return tmp_path / "links"
    return folder


# Law: a dataset consists of files of its own folder.
@pytest.mark.parametrize("how", ["dots", "absolute", "link", "folder of links", "parquet link"])
def test_escapes(tmp_path: Path, how: str) -> None:
    error = stop(escaping(tmp_path, how))
    assert error.slug == "path-escapes" and "canary" not in error.message


# Law: a split is a folder of the dataset, too.
@pytest.mark.parametrize("name", ["..", "../other", "/etc", "", "train/../../other", "link"])
def test_escaping_split(tmp_path: Path, name: str) -> None:
    save_to_disk(tmp_path / "other", table())
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "link").symlink_to("../other")
    (tmp_path / "d" / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    assert stop(tmp_path / "d").slug == "path-escapes"


# Law: what a description lacks, or says wrongly, is named with what to do.
@pytest.mark.parametrize(
    ("state", "slug"),
    [
        ({"_data_files": []}, "index-invalid"),
        ({}, "index-invalid"),
        ({"_data_files": [{"filename": 3}]}, "index-invalid"),
        ({"_data_files": ["data.arrow"]}, "index-invalid"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "shard-missing"),
        ({"_data_files": [{"filename": "."}]}, "shard-missing"),
        ([], "file-corrupt"),
        (
            {"_data_files": [{"filename": "a"}], "_indices_data_files": [{"filename": "b"}]},
            "dataset-indices",
        ),
    ],
    ids=str,
)
def test_bad_states(tmp_path: Path, state: object, slug: str) -> None:
    save_to_disk(tmp_path / "d", table())
    (tmp_path / "d" / "state.json").write_text(json.dumps(state))
    assert stop(tmp_path / "d").slug == slug


@pytest.mark.parametrize("splits", [None, [], "train", [3], {"train": 1}])
def test_bad_splits(tmp_path: Path, splits: object) -> None:
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": splits}))
    assert stop(tmp_path).slug == "index-invalid"


# Law: a model's folder, or one without tables, is not taken for a table.
def test_other_folders(tmp_path: Path) -> None:
    samples.write_parquet(tmp_path / "a.parquet", table())
    numpy.save(tmp_path / "x.npy", FEATURES)
    assert open_path(tmp_path).format == "numpy-folder"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        open_path(tmp_path / "empty")
    assert caught.value.slug == "folder-unknown"
