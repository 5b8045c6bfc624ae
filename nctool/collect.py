"""The larger arrays behind a report: Gram matrices, spectra and per-class values."""

from __future__ import annotations

import json
from dataclasses import replace

import torch
from torch import Tensor

from nctool.evidence import Points
from nctool.files import replacing
from nctool.measure import Analysis
from nctool.report import Report

GRAM_CLASSES = 4096


def save_arrays(target: str, analysis: Analysis) -> Report:
    """Write the arrays whole or not at all; the report then says where they are."""
    from safetensors.torch import save_file

    arrays = collect(analysis)
    with replacing(target) as draft:
        save_file(arrays, draft, {"class_names": json.dumps(analysis.evidence.names)})
    return replace(analysis.report, arrays={"file": target, "names": sorted(arrays)})


def collect(analysis: Analysis) -> dict[str, Tensor]:
    """Every array under its published name."""
    evidence = analysis.evidence
    arrays = {
        f"per_class/{result.id}": torch.tensor(
            [float("nan") if one is None else one for one in result.per_class],
            dtype=torch.float64,
        )
        for result in analysis.results_by_class
        if result.per_class is not None
    }
    for name, points in (("means", evidence.means), ("weights", evidence.weights)):
        if points is None:
            continue
        arrays[f"spectrum/{name}"] = torch.linalg.svdvals(points.vectors).cpu().contiguous()
        gram = _cosines(points)
        if gram is not None:
            arrays[f"gram/{name}"] = gram
    return arrays


def _cosines(points: Points) -> Tensor | None:
    if len(points.vectors) > GRAM_CLASSES or points.pairs.zero:
        return None
    unit = points.vectors / points.pairs.norms[:, None]
    return (unit @ unit.T).clamp(-1, 1).cpu().contiguous()
