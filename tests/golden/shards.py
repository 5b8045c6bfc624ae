"""Messages about data sets in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from nctool.inputs.sources import load
from nctool.settings.role_options import RoleOptions
from tests.support import written

MODULES = {
    "shard_problems": "inputs/shard_problems.py",
    "sample_index": "inputs/sample_index.py",
}
Parts = Mapping[int, Mapping[str, torch.Tensor]]
ROWS = written.cut(written.RANKS)


def part(rows: list[int], **more: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"features": written.FEATURES[rows], "labels": written.LABELS[rows], **more}


def parts(name: str = "rank{}.npz", *, of: Parts) -> None:
    """Parts as they are read from the current folder."""
    for number, arrays in of.items():
        if name.endswith(".npy"):
            written.npy(Path(), **{f"{key}_{number}": array for key, array in arrays.items()})
        else:
            written.npz(Path(name.format(number)), **arrays)
    load(["*.np?"], RoleOptions())


def indexed(*numbers: int) -> dict[str, torch.Tensor]:
    return part([*range(len(numbers))], index=torch.tensor(numbers))


CASES: dict[str, Callable[[], object]] = {
    "shard_problems.shards-differ": lambda: parts(
        of={0: part(ROWS[0]), 1: part(ROWS[1]) | {"features": torch.ones(20, 7)}}
    ),
    "shard_problems.shard-missing": lambda: parts(
        "val-{:05d}-of-00003.npz", of={0: part(ROWS[0]), 2: part(ROWS[2])}
    ),
    "shard_problems.shards-unpaired": lambda: parts(
        ".npy", of={0: part(ROWS[0]), 1: part(ROWS[1]), 2: {"features": torch.ones(20, 5)}}
    ),
    "shard_problems.shards-unpaired.rows": lambda: parts(
        of={0: part(ROWS[0]), 1: part(ROWS[1]) | {"labels": written.LABELS[:19]}}
    ),
    "shard_problems.shards-repeat": lambda: parts(of={0: part(ROWS[0]), 1: part(ROWS[0])}),
    "shard_problems.shards-or-moments": lambda: parts(
        ".npy", of={0: part(ROWS[0]), 1: part(ROWS[0]) | {"features": torch.ones(20, 5)}}
    ),
    "sample_index.index-contradicts": lambda: parts(of={0: indexed(7, 8, 9), 1: indexed(8, 5, 6)}),
    "sample_index.index-contradicts.negative": lambda: parts(
        of={0: indexed(0, 1, 2), 1: indexed(3, 4, -1)}
    ),
}
