"""Formats nctool knows by name: each is named exactly, with the line to type next."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy
import pytest
import torch

from nctool.core.errors import InputError
from nctool.readers import open_path

HEADS = {
    "file-empty": (b"", "empty"),
    "git-lfs-pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS"),
    "html-page": (b"\n<!DOCTYPE html><html><body>404</body></html>", "HTML"),
}
FORMATS = {
    "GGUF": b"GGUF\x03\0\0\0",
    "Feather file of version 1": b"FEA1\0\0\0\0",
    "gzip": gzip.compress(b"x"),
}


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        open_path(path)
    assert caught.value.hint
    return caught.value


# Law: what is no data at all has a name of its own.
@pytest.mark.parametrize("slug", sorted(HEADS))
def test_not_data(tmp_path: Path, slug: str) -> None:
    content, word = HEADS[slug]
    (tmp_path / "model.safetensors").write_bytes(content)
    error = refusal(tmp_path / "model.safetensors")
    assert error.slug == slug and word in error.message


# Law: formats of others are named from their first bytes.
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_first_bytes(tmp_path: Path, name: str) -> None:
    (tmp_path / "model").write_bytes(FORMATS[name])
    error = refusal(tmp_path / "model")
    assert error.slug == "format-unsupported" and name in error.message


# Law: real files of the libraries at hand are named too.
def test_real_files(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    joblib.dump({"x": numpy.ones(3)}, tmp_path / "j.joblib")
    assert "joblib" in refusal(tmp_path / "j.joblib").message


# Law: programs in a zip are not mistaken for checkpoints.
@pytest.mark.parametrize(
    ("members", "word"),
    [
        (("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"), "TorchScript"),
        (("archive_format", "models/model.json", "data/weights/w"), ".pt2"),
        (("config.json", "model.weights.json"), "Keras"),
    ],
)
def test_zips(tmp_path: Path, members: tuple[str, ...], word: str) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for member in members:
            archive.writestr(member, b"x")
    assert word in refusal(tmp_path / "a").message


# Law: a checkpoint whose end is missing is called cut off.
def test_truncated_zip(tmp_path: Path) -> None:
    torch.save(torch.ones(10), tmp_path / "a")
    (tmp_path / "b").write_bytes((tmp_path / "a").read_bytes()[:700])
    assert refusal(tmp_path / "b").slug == "file-truncated"


# Law: folders of others are named by what lies in them.
@pytest.mark.parametrize(
    ("files", "word"),
    [
        (("saved_model.pb",), "SavedModel"),
        (("dataset_info.json",), "Hugging Face"),
    ],
)
def test_folders(tmp_path: Path, files: tuple[str, ...], word: str) -> None:
    for file in files:
        (tmp_path / file).write_bytes(b"x")
    assert word in refusal(tmp_path).message
