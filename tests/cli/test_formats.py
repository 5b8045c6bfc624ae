"""The container does not matter: the same arrays give the same numbers to the last digit."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tests.cli.samples import (
    Arrays,
    only,
    write_npy_folder,
    write_npz,
    write_old_torch,
    write_packed,
    write_torch,
)
from tests.cli.shell import EPOCH_10, digits_json, report

WRITERS: dict[str, tuple[Callable[[Path, Arrays], Path], str]] = {
    "npz": (write_npz, "npz"),
    "npz, compressed": (write_packed, "npz"),
    "folder of npy": (write_npy_folder, "npy"),
    "torch": (write_torch, "torch"),
    "torch, before 1.6": (write_old_torch, "torch-legacy"),
}


@cache
def digest() -> str:
    digest: str = report(EPOCH_10, "--deterministic")["digest"]
    return digest


# The same file gives the same digest again, in this process and in another.
def test_same_digest_twice() -> None:
    again: str = report(EPOCH_10, "--deterministic")["digest"]
    assert digest() == again == json.loads(digits_json().out)["digest"]


# Other numbers give another digest.
def test_other_arrays_other_digest() -> None:
    assert report(EPOCH_10, "--deterministic", "--split", "test")["digest"] != digest()


# Every container gives the digest of safetensors, and is named in the report.
@pytest.mark.parametrize("kind", WRITERS)
def test_every_container(kind: str, tmp_path: Path) -> None:
    writer, name = WRITERS[kind]
    plain = report(writer(tmp_path / "digits.any", load_file(EPOCH_10)), "--deterministic")
    assert {array["format"] for array in plain["inputs"]} == {name}
    assert len(plain["inputs"]) == 4
    assert plain["digest"] == digest()


# One .npy file for each array is as good as one file for all.
def test_single_files(tmp_path: Path) -> None:
    keys = ("train_features", "train_labels", "head.weight", "head.bias")
    folder = write_npy_folder(tmp_path / "arrays", only(load_file(EPOCH_10), *keys))
    plain = report(*sorted(folder.iterdir()), "--deterministic")
    assert {array["format"] for array in plain["inputs"]} == {"npy"}
    assert plain["digest"] == digest()
