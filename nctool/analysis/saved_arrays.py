"""The larger arrays behind a report: Gram matrices, spectra and per-class values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nctool.analysis.measure import Analysis
from nctool.core.files import replacing
from nctool.geometry.points import Points
from nctool.readers import open_path

GRAM_CLASSES = 4096


class Behind(Mapping[str, Any]):
    """The same arrays as nested lists, made when somebody first asks for one."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis

    @cached_property
    def arrays(self) -> dict[str, Tensor]:
        return collect(self.analysis)

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name].tolist()

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


class Saved(Mapping[str, Any]):
    """The same from the file that they were saved to."""

    def __init__(self, path: Path) -> None:
        self.arrays = {array.key: array for array in open_path(path).arrays}

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name].whole().tolist()

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def save_arrays(target: str, analysis: Analysis) -> dict[str, object]:
    """Write the arrays whole or not at all; what a report says of them."""
    from safetensors.torch import save_file

    arrays = collect(analysis)
    with replacing(target) as draft:
        save_file(arrays, draft, {"class_names": json.dumps(analysis.facts.value("class_names"))})
    return {"file": target, "names": sorted(arrays)}


def collect(analysis: Analysis) -> dict[str, Tensor]:
    """Every array under its published name."""
    arrays = {
        f"per_class/{result.id}": torch.tensor(
            [float("nan") if value is None else value for value in result.per_class],
            dtype=torch.float64,
        )
        for result in analysis.results_by_class
        if result.per_class is not None
    }
    for name in ("means", "weights"):
        points: Points | None = analysis.facts.value(f"all_points[{name}]")
        if points is None:
            continue
        arrays[f"spectrum/{name}"] = torch.linalg.svdvals(points.vectors).cpu().contiguous()
        gram = _cosines(points)
        if gram is not None:
            arrays[f"gram/{name}"] = gram
    return arrays


def _cosines(points: Points) -> Tensor | None:
    if len(points.vectors) > GRAM_CLASSES or points.zero:
        return None
    unit = points.vectors / points.norms[:, None]
    return (unit @ unit.T).clamp(-1, 1).cpu().contiguous()
