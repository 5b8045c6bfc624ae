"""Small arrays that fit each other, in files of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save_file

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

CLASSES, DIM, SAMPLES = 4, 6, 80


def sample(classes: int = CLASSES) -> Arrays:
    """Features about class means, their labels, and a head that mostly gets them right."""
    random = np.random.default_rng(7)
    means = 3 * random.standard_normal((classes, DIM))  # (K, D)
    labels = np.arange(SAMPLES) % classes  # (N,)
    features = means[labels] + 0.5 * random.standard_normal((SAMPLES, DIM))  # (N, D)
    weight = means - means.mean(0)  # (K, D)
    return {
        "features": features.astype(np.float32),
        "labels": labels,
        "head.weight": weight.astype(np.float32),
        "head.bias": (0.1 * random.standard_normal(classes)).astype(np.float32),
    }


def renamed(arrays: Arrays, **names: str) -> Arrays:
    """The same arrays under other keys; dots are written as double underscores."""
    table = {old.replace("__", "."): new for old, new in names.items()}
    return {table.get(key, key): value for key, value in arrays.items()}


def only(arrays: Arrays, *keys: str) -> Arrays:
    return {key: arrays[key] for key in keys}


def write(path: Path, arrays: Arrays) -> Path:
    """As safetensors."""
    save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, path)
    return path


def write_npz(path: Path, arrays: Arrays) -> Path:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return path


def write_packed(path: Path, arrays: Arrays) -> Path:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return path


def write_npy_folder(path: Path, arrays: Arrays) -> Path:
    path.mkdir()
    for key, value in arrays.items():
        np.save(path / f"{key}.npy", value)
    return path


def write_torch(path: Path, arrays: Arrays) -> Path:
    torch.save({key: torch.from_numpy(value) for key, value in arrays.items()}, path)
    return path


def write_old_torch(path: Path, arrays: Arrays) -> Path:
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    return path
