"""One small data set, and the ways in which people write it in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

ROWS, DIM, CLASSES, RANKS, BATCHES = 60, 5, 4, 3, 12
_random = np.random.default_rng(12)
LABELS = torch.from_numpy(_random.integers(0, CLASSES, ROWS))
FEATURES = (3 * torch.eye(CLASSES, DIM)[LABELS] + 0.3 * torch.from_numpy(
    _random.standard_normal((ROWS, DIM))
)).float()  # fmt: skip
EPOCHS = (2, 10, 100)

Rows = Sequence[int]
Write = Callable[[Path], None]


def cut(parts: int) -> list[list[int]]:
    """The rows in order, in so many parts."""
    return [part.tolist() for part in np.array_split(np.arange(ROWS), parts)]


def sampled(ranks: int = RANKS, order: Rows = tuple(range(ROWS))) -> list[list[int]]:
    """The rows of each rank as distributed samplers give them: in turns, padded from the front."""
    padded = [*order, *order[: -len(order) % ranks]]
    return [padded[rank::ranks] for rank in range(ranks)]


def npy(folder: Path, **arrays: Tensor) -> None:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array.numpy())


def npz(path: Path, **arrays: Tensor) -> None:
    plain: dict[str, Any] = {name: array.numpy() for name, array in arrays.items()}
    np.savez(path, **plain)


def whole(path: Path) -> Path:
    npz(path, features=FEATURES, labels=LABELS)
    return path


def _npy_with_indices(folder: Path) -> None:
    for rank, rows in enumerate(sampled()):
        prefix = f"rank{rank}_val"
        npy(folder, **{f"{prefix}_features": FEATURES[rows], f"{prefix}_targets": LABELS[rows],
                       f"{prefix}_inds": torch.tensor(rows)})  # fmt: skip


def _ranks(suffix: str) -> Write:
    def write(folder: Path) -> None:
        for rank, rows in enumerate(sampled()):
            arrays = {
                "features": FEATURES[rows],
                "labels": LABELS[rows],
                "index": torch.tensor(rows),
            }
            path = folder / f"feats_rank{rank}.{suffix}"
            if suffix == "npz":
                npz(path, **arrays)
            elif suffix == "pt":
                torch.save(arrays, path)
            else:
                save_file(arrays, path)

    return write


def _chunks(folder: Path) -> None:
    for chunk, rows in enumerate(cut(RANKS)):
        npy(folder, **{f"features_{chunk}": FEATURES[rows], f"labels_{chunk}": LABELS[rows]})


def _of(folder: Path) -> None:
    for chunk, rows in enumerate(cut(RANKS)):
        npz(folder / f"val-{chunk:05d}-of-{RANKS:05d}.npz", features=FEATURES[rows],
            labels=LABELS[rows])  # fmt: skip


def _batches(suffix: str) -> Write:
    def write(folder: Path) -> None:
        for batch, rows in enumerate(cut(BATCHES)):
            path = folder / f"batch_{batch}.{suffix}"
            if suffix == "pt":
                torch.save((FEATURES[rows], LABELS[rows]), path)
            elif suffix == "npz":
                npz(path, h=FEATURES[rows], y=LABELS[rows])
            else:
                save_file({"features": FEATURES[rows], "targets": LABELS[rows]}, path)

    return write


def _ranks_and_batches(folder: Path) -> None:
    numbered = [
        (rank, rows) for rank in range(RANKS) for rows in np.array_split(cut(RANKS)[rank], 4)
    ]
    for place, (rank, rows) in enumerate(numbered):
        path = folder / f"rank{rank}_{place % 4 + 8}.npz"
        npz(path, features=FEATURES[rows], labels=LABELS[rows])


def _one_rank_empty(folder: Path) -> None:
    for rank, rows in enumerate([*cut(2), []]):
        npz(folder / f"rank{rank}.npz", features=FEATURES[rows], labels=LABELS[rows])


FOLDERS: dict[str, Write] = {
    "npy with indices": _npy_with_indices,
    "npz of ranks": _ranks("npz"),
    "pt of ranks": _ranks("pt"),
    "safetensors of ranks": _ranks("safetensors"),
    "numbered npy": _chunks,
    "npz -of-": _of,
    "pt of batches": _batches("pt"),
    "npz of batches": _batches("npz"),
    "safetensors of batches": _batches("safetensors"),
    "ranks and batches": _ranks_and_batches,
    "an empty rank": _one_rank_empty,
}
"""Folders of files, each a part."""


def _batched() -> list[tuple[Tensor, Tensor]]:
    return [(FEATURES[rows], LABELS[rows]) for rows in cut(BATCHES)]


def _numbered(path: Path) -> None:
    named = {f"features_{at}": x for at, (x, _) in enumerate(_batched())}
    npz(path, **named, **{f"labels_{at}": y for at, (_, y) in enumerate(_batched())})


FILES: dict[str, tuple[str, Write]] = {
    "list of pairs": ("x.pt", lambda path: torch.save(_batched(), path)),
    "dict of lists": (
        "x.pt",
        lambda path: torch.save(
            {"features": [x for x, _ in _batched()], "labels": [y for _, y in _batched()]}, path
        ),
    ),
    "dict of tuples": (
        "x.pt",
        lambda path: torch.save(
            {"feats": tuple(x for x, _ in _batched()), "y": tuple(y for _, y in _batched())}, path
        ),
    ),
    "list of dicts": (
        "x.pt",
        lambda path: torch.save([{"features": x, "labels": y} for x, y in _batched()], path),
    ),
    "dict by batch": (
        "x.pt",
        lambda path: torch.save(
            {f"batch_{at}": {"features": x, "labels": y} for at, (x, y) in enumerate(_batched())},
            path,
        ),
    ),
    "lists and whole labels": (
        "x.pt",
        lambda path: torch.save({"features": [x for x, _ in _batched()], "labels": LABELS}, path),
    ),
    "whole features and lists": (
        "x.pt",
        lambda path: torch.save({"features": FEATURES, "labels": [y for _, y in _batched()]}, path),
    ),
    "numbered members": ("x.npz", _numbered),
}
"""Files that hold all parts."""
