"""Folders of features: the shards of all ranks as one array, without what does not count."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import nctool
from nctool.arrays import Opened
from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import arrays, plain

Shard = Mapping[str, torch.Tensor]


def name(rank: int, number: int) -> str:
    return f"features-r{rank:05d}-{number:05d}.safetensors"


def write(
    folder: Path,
    parts: Mapping[tuple[int, int], Shard],
    head: Shard | None = None,
    **fields: Any,
) -> Path:
    """A folder as a capture leaves it."""
    folder.mkdir(exist_ok=True)
    for (rank, number), tensors in parts.items():
        save_file(
            {key: one.contiguous() for key, one in tensors.items()}, folder / name(rank, number)
        )
    if head is not None:
        save_file(dict(head), folder / "head.safetensors")
    some = next(iter(parts.values()))["features"]
    content = {
        "format": "nctool-features", "version": 1, "shards": [name(*one) for one in parts],
        "rows": sum(len(one["features"]) for one in parts.values()), "dim": some.shape[-1],
        "classes": None, "epoch": None, "step": None, "split": None, "layer": None,
    }  # fmt: skip
    (folder / "nctool.json").write_text(json.dumps(content | fields))
    return folder


def shard(rows: Sequence[int], **more: Sequence[int]) -> Shard:
    """Rows whose features and label tell which row they are."""
    numbers = torch.tensor(rows, dtype=torch.int64)
    features = numbers[:, None].float() * 10 + torch.arange(3)
    extra = {key: torch.tensor(values, dtype=torch.int64) for key, values in more.items()}
    return {"features": features, "labels": numbers, **extra}


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        for array in open_path(path).arrays:
            array.whole()
    assert caught.value.message.isprintable() and caught.value.hint
    return caught.value


def slugs(opened: Opened) -> dict[str, object]:
    return {notice.slug: notice.data.get("count") for notice in opened.notices}


TWO_RANKS = {(1, 0): shard([4, 5]), (0, 1): shard([3]), (0, 0): shard([0, 1, 2])}


# Law: rows come by rank and shard, whatever the order in the list; any slice of them is a slice.
@pytest.mark.parametrize(
    ("start", "stop"), [(0, 6), (1, 2), (2, 4), (3, 99), (5, 6), (4, 4), (-2, 6)]
)
def test_order_and_slices(tmp_path: Path, start: int, stop: int) -> None:
    found = arrays(write(tmp_path, TWO_RANKS))
    assert found.keys() == {"features", "labels"}
    whole = shard(range(6))
    for key, expected in whole.items():
        assert found[key].shape == tuple(expected.shape)
        assert plain(found[key].rows(start, stop)).tolist() == expected[start:stop].tolist()


# Law: the mark, opened by its own name, stands for its folder.
def test_mark(tmp_path: Path) -> None:
    write(tmp_path, TWO_RANKS)
    assert open_path(tmp_path / "nctool.json").arrays == open_path(tmp_path).arrays


# Law: masked rows are gone from features, labels and everything beside them, and counted.
def test_mask(tmp_path: Path) -> None:
    shards = {(0, 0): shard([0, 1, 2], mask=[1, 0, 1]), (0, 1): shard([3, 4], mask=[0, 0]),
              (1, 0): shard([5, 6], mask=[0, 1])}  # fmt: skip
    opened = open_path(write(tmp_path, shards))
    found = {array.key: array for array in opened.arrays}
    assert found.keys() == {"features", "labels"} and slugs(opened) == {"rows-masked": 4}
    assert plain(found["labels"].whole()).tolist() == [0, 2, 6]
    assert plain(found["features"].rows(1, 3)).tolist() == shard([2, 6])["features"].tolist()


# Law: of a sample that samplers repeated the first row stays; a masked row is no first one.
def test_repeated_samples(tmp_path: Path) -> None:
    shards = {
        (0, 0): shard([0, 1, 2], index=[10, 12, 14], mask=[0, 1, 1]),
        (1, 0): shard([3, 4, 5], index=[10, 12, 10], mask=[1, 1, 1]),
    }
    opened = open_path(write(tmp_path, shards))
    labels = {array.key: array for array in opened.arrays}["labels"]
    assert plain(labels.whole()).tolist() == [1, 2, 3]
    assert slugs(opened) == {"rows-masked": 1, "rows-repeated": 2}


# Law: an index without repetitions leaves the rows where they are, uncopied, and says nothing.
def test_index_without_padding(tmp_path: Path) -> None:
    opened = open_path(write(tmp_path, {(0, 0): shard([0, 1], index=[7, 3], mask=[1, 1])}))
    assert opened.notices == () and opened.arrays[0].shape[0] == 2


rows = st.lists(
    st.tuples(st.one_of(st.integers(0, 9), st.just(10**12)), st.booleans()), max_size=12
)


# Law: any shards, masks and indexes: the same rows as a plain loop over them keeps.
@settings(max_examples=25, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), st.data())
def test_any_folder(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[list[tuple[int, bool]]],
    data: st.DataObject,
) -> None:
    shards, expected, seen, number = {}, [], set(), 0
    for rank, part in enumerate(drawn):
        numbers = list(range(number, number + len(part)))
        number += len(part)
        for row, (sample, wanted) in zip(numbers, part, strict=True):
            if wanted and sample not in seen:
                expected.append(row)
                seen.add(sample)
        shards[rank, 0] = shard(
            numbers, index=[sample for sample, _ in part], mask=[int(one) for _, one in part]
        )
    folder = write(tmp_path_factory.mktemp("any"), shards)
    if not expected:
        assert refused(folder).slug == "features-empty"
        return
    found = arrays(folder)
    start = data.draw(st.integers(0, len(expected)))
    stop = data.draw(st.integers(0, len(expected) + 1))
    assert plain(found["labels"].rows(start, stop)).tolist() == expected[start:stop]
    features = shard(expected[start:stop])["features"].reshape(-1, 3)
    assert plain(found["features"].rows(start, stop)).tolist() == features.tolist()


# Law: every type comes back bit for bit.
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_types(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    values = torch.randn(4, 3).to(dtype)
    labels = torch.zeros(2, dtype=torch.uint8)
    shards = {
        (0, 0): {"features": values[:2], "labels": labels},
        (1, 0): {"features": values[2:], "labels": labels},
    }
    found = arrays(write(tmp_path, shards))
    whole = found["features"].whole()
    assert isinstance(whole, torch.Tensor) and torch.equal(whole, values)
    assert found["labels"].dtype == "uint8"


# Law: the head and the facts come along.
def test_head_and_facts(tmp_path: Path) -> None:
    head = {"weight": torch.eye(3), "bias": torch.ones(3)}
    folder = write(
        tmp_path,
        TWO_RANKS,
        head,
        classes=["ant", "bee", "cat"],
        epoch=3,
        step=70,
        split="train",
        layer="fc",
    )
    opened = open_path(folder)
    found = {array.key: array for array in opened.arrays}
    assert found.keys() == {"features", "labels", "head.weight", "head.bias"}
    assert plain(found["head.weight"].whole()).tolist() == torch.eye(3).tolist()
    assert opened.metadata == {
        "epoch": 3, "step": 70, "split": "train", "layer": "fc",
        "id2label": {"0": "ant", "1": "bee", "2": "cat"},
    }  # fmt: skip
    assert opened.notices == ()


def sparse(path: Path, rows: int, dim: int) -> None:
    """A shard of that many rows of zeros; the mask, its last array, keeps every other row."""
    entries, position = {}, 0
    for key, kind, shape, size in (
        ("features", "BF16", [rows, dim], 2 * rows * dim),
        ("labels", "U8", [rows], rows),
        ("mask", "BOOL", [rows], rows),
    ):
        offsets = [position, position + size]
        entries[key] = {"dtype": kind, "shape": shape, "data_offsets": offsets}
        position += size
    text = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.seek(position - rows, 1)
        file.write(b"\x01\0" * (rows // 2))


# Law: rows are mapped: gibibytes of them open at once, and a slice costs only itself.
def test_lazy(tmp_path: Path) -> None:
    rows, dim = 2**20, 512
    write(tmp_path, {(rank, 0): shard([0]) for rank in range(2)}, rows=2 * rows, dim=dim)
    for rank in range(2):
        sparse(tmp_path / name(rank, 0), rows, dim)
    found = arrays(tmp_path)["features"]
    assert found.shape == (rows, dim) and found.dtype == "bfloat16"
    across = found.rows(rows // 2 - 2, rows // 2 + 2)
    assert isinstance(across, torch.Tensor) and across.shape == (4, dim) and not across.any()


# Law: a folder without the mark is an unfinished capture, and says so.
def test_unfinished(tmp_path: Path) -> None:
    write(tmp_path, TWO_RANKS)
    (tmp_path / "nctool.json").unlink()
    error = refused(tmp_path)
    assert error.slug == "capture-unfinished" and "unfinished" in error.message


# Law: what contradicts itself is refused, under the name of what is wrong.
@pytest.mark.parametrize(
    ("fields", "slug", "word"),
    [
        ({"rows": 7}, "file-corrupt", "6 rows"),
        ({"rows": True}, "file-corrupt", "rows"),
        ({"dim": 4}, "file-corrupt", "(n, 4)"),
        ({"dim": None}, "file-corrupt", "features"),
        ({"shards": []}, "shards-mixed", "3 shards"),
        ({"shards": [name(0, 0)]}, "shards-mixed", "2 shards"),
        ({"shards": [name(0, 0)] * 3}, "file-corrupt", "once"),
        ({"shards": [name(0, 0), 7]}, "file-corrupt", "list of names"),
        ({"shards": ["../x/" + name(0, 0)]}, "file-corrupt", "no name of a shard"),
        ({"shards": [name(0, 0), name(0, 1), name(1, 0), name(2, 0)]}, "shard-missing", "r00002"),
        ({"version": 2}, "version-unknown", "version 2"),
        ({"version": "1"}, "version-unknown", "version 1"),
        ({"format": "other"}, "file-corrupt", "other"),
    ],
)  # fmt: skip
def test_contradictions(tmp_path: Path, fields: dict[str, Any], slug: str, word: str) -> None:
    error = refused(write(tmp_path, TWO_RANKS, **fields))
    assert error.slug == slug and word in error.message


# Law: shards that do not fit one another are refused.
@pytest.mark.parametrize(
    ("odd", "word"),
    [
        ({"features": torch.ones(2, 3)}, "holds features"),
        ({"features": torch.ones(2, 4), "labels": torch.ones(2).long()}, "(2, 4)"),
        ({"features": torch.ones(2, 3), "labels": torch.ones(3).long()}, "beside"),
        ({"features": torch.ones(2, 3), "labels": torch.ones(2).int()}, "another type"),
        ({"features": torch.ones(2, 3).half(), "labels": torch.ones(2).long()}, "another type"),
        ({"labels": torch.ones(2).long()}, "none"),
    ],
)
def test_misfits(tmp_path: Path, odd: Shard, word: str) -> None:
    write(tmp_path, TWO_RANKS)
    save_file(dict(odd), tmp_path / name(1, 0))
    error = refused(tmp_path)
    assert error.slug == "file-corrupt" and word in error.message


# Law: masks and indexes are integers, and an index is the number of a sample.
def test_selectors(tmp_path: Path) -> None:
    one = {**shard([0, 1]), "mask": torch.ones(2)}
    assert "mask" in refused(write(tmp_path / "mask", {(0, 0): one})).message
    negative = shard([0, 1], index=[0, -1])
    assert "negative" in refused(write(tmp_path / "index", {(0, 0): negative})).message


# Law: no file of the folder leads out of it.
@pytest.mark.parametrize("which", [name(0, 0), "head.safetensors", "nctool.json"])
def test_links(tmp_path: Path, which: str) -> None:
    folder = write(tmp_path / "a", TWO_RANKS, {"weight": torch.eye(3)})
    (folder / which).rename(tmp_path / "outside")
    (folder / which).symlink_to(tmp_path / "outside")
    assert refused(folder).slug == "path-escapes"


# Law: a damaged mark or shard is an input error, and never another kind of error.
def test_damage(tmp_path: Path) -> None:
    write(tmp_path, {(0, 0): shard([0, 1], index=[0, 1], mask=[1, 1])}, {"weight": torch.eye(3)})
    for file in sorted(tmp_path.iterdir()):
        data = file.read_bytes()
        for position in range(len(data)):
            damaged = bytearray(data)
            damaged[position] ^= 1 << (position % 8)
            file.write_bytes(data[:position] if position % 3 == 0 else damaged)
            try:
                for array in open_path(tmp_path).arrays:
                    array.whole()
                assert position % 3
            except InputError as error:
                assert error.message.isprintable()
        file.write_bytes(data)


# Law: the analysis of a folder is that of the same arrays in one .npz.
def test_analysis(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(30) % 3
    features = torch.randn(30, 5, generator=generator) + 3 * torch.eye(3, 5)[labels]
    weight = torch.randn(3, 5, generator=generator)
    extended = torch.cat([features, features[:2]]), torch.cat([labels, labels[:2]])
    index = torch.arange(32) % 30
    shards = {
        (rank, 0): {
            "features": extended[0][part],
            "labels": extended[1][part],
            "index": index[part],
        }
        for rank, part in enumerate((slice(0, 16), slice(16, 32)))
    }
    folder = write(tmp_path / "folder", shards, {"weight": weight}, epoch=4)
    named: dict[str, Any] = {"head.weight": weight.numpy()}
    numpy.savez(
        tmp_path / "plain.npz",
        features=features.numpy(),
        labels=labels.numpy(),
        **named,
    )
    ours, theirs = nctool.analyze(folder), nctool.analyze(tmp_path / "plain.npz")
    assert ours.run["epoch"] == 4
    values = {one.id: one.value for one in theirs.metrics}
    assert values and {one.id: one.value for one in ours.metrics} == values
