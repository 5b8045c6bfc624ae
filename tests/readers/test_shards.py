"""Models in several files: all there, all inside their folder, and the facts of config.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nctool.core.errors import InputError
from nctool.readers import open_path
from tests.readers.readers_help import FEATURES, arrays, plain

Save = Callable[[Mapping[str, torch.Tensor], Path], None]


def save_torch(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    torch.save(dict(tensors), path)


def save_safe(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    save_file(dict(tensors), path)


KINDS: dict[str, tuple[str, Save]] = {
    "safetensors": ("model.safetensors", save_safe),
    "torch": ("pytorch_model.bin", save_torch),
}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> tuple[str, Save]:
    return KINDS[str(request.param)]


def model(folder: Path, kind: tuple[str, Save], weight_map: object = None) -> Path:
    """A model of two shards; returns its index."""
    name, save = kind
    one, two = f"a-{name}", f"b-{name}"
    save({"fc.weight": FEATURES, "extra": FEATURES.clone()}, folder / one)
    save({"fc.bias": FEATURES[0].clone()}, folder / two)
    if weight_map is None:
        weight_map = {"fc.weight": one, "fc.bias": two}
    index = folder / f"{name}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return index


# Law: a sharded model opens the same by its folder and by its index, without keys of no index.
def test_sharded(tmp_path: Path, kind: tuple[str, Save]) -> None:
    index = model(tmp_path, kind)
    for path in (index, tmp_path):
        found = arrays(path)
        assert found.keys() == {"fc.weight", "fc.bias"}
        assert (plain(found["fc.weight"].whole()) == plain(FEATURES)).all()
        assert found["fc.bias"].path.endswith(f"b-{kind[0]}")


# Law: a shard that is missing or lacks its key stops with the name of what is missing.
def test_incomplete(tmp_path: Path, kind: tuple[str, Save]) -> None:
    index = model(tmp_path, kind, {"fc.weight": f"b-{kind[0]}"})
    with pytest.raises(InputError) as caught:
        open_path(index)
    assert caught.value.slug == "shard-key-missing" and "fc.weight" in caught.value.message
    (tmp_path / f"b-{kind[0]}").unlink()
    with pytest.raises(InputError) as caught:
        open_path(index)
    assert caught.value.slug == "shard-missing"


# Law: an index leads nowhere outside its folder: not by dots, not by a root, not by a link.
@pytest.mark.parametrize("how", ["dots", "root", "link", "linked folder", "inner dots"])
def test_escapes(tmp_path: Path, kind: tuple[str, Save], how: str) -> None:
    name, save = kind
    home, outside = tmp_path / "model", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    secret = outside / f"secret-{name}"
    save({"x": FEATURES}, secret)
    (home / "sub").mkdir()
    (home / f"link-{name}").symlink_to(secret)
    (home / "away").symlink_to(outside)
    shard = {
        "dots": f"../outside/secret-{name}",
        "root": str(secret),
        "link": f"link-{name}",
        "linked folder": f"away/secret-{name}",
        "inner dots": f"sub/../../outside/secret-{name}",
    }[how]
    with pytest.raises(InputError) as caught:
        open_path(model(home, kind, {"x": shard}))
    assert caught.value.slug == "path-escapes"


# Law: the layout of a model cache, links into the blobs beside the snapshots, is inside.
def test_model_cache(tmp_path: Path, kind: tuple[str, Save]) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    model(blobs, kind)
    for number, blob in enumerate(sorted(blobs.iterdir())):
        name = blob.name
        blob.rename(blobs / str(number))
        (snapshot / name).symlink_to(Path("../../blobs") / str(number))
    assert arrays(snapshot).keys() == {"fc.weight", "fc.bias"}


# Law: names of shards that are no names are input errors.
@pytest.mark.parametrize("shard", ["", ".", "a\0b", "x" * 5000, "\x1b[2J"])
def test_odd_shard_names(tmp_path: Path, kind: tuple[str, Save], shard: str) -> None:
    with pytest.raises(InputError) as caught:
        open_path(model(tmp_path, kind, {"x": shard}).parent)
    assert caught.value.message.isprintable()


# Law: an index without a map of names is refused.
@pytest.mark.parametrize("weight_map", [[], "x", {"x": 1}, 7])
def test_odd_index(tmp_path: Path, kind: tuple[str, Save], weight_map: object) -> None:
    model(tmp_path, kind, weight_map)
    with pytest.raises(InputError) as caught:
        open_path(tmp_path)
    assert caught.value.slug == "index-invalid"


# Law: two sharded models in a folder are a question, not a guess.
def test_two_indexes(tmp_path: Path, kind: tuple[str, Save]) -> None:
    index = model(tmp_path, kind)
    index.with_name(f"ema.{index.name}").write_bytes(index.read_bytes())
    with pytest.raises(InputError) as caught:
        open_path(tmp_path)
    assert caught.value.slug == "folder-ambiguous"


# Law: a model folder adds what config.json says of classes; a broken one is a notice.
def test_config(tmp_path: Path, kind: tuple[str, Save]) -> None:
    kind[1]({"fc.weight": FEATURES}, tmp_path / kind[0])
    config = {"id2label": {"0": "cat"}, "num_labels": 6, "hidden_size": 4}
    (tmp_path / "config.json").write_text(json.dumps(config))
    opened = open_path(tmp_path)
    assert opened.path == tmp_path and [array.key for array in opened.arrays] == ["fc.weight"]
    assert opened.metadata == {"id2label": {"0": "cat"}, "num_labels": 6}
    (tmp_path / "config.json").write_bytes(b"{\xff")
    assert [notice.slug for notice in open_path(tmp_path).notices] == ["config-unreadable"]


# Law: several files without an index are told apart by their names; other data is mentioned.
def test_several_files(tmp_path: Path) -> None:
    save_safe({"x": FEATURES}, tmp_path / "a.safetensors")
    save_safe({"x": FEATURES}, tmp_path / "b.safetensors")
    (tmp_path / "c.npy").write_bytes(b"")
    opened = open_path(tmp_path)
    assert [array.key for array in opened.arrays] == ["a.x", "b.x"]
    assert [notice.slug for notice in opened.notices] == ["files-ignored"]
