"""Rows in memory, on disk, and kept."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import torch

import nctool
from nctool.capture.spool import Spool, check_out, key_of
from nctool.core.errors import NctoolError, UsageError

FACTS = {
    "dim": 3,
    "classes": ["ant", "bee"],
    "epoch": 3,
    "step": None,
    "split": "test",
    "layer": "fc",
}
HEAD = {"weight": torch.eye(2, 3), "bias": torch.zeros(2)}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def batches(count: int = 5, dtype: torch.dtype = torch.float32) -> list[dict[str, torch.Tensor]]:
    torch.manual_seed(1)
    labels = [torch.arange(4) % 2 for _ in range(count)]
    return [
        {
            "features": (torch.randn(4, 3) + y[:, None]).to(dtype),
            "labels": y,
            "layer1": y[:, None] + 0.5,
        }
        for y in labels
    ]


def filled(spool: Spool, dtype: torch.dtype = torch.float32) -> Spool:
    assert all(spool.add(each) for each in batches(dtype=dtype))
    return spool


# Few rows never touch the disk; many are a folder there; both give back what was put in.
@pytest.mark.parametrize("most_held", [1 << 20, 200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows(most_held: int, dtype: torch.dtype, elsewhere: Path) -> None:
    spool = filled(Spool(1 << 30, most_held=most_held), dtype)
    arrays = {array.key: array for array in spool.finish(HEAD, FACTS)}
    for key in ("features", "labels", "layer1"):
        expected = torch.cat([each[key] for each in batches(dtype=dtype)])
        assert torch.equal(torch.as_tensor(arrays[key].whole()), expected)
        assert arrays[key].dtype == str(expected.dtype).removeprefix("torch.")
    assert bool(list(elsewhere.iterdir())) == (most_held == 200)
    spool.close()
    assert not list(elsewhere.iterdir())


# What does not fit is refused, and what was taken comes out once more in its order.
@pytest.mark.parametrize("most_held", [1 << 20, 100])
def test_limit(most_held: int, elsewhere: Path) -> None:
    each = sum(values.nbytes for values in batches(1)[0].values())
    spool = Spool(3 * each, most_held=most_held)
    assert [spool.add(batch) for batch in batches()] == [True, True, True, False, False]
    taken = torch.cat([batch["features"] for batch in spool.taken()])
    assert torch.equal(taken, torch.cat([batch["features"] for batch in batches()[:3]]))
    assert not list(elsewhere.iterdir())
    assert not Spool(0).add(batches(1)[0])


# Never more than half of the free disk is taken.
def test_free_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    each = sum(values.nbytes for values in batches(1)[0].values())
    usage = shutil._ntuple_diskusage(10 * each, 5 * each, 5 * each)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    spool = Spool(1 << 30, most_held=1)
    assert [spool.add(batch) for batch in batches()] == [True, True, False, False, False]
    spool.close()


# What is kept is a folder of features like any other: with the head, the moment and class names.
@pytest.mark.parametrize("most_held", [1 << 20, 200])
def test_kept(tmp_path: Path, most_held: int) -> None:
    out = tmp_path / "feats" / "epoch=3"
    spool = filled(Spool(0, out, most_held=most_held))
    assert not (out / "nctool.json").exists()
    spool.finish(HEAD, FACTS)
    spool.close()
    report = nctool.analyze(out, metrics="nc4.accuracy", bootstrap=0)
    assert report.run["epoch"] == 3
    assert report.data["class_names"] == ["ant", "bee"] and report.data["n"] == 20
    assert report["nc4.accuracy"].value is not None
    assert [each.name for each in out.parent.iterdir()] == ["epoch=3"]


# Collecting again replaces what was collected before, and nothing else.
def test_out_again(tmp_path: Path) -> None:
    out = tmp_path / "feats"
    for _ in range(2):
        spool = filled(Spool(0, out))
        spool.finish({}, FACTS)
        spool.close()
    assert {each.name for each in tmp_path.iterdir()} == {"temporary", "feats"}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(UsageError) as caught:
        check_out(tmp_path / "mine")
    assert caught.value.slug == "out-taken"


# What is no folder that can be written is refused before the first batch.
def test_out_unwritable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "feats"):
        with pytest.raises(UsageError) as caught:
            Spool(0, out)
        assert caught.value.slug == "output-unwritable"


# A disk that is full is an error that says so, and leaves nothing behind.
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch

    def full(*_: object) -> None:
        raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    spool = filled(Spool(0, tmp_path / "feats"))
    with pytest.raises(NctoolError) as caught:
        spool.finish(HEAD, FACTS)
    assert caught.value.slug == "disk-full"
    spool.close()
    assert [each.name for each in tmp_path.iterdir()] == ["temporary"]


# A layer of a name that the folder has for something else gets another.
def test_key_of() -> None:
    assert key_of("features") == "features.output" and key_of("layer1.0") == "layer1.0"
