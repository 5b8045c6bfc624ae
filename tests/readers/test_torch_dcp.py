"""Torch distributed checkpoints: chunks of all ranks put together, nothing run, nothing guessed."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)
from torch.distributed.checkpoint.state_dict_saver import save as save_distributed

import nctool
from nctool.core.checkpoints import Moment, moment_of
from nctool.core.errors import InputError
from nctool.readers import open_path
from nctool.readers.shared import tiles
from nctool.readers.shared.tiles import Box, untiled
from tests.readers.readers_help import FEATURES, LABELS, arrays, plain

SAMPLES = Path(__file__).parents[2] / "fixtures" / "dcp"
Chunks = Sequence[tuple[tuple[int, ...], tuple[int, ...]]]


def save(folder: Path, **content: object) -> Path:
    """A checkpoint of one process, by torch itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is one process only
        save_distributed(content, checkpoint_id=folder, no_dist=True)
    return folder


def packed(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def write(folder: Path, tensors: dict[str, tuple[torch.Tensor, Chunks]], **more: object) -> Path:
    """A checkpoint of any layout: each tensor in the chunks of these offsets and sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    described: dict[str, Any] = {}
    stored: dict[MetadataIndex, _StorageInfo] = {}
    with (folder / "__0_0.distcp").open("wb") as file:
        for key, (tensor, chunks) in tensors.items():
            boxes = [ChunkStorageMetadata(torch.Size(at), torch.Size(size)) for at, size in chunks]
            properties = TensorProperties(dtype=tensor.dtype)
            described[key] = TensorStorageMetadata(properties, tensor.size(), boxes)
            for at, size in chunks:
                part = tensor[tuple(slice(a, a + b) for a, b in zip(at, size, strict=True))]
                data = packed(part.clone())
                stored[MetadataIndex(key, at)] = _StorageInfo(
                    "__0_0.distcp", file.tell(), len(data)
                )
                file.write(data)
        for key, value in more.items():
            data = packed(value)
            described[key] = BytesStorageMetadata()
            stored[MetadataIndex(key)] = _StorageInfo("__0_0.distcp", file.tell(), len(data))
            file.write(data)
    rewrite(folder, Metadata(described, storage_data=stored))
    return folder


def rewrite(folder: Path, metadata: object) -> None:
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))


def metadata(folder: Path) -> Any:
    return pickle.loads((folder / ".metadata").read_bytes())


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        for array in open_path(path).arrays:
            array.whole()
    assert caught.value.message.isprintable() and caught.value.hint
    return caught.value


DTYPES = (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 "
    "float8_e4m3fn float8_e5m2"
).split()


# Law: every type comes back as it was, under its full name, with any rows of it.
@pytest.mark.parametrize("name", DTYPES)
def test_types(tmp_path: Path, name: str) -> None:
    values = (torch.arange(12).reshape(4, 3) % 7).to(getattr(torch, name))
    found = arrays(save(tmp_path, model={"layer": {"w": values}}))["model.layer.w"]
    assert (found.shape, found.dtype) == ((4, 3), name)
    for start, stop in [(0, 4), (1, 3), (3, 9), (2, 2)]:
        rows = found.rows(start, stop)
        assert isinstance(rows, torch.Tensor) and rows.dtype == values.dtype
        assert rows.tolist() == values[start:stop].tolist()


# Law: numbers without dimensions, arrays without elements, views and parameters are read too.
def test_shapes(tmp_path: Path) -> None:
    content = {
        "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4), "flat": torch.zeros(3, 0),
        "view": FEATURES.t(), "part": FEATURES[1:3, 1:], "p": torch.nn.Parameter(FEATURES.clone()),
    }  # fmt: skip
    found = arrays(save(tmp_path, **content))
    assert found.keys() == content.keys()
    for key, expected in content.items():
        assert found[key].shape == tuple(expected.shape)
        assert plain(found[key].whole()).tolist() == expected.tolist()


# Law: when it was saved is a fact, whether kept as an object or as a tensor; the rest is counted.
def test_facts(tmp_path: Path) -> None:
    content = {"epoch": 3, "train_state": {"step": torch.tensor(70)}, "note": "x", "more": {1, 2}}
    opened = open_path(save(tmp_path, w=FEATURES, **content))
    assert opened.metadata == {"epoch": 3, "train_state.step": 70, "step": 70}
    (notice,) = opened.notices
    assert notice.slug == "objects-ignored" and notice.data == {
        "count": 2,
        "names": ["note", "more"],
    }


# Law: what Lightning and Megatron keep beside the shards says when it was saved.
@pytest.mark.parametrize(("name", "key"), [("meta.pt", "global_step"), ("common.pt", "iteration")])
def test_companions(tmp_path: Path, name: str, key: str) -> None:
    save(tmp_path, w=FEATURES)
    torch.save({key: 40, "callbacks": {}, "epoch": 2}, tmp_path / name)
    opened = open_path(tmp_path)
    assert moment_of("", opened.metadata) == Moment(2, 40)
    assert opened.notices == ()


# Law: the folder opens by one of its files, and one level up when nothing else lies there.
def test_ways_in(tmp_path: Path) -> None:
    folder = save(tmp_path / "checkpoint-100" / "pytorch_model_fsdp_0", w=FEATURES)
    save(tmp_path / "checkpoint-100" / "optimizer_0", state=FEATURES)
    for path in (folder, folder / ".metadata", folder / "__0_0.distcp", folder.parent):
        assert list(arrays(path)) == ["w"]
    torch.save({"v": FEATURES}, folder.parent / "pytorch_model.bin")
    assert list(arrays(folder.parent)) == ["v"]
    (folder.parent / "pytorch_model.bin").unlink()
    shutil.copytree(folder, folder.parent / "pytorch_model_fsdp_1")
    assert refused(folder.parent).slug == "folder-ambiguous"


RANKS = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())


# Law: real checkpoints of several ranks, sharded along one dimension and two, are put together.
@pytest.mark.parametrize("name", RANKS)
def test_ranks(name: str) -> None:
    opened = open_path(SAMPLES / name)
    found = {array.key: array for array in opened.arrays}
    rows = torch.arange(28.0).reshape(7, 4)
    expected = {"rows": rows, "columns": rows, "whole": rows, "one": torch.ones(1, 3)}
    assert found.keys() == {f"model.{key}" for key in (*expected, "fc.weight", "fc.bias")}
    assert opened.metadata == {"epoch": 5}
    for key, values in expected.items():
        for start, stop in [(0, 7), (1, 6), (3, 4), (5, 7), (4, 4)]:
            got = plain(found[f"model.{key}"].rows(start, stop))
            assert got.tolist() == values[start:stop].tolist()
    assert plain(found["model.fc.weight"].whole()).tolist() == torch.eye(3, 4).tolist()


# Law: ranks that saved without collectives leave a description each; without one there is a gap.
def test_a_rank_is_missing(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "each", tmp_path / "a")
    assert len(list((tmp_path / "a").glob("__*.metadata"))) == 2
    (tmp_path / "a" / "__1.metadata").unlink()
    error = refused(tmp_path / "a")
    assert error.slug == "chunks-incomplete" and "only 16 of its 28" in error.message


def cuts(size: int) -> st.SearchStrategy[list[int]]:
    return st.sets(st.integers(0, size), max_size=3).map(lambda inner: sorted({0, size, *inner}))


# Law: cut anywhere along every dimension and saved in any order, the array is the same.
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_cut(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)))
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    boxes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), ())]
    for size in shape:
        bounds = data.draw(cuts(size))
        pairs = [(a, b - a) for a, b in pairwise(bounds)]
        boxes = [((*at, a), (*long, b)) for at, long in boxes for a, b in pairs]
    folder = tmp_path_factory.mktemp("cut")
    found = arrays(write(folder, {"x": (values, data.draw(st.permutations(boxes)))}))["x"]
    start, stop = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 7))
    assert plain(found.rows(start, stop)).tolist() == values[start:stop].tolist()


def box(at: tuple[int, ...], size: tuple[int, ...]) -> Box:
    return Box(at, size)


# Law: gaps and overlaps are found even when the sizes add up.
@pytest.mark.parametrize(
    ("boxes", "word"),
    [
        ([box((0, 0), (2, 4))], "only 8 of its 16"),
        ([box((0, 0), (4, 4)), box((1, 1), (1, 1))], "overlap"),
        ([box((0, 0), (2, 4)), box((1, 0), (2, 4))], "overlap"),
        ([box((0, 0), (2, 2)), box((2, 2), (2, 2)), box((0, 1), (4, 2))], "overlap"),
        ([box((0, 0), (2, 4)), box((3, 0), (2, 4))], "not inside"),
        ([box((0,), (4,)), box((0, 0), (4, 4))], "not inside"),
        ([box((0, 0), (2, 2)), box((0, 2), (3, 2)), box((2, 0), (2, 2)), box((3, 2), (1, 2))], ""),
    ],
)
def test_tiling(boxes: list[Box], word: str) -> None:
    found = untiled((4, 4), boxes)
    assert found == word if not word else word in found


# Law: the checks agree with counting every element, for any boxes.
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 2)] * 2, *[st.integers(0, 3)] * 2), max_size=6))
def test_tiling_by_counting(drawn: list[tuple[int, int, int, int]]) -> None:
    boxes, count = [], numpy.zeros((6, 6), dtype=int)
    for top, left, height, width in drawn:
        boxes.append(box((top, left), (height, width)))
        count[top : top + height, left : left + width] += 1
    filled = [one for one in boxes if one.count]
    assert tiles._overlap(filled, 2) is bool((count > 1).any())
    exact = bool((count[:3, :3] == 1).all() and count.sum() == 9)
    assert (untiled((3, 3), boxes) == "") is exact


# Law: thousands of ranks are checked at once; boxes made to be slow are refused.
def test_many_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = [box((a, b, 0), (1, 1, 2)) for a in range(64) for b in range(64)]
    monkeypatch.setattr(tiles, "MOST_STEPS", 2 * len(grid))
    assert untiled((64, 64, 2), grid) == ""
    below = [box((a, a), (64 - a, 1)) for a in range(64)]
    above = [box((0, a), (a, 1)) for a in range(64)]
    assert untiled((64, 64), below + above) == ""
    monkeypatch.setattr(tiles, "MOST_STEPS", 100)
    with pytest.raises(ValueError, match="wildly"):
        untiled((64, 64), below + above)


def damage_chunk(folder: Path) -> None:
    content = metadata(folder)
    content.state_dict_metadata["x"].chunks.pop()
    rewrite(folder, content)


def damage_size(folder: Path) -> None:
    content = metadata(folder)
    content.state_dict_metadata["x"].size = torch.Size([60, 4])
    rewrite(folder, content)


def damage_place(folder: Path) -> None:
    content = metadata(folder)
    content.storage_data.pop(MetadataIndex("x", (0, 0)))
    rewrite(folder, content)


def place(**fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = metadata(folder)
        for name, value in fields.items():
            setattr(content.storage_data[MetadataIndex("x", (0, 0))], name, value)
        rewrite(folder, content)

    return change


def damage_dtype(folder: Path) -> None:
    content = metadata(folder)
    content.state_dict_metadata["x"].properties.dtype = torch.int32
    rewrite(folder, content)


def damage_swap(folder: Path) -> None:
    content = metadata(folder)
    content.storage_data[MetadataIndex("x", (0, 0))] = content.storage_data[
        MetadataIndex("y", (0,))
    ]
    rewrite(folder, content)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a chunk fewer": (damage_chunk, "chunks-incomplete"),
    "more rows": (damage_size, "chunks-incomplete"),
    "no place": (damage_place, "chunks-incomplete"),
    "another type": (damage_dtype, "file-corrupt"),
    "another's bytes": (damage_swap, "file-corrupt"),
    "too few bytes": (place(length=20), "chunks-incomplete"),
    "bytes of the next": (place(length=2000), "file-corrupt"),
    "behind the end": (place(offset=10**12), "file-truncated"),
    "endless": (place(offset=10**6, length=2**62), "file-truncated"),
    "no bytes": (place(length=None), "file-corrupt"),
    "dots": (place(relative_path="../outside"), "path-escapes"),
    "root": (place(relative_path="/etc/hostname"), "path-escapes"),
    "missing": (place(relative_path="__7_0.distcp"), "shard-missing"),
    "no description": (lambda folder: (folder / ".metadata").unlink(), "checkpoint-unfinished"),
    "empty description": (lambda folder: rewrite(folder, {}), "file-corrupt"),
    "other description": (lambda folder: rewrite(folder, Metadata({})), "file-corrupt"),
    "no shards": (lambda folder: (folder / "__0_0.distcp").unlink(), "folder-unknown"),
}


# Law: what contradicts itself is refused under its own name, and never read half.
@pytest.mark.parametrize("name", sorted(DAMAGES))
def test_contradictions(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_bytes(packed(FEATURES))
    folder = tmp_path / "a"
    layout = [((0, 0), (3, 4)), ((3, 0), (3, 4))]
    write(folder, {"x": (FEATURES, layout), "y": (LABELS, [((0,), (6,))])})
    assert plain(arrays(folder)["x"].whole()).tolist() == FEATURES.tolist()
    change, slug = DAMAGES[name]
    change(folder)
    assert refused(folder).slug == slug


# Law: a link leads nowhere outside of the folder, neither a shard's nor the nested folder's.
def test_links(tmp_path: Path) -> None:
    folder, outer = save(tmp_path / "a", x=FEATURES), tmp_path / "outer"
    outer.mkdir()
    (outer / "model").symlink_to(folder)
    assert refused(outer).slug == "path-escapes"
    (folder / "__0_0.distcp").rename(tmp_path / "shard")
    (folder / "__0_0.distcp").symlink_to(tmp_path / "shard")
    assert refused(folder).slug == "path-escapes"


class Evil:
    """An object whose pickle makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.system, (f"touch '{self.canary}'",)


# Law: nothing runs: not from the description, not from an object, not from a tensor's item.
def test_nothing_runs(tmp_path: Path) -> None:
    canary, folder = tmp_path / "canary", tmp_path / "a"
    evil = Evil(canary)
    write(folder, {"x": (FEATURES, [((0, 0), (6, 4))])}, epoch=evil, step=[evil], note=evil)
    content = metadata(folder)
    assert not canary.exists()
    content.planner_data, content.storage_meta = evil, evil
    rewrite(folder, content)
    opened = open_path(folder)
    assert plain(opened.arrays[0].whole()).tolist() == FEATURES.tolist()
    assert "code-not-run" in {notice.slug for notice in opened.notices}
    assert not canary.exists()
    pickle.loads((folder / ".metadata").read_bytes())
    assert canary.exists()  # the canary is a good one


# Law: a list shared by many tensors does not make the description endless.
def test_shared_chunks(tmp_path: Path) -> None:
    folder = write(tmp_path, {"x": (FEATURES, [((0, 0), (6, 4))])})
    content = metadata(folder)
    one = content.state_dict_metadata["x"]
    one.chunks = one.chunks * 2000
    content.state_dict_metadata = {f"x{number}": one for number in range(2000)}
    rewrite(folder, content)
    begun = time.process_time()
    assert refused(folder).slug == "file-corrupt"
    assert time.process_time() - begun < 10


# Law: items packed by an extension are left out, and said to be.
def test_packed_items(tmp_path: Path) -> None:
    folder = save(tmp_path, x=FEATURES, y=FEATURES)
    place(transform_descriptors=["stream.zstd"])(folder)
    opened = open_path(folder)
    assert [array.key for array in opened.arrays] == ["y"]
    assert "x (float32)" in opened.notices[0].message


# Law: any flipped bit or cut in the description or the shards ends in the arrays or our error.
def test_damage(tmp_path: Path) -> None:
    save(tmp_path, x=FEATURES, epoch=3)
    opened = 0
    for name, step in ((".metadata", 3), ("__0_0.distcp", 13)):
        data = (tmp_path / name).read_bytes()
        for position in range(0, len(data), step):
            damaged = bytearray(data)
            damaged[position] ^= 1 << (position * 5 % 8)
            cut = position % 4 == 0
            (tmp_path / name).write_bytes(data[:position] if cut else damaged)
            try:
                for array in open_path(tmp_path).arrays:
                    assert tuple(array.whole().shape) == array.shape
                assert not cut
                opened += 1
            except InputError as error:
                assert error.message.isprintable()
        (tmp_path / name).write_bytes(data)
    assert opened


# Law: a big checkpoint opens by its description alone; a shard is opened when its rows are read.
def test_lazy(tmp_path: Path) -> None:
    write(tmp_path, {"x": (FEATURES, [((0, 0), (6, 4))])})
    small, rows = (tmp_path / "__0_0.distcp").read_bytes(), 2**19
    starts, length = (0, rows // 2), 2**30
    content = metadata(tmp_path)
    entry = content.state_dict_metadata["x"]
    entry.size = torch.Size([rows, 1024])
    size = torch.Size([rows // 2, 1024])
    entry.chunks = [ChunkStorageMetadata(torch.Size([at, 0]), size) for at in starts]
    content.storage_data = {
        MetadataIndex("x", (at, 0)): _StorageInfo("big", number * length, length)
        for number, at in enumerate(starts)
    }
    rewrite(tmp_path, content)
    with (tmp_path / "big").open("wb") as sparse:
        sparse.write(small)
        sparse.truncate(2 * length)
    (found,) = open_path(tmp_path).arrays
    assert found.shape == (rows, 1024)
    with pytest.raises(InputError):
        found.rows(0, 1)  # there is no archive at the end of its range


# Law: the analysis of a checkpoint is that of the same arrays in one .npz.
def test_analysis(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(30) % 3
    features = torch.randn(30, 5, generator=generator) + 3 * torch.eye(3, 5)[labels]
    content = {"features": features, "labels": labels, "head.weight": torch.eye(3, 5)}
    layouts = {key: [((0,) * one.dim(), tuple(one.shape))] for key, one in content.items()}
    layouts["features"] = [((0, 0), (17, 2)), ((0, 2), (17, 3)), ((17, 0), (13, 5))]
    write(tmp_path / "a", {key: (one, layouts[key]) for key, one in content.items()}, epoch=4)
    plain_content: dict[str, Any] = {key: one.numpy() for key, one in content.items()}
    numpy.savez(tmp_path / "a.npz", **plain_content)
    ours, theirs = nctool.analyze(tmp_path / "a"), nctool.analyze(tmp_path / "a.npz")
    assert ours.run["epoch"] == 4
    values = {one.id: one.value for one in theirs.metrics}
    assert values and {one.id: one.value for one in ours.metrics} == values
