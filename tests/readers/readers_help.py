"""Small files of every kind, and one way to compare what came back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import save_file

from nctool.arrays import LazyArray
from nctool.readers import guard, open_path

FEATURES = torch.arange(24, dtype=torch.float32).reshape(6, 4) / 7
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def arrays(path: Path) -> dict[str, LazyArray]:
    """The arrays of a file by key."""
    return {array.key: array for array in open_path(path).arrays}


def answer_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process answer what a guarded child would be asked.

    For tests of what sound files contain: the guard has tests of its own, and a child for each of
    hundreds of small files takes a minute.
    """
    monkeypatch.setattr(guard, "isolated", lambda: False)
    monkeypatch.setattr(guard.Guarded, "notices", ())


def features(path: Path) -> LazyArray:
    """The one array of a sample that holds the features."""
    return next(array for array in open_path(path).arrays if array.dtype == "float32")


def plain(rows: object) -> numpy.ndarray:
    """Rows of any kind as numpy, for comparing."""
    if isinstance(rows, torch.Tensor):
        wide = rows.dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)
        return (rows.float() if wide else rows).numpy()
    assert isinstance(rows, numpy.ndarray)
    return rows


def _safetensors(path: Path) -> None:
    save_file({"features": FEATURES, "labels": LABELS}, path, {"origin": "a test"})


def _torch_zip(path: Path) -> None:
    torch.save({"features": FEATURES, "labels": LABELS}, path)


def _torch_legacy(path: Path) -> None:
    content = {"features": FEATURES, "labels": LABELS}
    torch.save(content, path, _use_new_zipfile_serialization=False)


def _npy(path: Path) -> None:
    with path.open("wb") as file:
        numpy.save(file, FEATURES.numpy())


def _npz(path: Path) -> None:
    with path.open("wb") as file:
        numpy.savez(file, features=FEATURES.numpy(), labels=LABELS.numpy())


def _npz_compressed(path: Path) -> None:
    with path.open("wb") as file:
        numpy.savez_compressed(file, features=FEATURES.numpy(), labels=LABELS.numpy())


def _pickle(path: Path) -> None:
    import pickle

    with path.open("wb") as file:
        pickle.dump({"features": FEATURES.numpy(), "labels": LABELS.numpy()}, file)


def _onnx(path: Path) -> None:
    from onnx import helper, numpy_helper

    held = [
        numpy_helper.from_array(FEATURES.numpy(), "features"),
        helper.make_tensor("labels", 7, [6], LABELS.tolist()),
    ]
    graph = helper.make_graph([], "g", [], [], held)
    path.write_bytes(helper.make_model(graph).SerializeToString())


def _matlab(path: Path, packed: bool = False) -> None:
    from scipy.io import savemat

    with path.open("wb") as file:
        data = {"features": FEATURES.numpy(), "labels": LABELS.numpy()[:, None]}
        savemat(file, {"data": data}, do_compression=packed)


def _matlab_4(path: Path) -> None:
    from scipy.io import savemat

    with path.open("wb") as file:
        savemat(file, {"features": FEATURES.numpy()}, format="4")


def _hdf5(path: Path) -> None:
    from tests.readers.hdf5_samples import data

    data(path)


WRITERS: dict[str, Callable[[Path], None]] = {
    "safetensors": _safetensors,
    "torch": _torch_zip,
    "torch-legacy": _torch_legacy,
    "npy": _npy,
    "npz": _npz,
    "npz-compressed": _npz_compressed,
    "pickle": _pickle,
    "onnx": _onnx,
    "hdf5": _hdf5,
    "matlab": _matlab,
    "matlab-compressed": lambda path: _matlab(path, packed=True),
    "matlab-4": _matlab_4,
}
