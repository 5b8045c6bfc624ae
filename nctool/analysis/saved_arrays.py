"""The larger arrays behind a report: Gram matrices, spectra and per-class values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nctool.analysis.measure import Analysis
from nctool.core.files import replacing
from nctool.geometry.points import Points
from nctool.geometry.seriation import by_cluster
from nctool.readers import open_path
from nctool.report import Report, Result

GRAM_CLASSES = 4096
MOST_KEPT = GRAM_CLASSES**2
"""Numbers of K points that a report in memory may hold on to: 128 MiB."""


class Behind(Mapping[str, Any]):
    """The same arrays as nested lists, made when somebody first asks for one."""

    def __init__(self, analysis: Analysis) -> None:
        # Of the facts the points alone: the rest holds on to the samples.
        self.points = points_of(analysis)
        self.results = analysis.results_by_class

    @cached_property
    def arrays(self) -> dict[str, Tensor]:
        return collect(self.points, self.results)

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

    arrays = collect(points_of(analysis), analysis.results_by_class)
    with replacing(target) as draft:
        save_file(arrays, draft, {"class_names": json.dumps(analysis.facts.value("class_names"))})
    return {"file": target, "names": sorted(arrays)}


def with_arrays(analysis: Analysis) -> Report:
    """The report with its arrays at hand, so that in Python a page or figure of it has them, too.

    They are worked out when drawn. Where the points are too large to be kept, none are.
    """
    if any(each.vectors.numel() > MOST_KEPT for each in points_of(analysis).values()):
        return analysis.report
    return replace(analysis.report, behind=Behind(analysis))


def points_of(analysis: Analysis) -> dict[str, Points]:
    """Class means and classifier rows, of those that there are; not on a device."""
    points = {name: analysis.facts.value(f"all_points[{name}]") for name in ("means", "weights")}
    there = {name: each for name, each in points.items() if each is not None}
    return {
        name: each
        if each.vectors.device.type == "cpu"
        else replace(each, vectors=each.vectors.cpu())
        for name, each in there.items()
    }


def collect(points: Mapping[str, Points], results: Sequence[Result]) -> dict[str, Tensor]:
    """Every array under its published name.

    ``classes`` says which class each row of ``gram`` is, ``order`` in which order of its rows
    clusters stand together.
    """
    arrays = {
        f"per_class/{result.id}": torch.tensor(
            [float("nan") if value is None else value for value in result.per_class],
            dtype=torch.float64,
        )
        for result in results
        if result.per_class is not None
    }
    for name, each in points.items():
        arrays[f"spectrum/{name}"] = torch.linalg.svdvals(each.vectors).cpu().contiguous()
        gram = _cosines(each)
        if gram is not None:
            arrays[f"gram/{name}"] = gram
            arrays[f"classes/{name}"] = torch.tensor(each.classes)
            arrays[f"order/{name}"] = torch.tensor(by_cluster(gram))
    return arrays


def _cosines(points: Points) -> Tensor | None:
    if len(points.vectors) > GRAM_CLASSES or points.zero:
        return None
    unit = points.vectors / points.norms[:, None]
    return (unit @ unit.T).clamp(-1, 1).cpu().contiguous()
